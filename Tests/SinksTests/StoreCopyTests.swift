import Foundation
import Lab
import Metrics
import Testing

@testable import Store

/// A store of an earlier format is opened, and copied before it is changed.
@Suite struct StoreCopyTests {
  private func pass(_ number: Int, up: Int = 1, _ scope: PassScope = .timer) -> PassSummary {
    let time = Timestamp(seconds: 1_000_000 + Int64(number))
    return PassSummary(
      start: time, end: time, hosts: 1, up: up, failed: 1 - up, points: 0, warnings: [],
      scope: scope)
  }

  /// A store as the scrape of that format left it, with one host.
  private func write(_ version: Int, to path: String) throws {
    let database = try Database(path: path)
    try database.execute("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL")
    for migration in Schema.migrations.prefix(version) { try database.execute(migration) }
    try database.execute(
      """
      PRAGMA application_id = \(Schema.applicationID); PRAGMA user_version = \(version);
      INSERT INTO host (id, name, seen, tags, facts, due, memory)
      VALUES (1, 'web1', 7, x'', x'', x'', x'')
      """)
  }

  @Test(arguments: 1..<Int(Schema.version))
  func `the store of every earlier format opens, and a copy of it can be put back`(_ version: Int)
    async throws
  {
    let scratch = Scratch()
    let path = scratch.write("scrape.db", "")
    try write(version, to: path)
    let copy = "\(path)-format-\(version)"
    let store = Store(path: path)
    #expect(try await store.load(["web1"]).count == 1)
    let notes = await store.notes()
    #expect(notes.count == 1 && notes[0].contains("from format \(version) to \(Schema.version)"))
    #expect(notes[0].contains(copy))
    await store.close()
    // Readable by its owner only, complete without a log, and of the old format.
    let mode = try FileManager.default.attributesOfItem(atPath: copy)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    try FileManager.default.moveItem(atPath: copy, toPath: "\(path).back")
    let back = try Database(path: "\(path).back")
    #expect(try back.integer("PRAGMA user_version") == Int64(version))
    #expect(try back.integer("SELECT seen FROM host WHERE name = 'web1'") == 7)
  }

  @Test func `the copy goes when a whole pass with an answer is stored`() async throws {
    let scratch = Scratch()
    let path = scratch.write("scrape.db", "")
    let version = Int(Schema.version) - 1
    try write(version, to: path)
    let copy = "\(path)-format-\(version)"
    func isThere() -> Bool { FileManager.default.fileExists(atPath: copy) }
    // Each command opens the store anew.
    _ = try await { try await Store(path: path).finish(pass(1, up: 0), []) }()
    #expect(isThere())
    _ = try await { try await Store(path: path).finish(pass(2, .part), []) }()
    #expect(isThere())
    _ = try await { try await Store(path: path).finish(pass(3), []) }()
    #expect(!isThere())
  }

  @Test func `the watch keeps the copy for its first round`() async throws {
    let scratch = Scratch()
    let path = scratch.write("scrape.db", "")
    try write(Int(Schema.version) - 1, to: path)
    let copy = "\(path)-format-\(Schema.version - 1)"
    let store = Store(path: path)
    let first = try await store.finish(pass(1), [], isOpen: true)
    try await store.finish(pass(2), [], continued: first, isOpen: true)
    #expect(FileManager.default.fileExists(atPath: copy))
    try await store.finish(pass(3), [], isOpen: true)
    #expect(!FileManager.default.fileExists(atPath: copy))
  }

  @Test func `without room for a copy the store opens all the same, and says so`() async throws {
    let scratch = Scratch()
    let path = scratch.write("scrape.db", "")
    let version = Int(Schema.version) - 1
    try write(version, to: path)
    // A folder that is not empty stands where the draft would.
    scratch.write("scrape.db-format-\(version).draft/x", "")
    let store = Store(path: path)
    #expect(try await store.load(["web1"]).count == 1)
    let notes = await store.notes()
    #expect(notes.count == 1 && notes[0].contains("without a copy of before"))
  }

  @Test func `an earlier scrape names the copy`() async throws {
    let scratch = Scratch()
    let path = scratch.write("scrape.db", "")
    try write(Int(Schema.version), to: path)
    do { try Database(path: path).execute("PRAGMA user_version = 99") }
    scratch.write("scrape.db-format-\(Schema.version)", "")
    let error = await #expect(throws: StoreError.self) { try await Store(path: path).open() }
    #expect(error?.reason == .newer)
    #expect(error?.message.contains("put back \(path)-format-\(Schema.version)") == true)
  }
}
