import Foundation
import Lab
import Testing

/// docs/json.md and what the commands print are one.
@Suite(.timeLimit(.minutes(2))) struct JSONPageTests {
  private static let page: String = {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return (try? String(contentsOf: root.appending(path: "docs/json.md"), encoding: .utf8)) ?? ""
  }()

  /// The words in back-ticks of the section whose heading holds the text.
  private static func words(of heading: String) -> Set<String> {
    let sections = page.components(separatedBy: "\n## ").dropFirst()
    guard let section = sections.first(where: { $0.prefix { $0 != "\n" }.contains(heading) }) else {
      return []
    }
    let parts = section.components(separatedBy: "`")
    return Set(stride(from: 1, to: parts.count, by: 2).map { parts[$0] })
  }

  /// Members whose own members are names of the inventory's or of hosts.
  private static let free = ["tags", "fields", "facts"]
  private static let times = [
    "time", "start", "refused", "end", "since", "until", "last_up", "opened", "closed", "delivered",
    "silenced_until", "round",
  ]

  private static func faults(_ value: Any, _ words: Set<String>, names: Bool = false) -> [String] {
    if let items = value as? [Any] { return items.flatMap { faults($0, words) } }
    guard let object = value as? [String: Any] else { return [] }
    return object.flatMap { name, value -> [String] in
      var found: [String] = []
      if !names, !words.contains(name) { found.append("\(name) is not on the page") }
      if times.contains(name) {
        let text = value as? String ?? "\(value)"
        if text.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(\d{3}|\d{9})Z/) == nil {
          found.append("\(name) is \(text)")
        }
      }
      if free.contains(name) { return found }
      return found + faults(value, words, names: name == "deliveries")
    }
  }

  private let sshd: Sshd
  private let range: Range

  init() throws {
    sshd = try Sshd(addresses: ["127.77.44.1"])
    range = Range(
      hosts: """
        all:
          vars: {user: \(NSUserName()), key: \(sshd.key), known_hosts: \(sshd.knownHosts)}
          hosts:
            hv: {connection: local, profile: p}
            web1: {on: hv, address: 127.77.44.1, port: \(sshd.port), profile: p, tags: {site: a},
              probes: ["tcp:\(sshd.port)", "tcp:\(freePort())"]}
        """,
      settings: """
        profiles: {p: {collectors: {mem: , system: , logins: }}}
        contacts: {ops: {exec: {command: [/bin/true]}}}
        services: {shop: {needs: ["web1/tcp:\(sshd.port)"]}}
        """)
  }

  @Test func `every member of every command is on the page, and times are RFC 3339`() throws {
    let point = try range.scrape("run", "--json")
    #expect(try range.scrape("run").status != 2)
    try run(
      "/usr/bin/sqlite3",
      [range.store, "INSERT INTO rest VALUES ('web1', 'root', 3, 1700000000, 1, 0)"])
    let outputs = [
      ("scrape run --json", point),
      ("scrape host NAME --json", try range.scrape("host", "web1", "--json")),
      (
        "scrape probe SPEC HOST --json",
        try range.scrape("probe", "tcp:\(sshd.port)", "web1", "--json", "--explain")
      ),
      ("scrape list --json", try range.scrape("list", "--json")),
      ("scrape list --rules --json", try range.scrape("list", "--rules", "--json")),
      ("scrape doctor --json", try range.scrape("doctor", "--json")),
      ("scrape preflight --json", try range.scrape("preflight", "--json")),
      ("scrape preflight --json", try range.scrape("preflight", "--json", "--since", "1h")),
      ("scrape status --json", try range.scrape("status", "--json", "--verbose")),
      ("scrape status --limits --json", try range.scrape("status", "--limits", "--json")),
      ("scrape status --history --json", try range.scrape("status", "--history", "--json")),
      ("scrape alerts --json", try range.scrape("alerts", "--json")),
      ("scrape log --json", try range.scrape("log", "--json")),
      ("scrape log --verify --json", try range.scrape("log", "--verify", "--json")),
    ]
    for (heading, outcome) in outputs {
      var words = Self.words(of: heading)
      #expect(!words.isEmpty, "no section for \(heading)")
      if heading.contains("host NAME") {
        words.formUnion(Self.words(of: "scrape probe SPEC HOST --json"))
      }
      let lines = outcome.output.split(separator: "\n")
      #expect(!lines.isEmpty, "\(heading): \(outcome.errors)")
      var faults: Set<String> = []
      for line in lines {
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
        faults.formUnion(Self.faults(object, words))
      }
      #expect(faults.isEmpty, "\(heading): \(faults.sorted().joined(separator: "; "))")
      // Nanoseconds since 1970 have nineteen digits.
      #expect(outcome.output.firstMatch(of: /[:\[,]1\d{18}\b/) == nil, "\(heading)")
    }
  }
}
