import Foundation
import Metrics
import Testing

@testable import Facts

/// Answers of hosts to the script of facts, kept as texts: `Fixtures/SYSTEM.txt`, with the expected facts
/// beside each, `SYSTEM.facts`. A line `=== WORDS` begins a part.
struct FactsTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Fixtures")

  static let systems: [String] = {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path())) ?? []
    return files.filter { $0.hasSuffix(".txt") }.map { String($0.dropLast(4)) }.sorted()
  }()

  static func parts(_ system: String) throws -> [Facts.Part] {
    let text = try String(
      contentsOf: folder.appending(path: "\(system).txt"), encoding: .utf8)
    var parts: [Facts.Part] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
      if line.hasPrefix("=== ") {
        parts.append(Facts.Part(title: Array(line.dropFirst(4).utf8), content: []))
      } else if !parts.isEmpty {
        parts[parts.count - 1].content += Array(line.utf8) + [0x0a]
      }
    }
    return parts
  }

  static func facts(_ system: String) throws -> Facts {
    Facts(parts: try parts(system), isWhole: true)
  }

  @Test(arguments: systems)
  func `an answer gives the facts beside it`(_ system: String) throws {
    let facts = try Self.facts(system)
    let text = facts.items.map { String(decoding: $0, as: UTF8.self) }.joined()
    let file = Self.folder.appending(path: "\(system).facts")
    if ProcessInfo.processInfo.environment["SCRAPE_UPDATE"] != nil {
      try Data(text.utf8).write(to: file)
    }
    #expect(text == (try String(contentsOf: file, encoding: .utf8)))
    #expect(Facts(items: facts.items) == facts)
  }

  @Test func `there are captures of the three package managers`() {
    #expect(Self.systems.count >= 4, "\(Self.systems)")
  }

  private func list(_ pairs: [(String, String)], gap: String? = nil) -> Facts.List {
    Facts.List(pairs.map { Facts.Entry($0.0, $0.1) }, gap: gap)
  }

  @Test func `what is new, gone or changed is an event, with a bounded number of names`() throws {
    let before = Facts([
      .packages: list([("bash", "5.1"), ("openssl", "3.0.11"), ("vim", "9.0")]),
      .users: list([("root", "uid 0")]), .cron: list([("a", "")], gap: "no permission"),
    ])
    var packages = [("bash", "5.1"), ("openssl", "3.0.15")]
    packages += (0..<40).map { ("new\($0)", "1") }
    let after = Facts([
      .packages: list(packages), .users: list([("root", "uid 0"), ("eve", "uid 0")]),
      .cron: list([("b", "")]),
    ])
    let changes = FactChanges(from: before, to: after)
    #expect(changes.all.count == 43)
    let events = changes.events
    let texts = events.compactMap { event -> String? in
      if case .string(let text)? = event[field: "text"] { text } else { nil }
    }
    #expect(texts.count == 4)
    #expect(texts[0].hasPrefix("package new: new0 1; new1 1; new10 1;"))
    #expect(texts[0].hasSuffix("; and 32 more"), "\(texts[0])")
    #expect(texts[1] == "package gone: vim 9.0")
    #expect(texts[2] == "package changed: openssl 3.0.11 → 3.0.15")
    #expect(texts[3] == "user new: eve uid 0")
    #expect(events.map { $0[tag: "severity"] } == ["ok", "ok", "ok", "minor"])
    #expect(FactChanges(from: after, to: after).isEmpty)
  }

  @Test func `what could not be read did not change, and stays as it was`() {
    let before = Facts([.users: list([("root", "uid 0")]), .groups: list([("root", "gid 0")])])
    var after = Facts([.users: list([], gap: "no permission"), .groups: list([("root", "gid 0")])])
    #expect(FactChanges(from: before, to: after).isEmpty)
    after.fill(from: before)
    #expect(after == before)
    // An answer that was cut off says nothing of what follows.
    let cut = Facts(
      parts: [
        .init(title: Array("passwd".utf8), content: Array("root:x:0:0:r:/root:/bin/sh\n".utf8))
      ],
      isWhole: false)
    #expect(cut.lists.count == Facts.Kind.allCases.count)
    #expect(cut.lists.values.allSatisfy { $0.gap != nil && $0.entries.isEmpty })
  }

  @Test func `a line that may hold a secret is known by its hash only`() throws {
    let content =
      "5 * * * * root curl -u admin:geheim --password geheim https://x\n1 * * * * root true\n"
    let facts = Facts(
      parts: [.init(title: Array("cron /etc/crontab".utf8), content: Array(content.utf8))],
      isWhole: true)
    let names = facts.lists[.cron]?.entries.map(\.name) ?? []
    #expect(names.count == 2 && !names.joined().contains("geheim"), "\(names)")
    #expect(names.contains { $0.hasPrefix("/etc/crontab: 5 … (not shown") }, "\(names)")
  }

  @Test(arguments: [
    ("MYSQL_PASSWORD=geheim", "MYSQL_PASSWORD= …"), ("PGPASS='geheim x'", "PGPASS= …"),
    ("a.b=geheim; secret", "…"), ("token:geheim", "…"), ("https://a:geheim@b/", "…"),
    ("@daily root rsync --password-file=geheim", "@daily …"),
    ("*/5 1-3 * * * curl -u a:geheim x", "*/5 …"),
    ("0 3 * * * root mysqldump -pgeheim all", "0 …"),
    ("1,2 * * * * x 'Authorization: geheim'", "1,2 …"),
    ("geheim-token x y", "…"),
  ])
  func `of a line that may hold a secret only its time or variable is kept`(
    _ line: String, _ head: String
  ) throws {
    for (title, place) in [
      ("cron /etc/cron.d/x", "/etc/cron.d/x: "), ("cronspool", "/var/spool/cron/root:"),
    ] {
      let content = title == "cronspool" ? place + line : line
      let facts = Facts(
        parts: [.init(title: Array(title.utf8), content: Array((content + "\n").utf8))],
        isWhole: true)
      let list = facts.lists[title == "cronspool" ? .crontabs : .cron]
      let name = try #require(list?.entries.first?.name)
      #expect(!name.contains("geheim"), "\(name)")
      let shown = head == "…" && title == "cronspool" ? " …" : head
      #expect(name.hasPrefix("\(place)\(shown) (not shown"), "\(name)")
    }
  }

  @Test func `a change behind the cut of a long name or value is a change`() throws {
    func group(_ last: String) -> Facts {
      let members = (0..<60).map { "user\($0)" }.joined(separator: ",")
      return Facts(
        parts: [
          .init(title: Array("group".utf8), content: Array("docker:x:99:\(members),\(last)\n".utf8))
        ], isWhole: true)
    }
    let (before, after) = (group("zed"), group("zoe"))
    let value = try #require(before.lists[.groups]?.entries.first?.value)
    #expect(value.utf8.count <= 200 && value.contains("user1,") && value.hasSuffix(")"), "\(value)")
    #expect(FactChanges(from: before, to: after).all.count == 1)
    #expect(FactChanges(from: before, to: group("zed")).isEmpty)
    #expect(Facts(items: before.items) == before)
    // Two rules that begin alike are two.
    let rules = ["a", "b"].map { String(repeating: "x", count: 300) + $0 + "\n" }.joined()
    let facts = Facts(
      parts: [.init(title: Array("sudoers".utf8), content: Array(rules.utf8))], isWhole: true)
    #expect(facts.lists[.sudoers]?.entries.count == 2)
  }

  @Test(arguments: [
    ("6.1.0-9-amd64", "6.1.0-25-amd64", true), ("6.1.0-25-amd64", "6.1.0-9-amd64", false),
    ("5.14.0-427.el9", "5.14.0-427.13.1.el9", true), ("6.6.9-0-lts", "6.6.10-0-lts", true),
    ("a", "a", false), ("1.09", "1.9", false), ("1.9", "1.09", false),
  ])
  func `versions of kernels compare by their numbers`(_ one: String, _ other: String, _ older: Bool)
  {
    let text = "x\n/boot/vmlinuz-\(one)\n/boot/vmlinuz-\(other)\n"
    let facts = Facts(
      parts: [.init(title: Array("kernel".utf8), content: Array(text.utf8))], isWhole: true)
    let newest = facts.lists[.kernel]?.entries.first { $0.name == "newest installed" }?.value
    if one.utf8.first.map({ $0 < 0x3a }) == true, older { #expect(newest == other) }
    if one.utf8.first.map({ $0 < 0x3a }) == true, !older {
      #expect(newest == one || newest == other)
    }
  }

  /// Hostile bytes: nothing traps, and what comes out is bounded and printable.
  @Test(arguments: systems)
  func `a changed answer gives bounded facts`(_ system: String) throws {
    let parts = try Self.parts(system)
    var state: UInt64 = 0x9e37_79b9_7f4a_7c15
    func next(_ count: Int) -> Int {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Int(state % UInt64(max(1, count)))
    }
    for round in 0..<400 {
      var changed = parts.map {
        Facts.Part(title: $0.title, content: Array($0.content.prefix(2000)))
      }
      for _ in 0..<1 + next(6) {
        let place = next(changed.count)
        let count = changed[place].content.count
        switch next(6) {
        case 0 where count > 0: changed[place].content[next(count)] = UInt8(next(256))
        case 1: changed[place].content = Array(changed[place].content.prefix(next(count)))
        case 2: changed[place].content += changed[next(changed.count)].content
        case 3: changed.swapAt(place, next(changed.count))
        case 4: changed[place].title = Array("x packages \(next(200))".utf8)
        default: changed[place].content += [UInt8](repeating: UInt8(next(256)), count: next(5000))
        }
      }
      let facts = Facts(parts: changed, isWhole: round % 3 != 0)
      for list in facts.lists.values {
        for entry in list.entries {
          #expect(entry.name.utf8.count <= 200 && entry.value.utf8.count <= 200)
          #expect(
            !entry.name.utf8.contains { $0 < 0x20 } && !entry.value.utf8.contains { $0 < 0x20 })
        }
      }
      #expect(Facts(items: facts.items) == facts)
      let events = FactChanges(from: facts, to: try Self.facts(system)).events
      #expect(events.count <= 3 * Facts.Kind.allCases.count)
    }
  }
}
