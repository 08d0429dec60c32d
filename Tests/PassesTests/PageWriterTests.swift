import Configuration
import Foundation
import Lab
import Metrics
import Store
import Testing

@testable import Passes

/// Folders of pages from a store with two hours of two hosts. In everything that the second one says is a mark.
@Suite struct PageWriterTests {
  private let scratch = Scratch()
  private static let now = Timestamp(seconds: Timestamp.now.seconds / 600 * 600 + 300)

  private func site(_ pages: String) throws -> Site {
    scratch.write(
      "inventory/hosts.yml",
      """
      all:
        vars: {profile: small}
        children:
          blue: {hosts: {alpha: {tags: {team: blue}, address: 10.0.0.1, probes: ["tcp:1"]}}}
          MARKgroup:
            hosts: {MARKhost: {tags: {team: MARKteam}, address: MARK.example, behind: alpha, probes: [{tcp:2: {name: MARKtcp}}]}}

      """)
    scratch.write(
      "inventory/scrape.yml",
      """
      profiles: {small: {collectors: [system]}}
      scores: {by: [team]}
      policies: {ours: {hosts: alpha}, MARKpolicy: {hosts: MARKhost}}
      rules: {MARKrule: {when: cpu.usage_active, minor: "> 77", hosts: MARKhost}}
      pages:
      \(pages)

      """)
    var findings = Findings()
    let site = Site(
      inventory: "\(scratch.path)/inventory", config: nil, store: "\(scratch.path)/db",
      checkingKeys: false, &findings)
    try findings.finish()
    return site
  }

  /// What a host says in one pass; all its words begin with the mark.
  private func result(_ host: String, _ mark: String, at time: Timestamp, _ number: Int)
    -> HostResult
  {
    var batch = PointBatch(host: host, tags: [Tag("host", host)], time: time)
    func add(_ measurement: String, _ tags: [Metrics.Tag], _ fields: [(String, FieldValue)]) {
      var point = Point(measurement, tags: tags)
      point.fields = fields.map { Field($0.0, $0.1) }
      batch.points.append(point)
    }
    add("cpu", [Tag("cpu", "cpu-total")], [("usage_active", .float(Double(number % 60)))])
    for path in ["/", "/data"] {
      add("disk", [Tag("path", "\(mark)\(path)")], [("used_percent", .float(50))])
    }
    add(
      "diskio", [Tag("name", "\(mark)sda")],
      [
        ("read_bytes", .integer(Int64(number) * 6_000_000)), ("write_bytes", .integer(0)),
      ])
    add(
      "ipmi_sensor", [Tag("name", "\(mark)inlet"), Tag("unit", "degrees_c")],
      [
        ("value", .float(24))
      ])
    add("users", [], [("list", .string("\(mark)carol pts/0 from 10.8.0.12 · \(mark)dave pts/1"))])
    add(
      "procstat", [Tag("by", "cpu"), Tag("rank", "1")],
      [
        ("process", .string("\(mark)postgres")), ("cpu_usage", .float(40)),
      ])
    add("service", [Tag("service", "\(mark)tcp")], [("latency_ms", .float(3))])
    if number == 60 {
      add(
        "login", [Tag("action", "login")],
        [
          ("user", .string("\(mark)alice")), ("from", .string("\(mark)elsewhere")),
        ])
      add(
        "event", [Tag("source", "sel"), Tag("severity", "major")],
        [
          ("subject", .string("\(mark)PSU 2")), ("text", .string("input lost")),
        ])
      add(
        "event", [Tag("source", "host"), Tag("severity", "minor")],
        [
          ("subject", .string("reboot")), ("text", .string("\(mark)up again")),
        ])
    }
    var result = HostResult(
      batch: batch, facts: ["os": "\(mark)Debian", "last_logins": "\(mark)eve"])
    result.outcomes = [
      TargetOutcome(
        target: "ssh", up: false, severity: .critical, reason: .timeout, message: "\(mark)no answer"
      )
    ]
    result.states["ssh"] = CheckState(
      .critical, at: time, reason: .timeout, message: "\(mark)no answer")
    if number == 60 {
      result.transitions = [
        CheckTransition(
          "ssh", from: .ok, to: .critical, time: time, since: nil, isFlapping: false,
          reason: .hostKeyChanged, message: "\(mark)key")
      ]
    }
    return result
  }

  private func policy(_ host: String, _ policy: String, _ mark: String) -> Store.PolicyRecord {
    var counts = Store.PolicyCounts()
    counts.passed = 61
    counts.failed = 3
    return Store.PolicyRecord(
      host: host, policy: policy, time: Self.now.before(.seconds(30)), body: [], counts: counts,
      findings: [
        Store.PolicyFinding(
          id: "12", title: "\(mark)tmp", verdict: "failed", why: "\(mark)mounts")
      ])
  }

  /// Two hours, a pass a minute.
  private func fill(_ store: Store, minutes: Int = 120) async throws {
    for number in 0...minutes {
      let time = Self.now.before(.seconds(Int64(60 * (minutes - number))))
      try await store.finish(
        PassSummary(start: time, end: time, hosts: 2, up: 0, failed: 2, points: 10),
        [result("alpha", "", at: time, number), result("MARKhost", "MARK", at: time, number)],
        policies: number == minutes
          ? [policy("alpha", "ours", ""), policy("MARKhost", "MARKpolicy", "MARK")] : [])
    }
  }

  private func files(_ folder: String) -> [String: String] {
    var files: [String: String] = [:]
    let path = "\(scratch.path)/inventory/\(folder)"
    for case let name as String in FileManager.default.enumerator(atPath: path) ?? .init() {
      files[name] = try? String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)
    }
    return files
  }

  @Test func `a host has its last hour and day, limits, log-ins, policies`() async throws {
    let site = try site("  - {folder: all}")
    let store = site.store()
    try await fill(store)
    let results = await PageWriter(site, store, limit: .seconds(60)).write(at: Self.now)
    #expect(results.map(\.failure) == [nil] && results.first?.pages == 9, "\(results)")
    let page = try #require(files("all")["host/alpha.html"])
    for words in [
      ">last hour<", ">24 h<",
      "rule disk full: minor above 90 %, major above 95 %, critical above 97 %",
      ">Disk traffic<", "sda read (line), sda written (dashes)", ">Temperatures<",
      "alice logged in from elsewhere", "PSU 2: input lost", ">carol pts/0 from 10.8.0.12<",
      ">dave pts/1<",
      ">postgres<", "61 of 64 passed", "12 tmp", ">mounts<", "Debian",
    ] {
      #expect(page.contains(words), "no \(words)")
    }
    // 100 kB/s from counters, written as a rate.
    #expect(page.contains("last sda read 97.7 KiB/s"), "\(page)")
    // The two hours before, of which the first was read back: twelve slots and the open one.
    let day = try #require(try await store.day(of: "alpha").flatMap { DayFigures($0) })
    let means = day.values(of: "CPU\u{1F}", from: Self.now.before(.seconds(86_400)), to: Self.now)
    #expect(means.count >= 11 && means.count <= 12, "\(means.count)")
    #expect(means.allSatisfy { $0.peak <= 59 && $0.mean > 0 && $0.mean < $0.peak })
    let all = files("all")
    #expect(all["events.html"]?.contains("MARKalice logged in from MARKelsewhere") == true)
    #expect(all["changes.html"]?.contains("MARKup again") == true)
    #expect(all["changes.html"]?.contains("alice") == false)
    #expect(all["changes.html"]?.contains("host_key_changed") == true)
    #expect(all["scores.html"] == nil, "no service was probed")
    #expect(all["policies.html"]?.contains("12 MARKtmp") == true)
  }

  @Test func `Blue sees not a byte of others, nor what is withheld`() async throws {
    let site = try site(
      """
        - {folder: blue, hosts: blue}
        - {folder: quiet, hosts: blue, hide: [logins, bmc, policies, messages, changes]}
        - {folder: later, hosts: blue, delay: 90m}
      """)
    let store = site.store()
    try await fill(store)
    let results = await PageWriter(site, store, limit: .seconds(60)).write(at: Self.now)
    #expect(results.allSatisfy { $0.failure == nil && $0.pages > 5 }, "\(results)")
    for folder in ["blue", "quiet", "later"] {
      let files = files(folder)
      #expect(files["host/alpha.html"] != nil)
      for (name, text) in files { #expect(!text.contains("MARK"), "\(folder)/\(name)") }
    }
    #expect(files("blue")["events.html"]?.contains("alice logged in") == true)
    for (name, text) in files("quiet") {
      for word in [
        "alice", "carol", "eve<", "PSU", "inlet", "Temperatures", "61 of 64", "mounts", "no answer",
      ] {
        #expect(!text.contains(word), "\(name): \(word)")
      }
    }
    #expect(files("quiet")["changes.html"] == nil && files("quiet")["policies.html"] == nil)
    // All of it happened in the last hour and a half, and the policy was evaluated half a minute ago.
    for (name, text) in files("later") {
      for word in ["alice", "PSU", "61 of 64", "mounts"] {
        #expect(!text.contains(word), "\(name): \(word)")
      }
    }
  }

  @Test func `a day grows by what is new, and a host that was away is filled in`() async throws {
    let site = try site("  - {folder: all}")
    let store = site.store()
    try await fill(store, minutes: 300)
    let count = {
      try await store.day(of: "alpha").flatMap { DayFigures($0) }.map {
        (
          $0.begin, $0.end,
          $0.values(of: "CPU\u{1F}", from: Self.now.before(.seconds(86_400)), to: Self.now).count
        )
      }
    }
    var last = 0
    for round in 1...5 {
      _ = await PageWriter(site, store, limit: .seconds(60)).write(at: Self.now)
      let day = try #require(try await count())
      #expect(day.2 > last || last >= 29, "round \(round): \(day)")
      #expect(day.1 == DayFigures.number(of: Self.now))
      last = day.2
    }
    // Five hours have thirty slots; the first and the last are not whole.
    #expect(last >= 29, "\(last)")
  }
}
