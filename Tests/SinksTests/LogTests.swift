import Foundation
import Lab
import Metrics
import Testing

@testable import Store

/// The log of the store and the chain of its hashes.
struct LogTests {
  private static let begin = Int64(1_700_000_000)

  private static func time(_ second: Int64) -> Timestamp { Timestamp(seconds: begin + second) }

  private static func pass(_ second: Int64, _ warnings: [String] = []) -> PassSummary {
    PassSummary(
      start: time(second), end: time(second + 1), hosts: 3, up: 2, failed: 1, points: 40,
      warnings: warnings)
  }

  private static func result(
    _ host: String, _ second: Int64, changes: Int = 0, events: [(String, String)] = []
  ) -> HostResult {
    var points: [Point] = []
    for (source, text) in events {
      var point = Point("event", tags: [Tag("source", source), Tag("severity", "minor")])
      point.string("subject", "reboot")
      point.string("text", text)
      points.append(point)
    }
    var result = HostResult(
      batch: PointBatch(host: host, tags: [], time: time(second), points: points))
    result.transitions = (0..<changes).map {
      CheckTransition(
        "rule r\($0)", from: .ok, to: .critical, time: time(second), since: nil, message: "m")
    }
    return result
  }

  /// Runs statements on the file as somebody else would.
  private static func tamper(_ store: Store, _ sql: String) async throws {
    await store.close()
    let outcome = try run("/usr/bin/sqlite3", [store.path, sql])
    try #require(outcome.status == 0, "\(outcome)")
  }

  private static func withLog(_ body: (Store) async throws -> Void) async throws {
    try await withFolder { folder in
      let store = Store(path: folder + "/scrape.db")
      for second in Int64(1)...9 { try await store.finish(pass(second * 15), []) }
      try await body(store)
    }
  }

  @Test func `a pass leaves a line, and one for each change, event and new warning`() async throws {
    try await withFolder { folder in
      let store = Store(path: folder + "/scrape.db")
      try await store.finish(
        Self.pass(0, ["web1: slow"]),
        [
          Self.result("web1", 0, changes: 2, events: [("host", "rebooted"), ("check", "ssh")]),
          Self.result("web2", 0),
        ])
      try await store.finish(Self.pass(15, ["web1: slow", "web2: late"]), [])
      try await store.log([
        .action("trust", by: "ann", hosts: ["web1"], "ssh-ed25519", at: Self.time(20))
      ])
      let lines = try await store.logLines()
      #expect(
        lines.map(\.kind) == [
          .pass, .warning, .change, .change, .event, .pass, .warning, .action,
        ])
      #expect(lines.map(\.number) == Array(1...8))
      #expect(lines[0].body["failed"]?.integer == 1 && lines[0].body["pass"]?.integer == 1)
      #expect(lines[2].host == "web1" && lines[2].body["to"]?.string == "critical")
      #expect(lines[4].body["message"]?.string == "rebooted")
      #expect(lines[6].body["message"]?.string == "web2: late")
      #expect(lines[7].host == "web1" && lines[7].body["who"]?.string == "ann")
      #expect(try await store.logLines(since: Self.time(15)).map(\.number) == [6, 7, 8])
      #expect(try await store.verifyLog().faults == [])
    }
  }

  @Test func `parts of a pass of the watch make no further line`() async throws {
    try await withFolder { folder in
      let store = Store(path: folder + "/scrape.db")
      let number = try await store.finish(Self.pass(0), [], isOpen: true)
      for second in Int64(1)...5 {
        try await store.finish(
          Self.pass(0), [Self.result("web1", second, changes: second == 3 ? 1 : 0)],
          continued: number, isOpen: true)
      }
      #expect(try await store.logLines().map(\.kind) == [.pass, .change])
    }
  }

  @Test func `silences and acknowledgements are in the log, with their ends`() async throws {
    try await withFolder { folder in
      let store = Store(path: folder + "/scrape.db")
      var silence = Store.Silence(
        hosts: "web*", check: nil, from: Self.time(0), until: Self.time(3600), who: "ann",
        why: "reset")
      silence.id = try await store.add(silence, of: ["web1", "web2"])
      try await store.change(silence, of: ["web1", "web2"], by: "bob", at: Self.time(5))
      #expect(try await store.endSilence(silence.id, by: "eve", at: Self.time(9)))
      #expect(try await store.endSilence(silence.id, by: "eve", at: Self.time(10)) == false)
      let word = Store.Acknowledgement(
        host: "web1", check: "ssh", severity: .critical, time: Self.time(11), who: "ann",
        why: "cable")
      try await store.add([word])
      try await store.remove([word])
      try await store.remove([word], by: "bob", at: Self.time(12))
      let lines = try await store.logLines()
      #expect(
        lines.map { "\($0.body["action"]?.string ?? "") \($0.body["who"]?.string ?? "")" } == [
          "silence ann", "silence changed bob", "silence ended eve", "ack ann", "ack ended bob",
        ])
      #expect(
        lines[0].body["message"]?.string
          == "silence 1 of web* until 2023-11-14T23:13:20.000Z: reset")
      #expect(lines[3].host == "web1" && lines[3].body["message"]?.string == "ssh: cable")
    }
  }

  @Test(
    arguments: [
      ("DELETE FROM log WHERE id = 4", ["line 4 is missing"]),
      ("DELETE FROM log WHERE id IN (4, 5, 6)", ["lines 4 to 6 are missing"]),
      ("DELETE FROM log WHERE id = 1", ["line 1 is missing"]),
      ("DELETE FROM log WHERE id = 9", ["line 9 is missing"]),
      ("DELETE FROM log WHERE id > 7", ["lines 8 to 9 are missing"]),
      ("DELETE FROM log", ["lines 1 to 9 are missing"]),
      ("UPDATE log SET time = time + 1 WHERE id = 3", ["line 3"]),
      ("UPDATE log SET kind = 'event' WHERE id = 3", ["line 3"]),
      ("UPDATE log SET host = 'web1' WHERE id = 3", ["line 3"]),
      ("UPDATE log SET host = '' WHERE id = 3", ["line 3"]),
      ("UPDATE log SET body = replace(body, '40', '41') WHERE id = 9", ["line 9"]),
      ("UPDATE log SET hash = zeroblob(32) WHERE id = 5", ["line 5", "line 6"]),
      ("UPDATE log SET hash = zeroblob(32) WHERE id = 9", ["line 9", "line 9: its hash is not"]),
      ("UPDATE log SET id = 20 WHERE id = 9", ["lines 9 to 19 are missing", "11 lines after"]),
      ("UPDATE log SET id = 0 WHERE id = 4", ["line 0 is before", "line 4 is missing"]),
      (
        "INSERT INTO log SELECT 10, time, kind, host, body, hash FROM log WHERE id = 9",
        ["line 10", "1 line after the last one, 9"]
      ),
      (
        "UPDATE log_end SET last = 8, hash = (SELECT hash FROM log WHERE id = 8)",
        ["1 line after the last one, 8"]
      ),
      ("UPDATE log_end SET first = 2", ["line 1 is before", "line 2"]),
      ("UPDATE log_end SET anchor = randomblob(32)", ["line 1"]),
      ("DELETE FROM log_end", ["the end of the chain is gone"]),
    ] as [(String, [String])])
  func `what was removed or altered is named`(sql: String, faults: [String]) async throws {
    try await Self.withLog { store in
      #expect(try await store.verifyLog().faults == [])
      try await Self.tamper(store, sql)
      let found = try await store.verifyLog().faults
      #expect(found.count == faults.count, "\(found)")
      for (one, wanted) in zip(found, faults) { #expect(one.hasPrefix(wanted), "\(found)") }
      // Further passes do not hide it.
      try await store.finish(Self.pass(1000), [])
      #expect(try await !store.verifyLog().faults.isEmpty)
    }
  }

  @Test func `a head that was noted shows a chain that was computed anew`() async throws {
    try await Self.withLog { store in
      let noted = try await store.verifyLog()
      let mark = Store.LogMark(number: noted.last, hash: noted.head)
      try await store.finish(Self.pass(1000), [])
      #expect(try await store.verifyLog(against: mark).faults == [])
      // Somebody begins the log again, with as many lines and a chain that is whole.
      try await Self.tamper(
        store,
        "DELETE FROM log; UPDATE log_end SET first = 1, anchor = zeroblob(32), last = 0, hash = zeroblob(32)"
      )
      for second in Int64(1)...12 { try await store.finish(Self.pass(second * 15 + 1), []) }
      #expect(try await store.verifyLog().faults == [])
      let found = try await store.verifyLog(against: mark).faults
      #expect(found.count == 1 && found[0].hasPrefix("line 9 has the hash"), "\(found)")
      let gone = try await store.verifyLog(against: Store.LogMark(number: 90, hash: "00000000"))
      #expect(gone.faults == ["line 90, which was noted, is not there"])
    }
  }

  @Test func `old lines are dropped, and the chain goes on from there`() async throws {
    try await withFolder { folder in
      let store = Store(
        path: folder + "/scrape.db", limits: .init(keep: .seconds(100 * 15)))
      var noted: Store.LogVerdict?
      for second in Int64(1)...400 {
        try await store.finish(Self.pass(second * 15), [])
        if second == 120 { noted = try await store.verifyLog() }
      }
      let verdict = try await store.verifyLog()
      #expect(verdict.faults == [] && verdict.last == 400)
      #expect((100...170).contains(verdict.lines), "\(verdict)")
      #expect(verdict.first == 400 - Int64(verdict.lines) + 1)
      let mark = Store.LogMark(number: 120, hash: noted?.head ?? "")
      #expect(try await store.verifyLog(against: mark).faults.count == 1)
      // The anchor is the hash of the line before the first one that is kept.
      let last = Store.LogMark(number: verdict.first - 1, hash: "0000000000")
      #expect(
        try await store.verifyLog(against: last).faults.first?.contains("has the hash") == true)
    }
  }

  @Test func `one host cannot displace the lines of others`() async throws {
    try await withFolder { folder in
      let store = Store(path: folder + "/scrape.db")
      for second in Int64(0)..<30 {
        try await store.finish(
          Self.pass(second * 15),
          [Self.result("bad", second, changes: 500), Self.result("good", second, changes: 1)])
      }
      let lines = try await store.logLines()
      let own = lines.filter { $0.host == "bad" }
      #expect(own.count == 1000)
      #expect(own[49].body["message"]?.string == "451 more lines of this host left out")
      #expect(lines.count { $0.host == "good" } == 30)
      #expect(try await store.verifyLog().faults == [])
    }
  }

  @Test func `a store without the log gets one`() async throws {
    try await withFolder { folder in
      let path = folder + "/scrape.db"
      let before = Schema.migrations.dropLast().joined(separator: "\n")
      let outcome = try run(
        "/usr/bin/sqlite3",
        [
          path,
          ";" + before
            + "PRAGMA application_id = \(Schema.applicationID); PRAGMA user_version = \(Schema.migrations.count - 1)",
        ])
      try #require(outcome.status == 0, "\(outcome)")
      let store = Store(path: path)
      try await store.finish(Self.pass(0), [])
      #expect(await store.notes().allSatisfy { !$0.contains("damaged") })
      #expect(try await store.logLines().map(\.kind) == [.pass])
    }
  }

  /// Prints the cost; it fails only where that is far off.
  @Test func `a quiet pass costs less than a millisecond more`() async throws {
    try await withFolder { folder in
      let store = Store(path: folder + "/scrape.db")
      try await store.finish(Self.pass(0), [])
      // Many passes as one transaction each time: what is measured is the work, not the disk.
      let lines = (0..<2000).map { LogLine.pass(Self.pass(Int64($0) * 15), Int64($0)) }
      let clock = ContinuousClock()
      let took = try await clock.measure { try await store.log(lines) }
      let each = took / lines.count
      print("log: \(each) a line")
      #expect(each < .milliseconds(1))
    }
  }
}
