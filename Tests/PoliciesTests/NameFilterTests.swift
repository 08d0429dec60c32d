import Foundation
import Testing

@testable import Policies

/// Which files of a folder are read: at least those that a rule names, and few others.
struct NameFilterTests {
  private static let names = [
    "a.conf", "A.CONF", "xconf", "conf", "50-cloud.conf", "a.conf.bak", "ssh_host_rsa_key",
    "ssh_host_rsa_key.pub", "README", ".hidden", "x~", "a b", "10-x.rules", "sudoers", "r:.conf",
    "admin", "admin.old", "-x", "a$b", "(a)", "q'uote", "star*", "tab\tx", "ä.conf", "12", "a1b22",
    "key = ", "kk_1967", "", "abc", "aab", "aaab", "[x]", "a+b", "moduli", "sshd_config",
  ]

  private func filter(_ pattern: String, _ dialect: Dialect) throws -> (NameFilter, Rule.NameTest) {
    let rule = try Rule(Array("d:/d -> \(pattern) -> r:x".utf8), dialect)
    var filter = NameFilter()
    let name = try #require(rule.name)
    filter.add(name, try #require(rule.nameText))
    return (filter, name)
  }

  /// What a shell lets through.
  private func admitted(_ filter: NameFilter, _ names: [String], shell: [String]) throws -> Set<
    String
  > {
    let process = Process()
    process.executableURL = URL(filePath: shell[0])
    process.arguments =
      Array(shell.dropFirst()) + [
        "-c",
        "w() { \(filter.script); }; for m; do w \"$m\" && printf '%s\\0' \"$m\"; done; exit 0",
        "sh",
      ] + names
    process.environment = ["LC_ALL": "C", "PATH": "/usr/bin:/bin"]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(filter.script)")
    return Set(
      bytes.split(separator: 0, omittingEmptySubsequences: false).dropLast().map {
        String(decoding: $0, as: UTF8.self)
      })
  }

  @Test(
    arguments: [
      (
        "r:\\.conf$", 4,
        ["a.conf", "A.CONF", "xconf", "conf", "50-cloud.conf", "r:.conf", "ä.conf"]
      ),
      ("r:\\.conf$", 5, ["a.conf", "A.CONF", "50-cloud.conf", "r:.conf", "ä.conf"]),
      ("r:^[^.~]+$", 5, nil), ("r:^50-\\w+\\.conf$", 5, ["50-cloud.conf"]),
      ("r:^(admin|sudoers)$", 5, ["admin", "sudoers"]), ("conf$", 4, nil),
      ("sshd_config", 4, ["sshd_config"]), ("^admin", 4, ["admin", "admin.old"]),
      ("r:\\.(rules|conf)$", 5, nil), ("r:^[0-9]+$", 5, ["12"]),
      ("r:^(?!README).*\\.conf$", 5, nil), ("r:^[A-Za-z0-9_-]+$", 5, nil),
    ] as [(String, Int, [String]?)])
  func `files that no rule names are left out on the host`(
    _ pattern: String, _ dialect: Int, _ wanted: [String]?
  ) throws {
    let (filter, test) = try filter(pattern, dialect == 4 ? .four : .five)
    #expect(filter.isKnown && !filter.letsAllThrough, "\(filter)")
    for shell in [["/bin/dash"], ["/bin/bash"], ["/bin/busybox", "sh"]] {
      let admitted = try admitted(filter, Self.names, shell: shell)
      for name in Self.names where try test.accepts(Array(name.utf8)) {
        #expect(admitted.contains(name), "\(pattern): \(name): \(filter.script)")
      }
      for name in ["ssh_host_rsa_key"] where !(try test.accepts(Array(name.utf8))) {
        #expect(!admitted.contains(name), "\(filter.script)")
      }
      if let wanted { #expect(admitted == Set(wanted), "\(filter.script)") }
    }
  }

  @Test func `what has no globs lets all through, and is known as such`() throws {
    for (pattern, dialect) in [
      ("r:(a)\\1", Dialect.five), ("!r:x", .five), ("!x", .four), ("r:\\x41", .five),
      ("r:(*UTF)a", .five), ("r:(?i)a", .five),
    ] {
      let (filter, _) = try filter(pattern, dialect)
      #expect(!filter.isKnown && filter.letsAllThrough, "\(pattern)")
      #expect(filter.script == ":")
    }
    let (all, _) = try filter("r:.", .five)
    #expect(all.isKnown && all.letsAllThrough)
  }

  /// Patterns of both engines, made at random from their parts.
  @Test(arguments: [Dialect.four, .five])
  func `whatever a pattern matches is let through`(_ dialect: Dialect) throws {
    var generator = Seeded(seed: 16)
    let parts =
      dialect == .four
      ? ["a", "b", "c", "\\.", "\\.*", "\\w+", "\\d*", "\\S*", "(", ")", "^", "$", "|", ".", "x"]
      : [
        "a", "b", "c", ".", ".*", "\\w+", "\\d?", "[ab]", "[^b]", "(", ")", "(?:", "(?!b)", "^",
        "$", "|", "\\.", "x+", "a{1,2}", "[a-c]*", "+", "?", "\\b",
      ]
    let letters = Array("abcx.1_")
    let names = (0..<60).map { _ in
      String(
        (0..<Int.random(in: 0...6, using: &generator)).compactMap { _ in
          letters.randomElement(using: &generator)
        })
    }
    var known = 0
    for _ in 0..<400 {
      let pattern = (0..<Int.random(in: 1...6, using: &generator)).compactMap { _ in
        parts.randomElement(using: &generator)
      }.joined()
      let (filter, test) = try filter("r:" + pattern, dialect)
      guard filter.isKnown, !filter.letsAllThrough else { continue }
      known += 1
      let admitted = try admitted(filter, names, shell: ["/bin/dash"])
      for name in names where try test.accepts(Array(name.utf8)) {
        #expect(admitted.contains(name), "\(pattern): \(name): \(filter.script)")
      }
    }
    #expect(known > 60, "\(known)")
  }

  @Test func `find of root prints a folder as the other way does`() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "root-folder-\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, text) in [
      ("admin", "one\n"), ("a.b", "two"), ("sub/deep", "C5/etc/x\0\n"), ("new\nline", "three"),
      ("big", String(repeating: "x", count: 70_000)), ("empty", ""),
    ] {
      let file = folder.appending(path: name)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    symlink("admin", folder.appending(path: "link").path())
    let (filter, _) = try filter("r:^[^.~]+$", .five)
    let path = Array(folder.path().utf8.dropLast(folder.path().hasSuffix("/") ? 1 : 0))
    let words = RootFolder.words(path, reads: true, filter)
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/find")
    process.arguments = Array(words.dropFirst())
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let content = Array(output.fileHandleForReading.readDataToEndOfFile())
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    func part(_ title: String, _ content: [UInt8] = []) -> HostCollection.Part {
      HostCollection.Part(title: Array(title.utf8), content: content)
    }
    let parts = RootFolder.expanded(
      [part("p da"), part("g", content), part("x 0"), part("t")], of: path)
    let titles = parts.map { String(decoding: $0.title, as: UTF8.self) }
    #expect(titles.first == "p d" && titles.last == "x 0")
    let read = parts.filter { $0.title.first == UInt8(ascii: "c") }
    #expect(read.count == 5 && !titles.contains { $0.hasSuffix("/a.b") }, "\(titles)")
    let collection = HostCollection(
      user: 1, records: [.init(item: .folder(path, reads: true), parts: parts)])
    let list = try #require(try collection.folders[path]?.get())
    #expect(list.count == 7)
    let texts = ["admin": 4, "sub/deep": 10, "big": CollectionScript.memberLimit, "empty": 0]
    for (name, count) in texts {
      let found = collection.paths[path + Array("/\(name)".utf8)]
      #expect(try found?.content?.get().bytes.count == count, "\(name)")
    }
    // Refused, or another text: the ordinary way counts.
    for text in ["sudo: a password is required\n", "d/etc", "C99999/x\0", "fx"] {
      let kept = RootFolder.expanded(
        [part("p da"), part("g", Array(text.utf8)), part("x 0"), part("x 0")], of: path)
      #expect(kept == [part("p da")], "\(text)")
    }
    #expect(
      RootFolder.expanded(
        [
          part("p a"), part("g", Array("find: No such file or directory".utf8)),
          part("x 1"),
        ], of: path) == [part("p m")])
  }
}

/// Numbers that are the same in each run.
private struct Seeded: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }
  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}
