import Foundation
import Lab
import Metrics
import Testing

@testable import Alerts
@testable import Passes
@testable import Scraper

/// When a silence ends, as people write it.
@Suite struct SilenceEndTests {
  /// 2026-11-20 14:30:20 by this machine's clock, a Friday.
  private static let now: Timestamp = {
    var parts = tm()
    (parts.tm_year, parts.tm_mon, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec) = (
      126, 10, 20, 14, 30, 20
    )
    parts.tm_isdst = -1
    return Timestamp(seconds: Int64(mktime(&parts)))
  }()

  @Test(
    arguments: [
      (["30s"], 30), (["90m"], 5400), (["2h"], 7200), (["2hours"], 7200), (["2", "hours"], 7200),
      (["2 hours"], 7200), (["1h30m"], 5400), (["1", "h", "30", "min"], 5400),
      (["3", "days"], 259_200),
      (["1week"], 604_800), (["1.5h"], 5400), (["2Hours"], 7200), (["90d"], 7_776_000),
    ] as [([String], Int)])
  func `a length has a unit, long or short`(words: [String], seconds: Int) throws {
    let end = try SilenceEnd.parse(words, at: Self.now)
    #expect(end.nanoseconds - Self.now.nanoseconds == Int64(seconds) * 1_000_000_000)
  }

  @Test(
    arguments: [
      (["until", "18:00"], "2026-11-20 18:00:00"), (["until 18:00"], "2026-11-20 18:00:00"),
      (["until", "09:15"], "2026-11-21 09:15:00"), (["until", "14:30"], "2026-11-21 14:30:00"),
      (["until", "today", "23:59"], "2026-11-20 23:59:00"),
      (["until", "tomorrow", "8:00"], "2026-11-21 08:00:00"),
      (["until", "mon", "08:00"], "2026-11-23 08:00:00"),
      (["until", "Friday", "08:00"], "2026-11-27 08:00:00"),
      (["until", "fri", "15:00"], "2026-11-20 15:00:00"),
      (["until", "2026-12-24", "18:00"], "2026-12-24 18:00:00"),
      (["until", "2026-12-24T18:00"], "2026-12-24 18:00:00"),
      (["until", "2026-12-24 18:00"], "2026-12-24 18:00:00"),
      (["UNTIL", "18:00"], "2026-11-20 18:00:00"),
    ] as [([String], String)])
  func `a moment is by the clock of this machine`(words: [String], moment: String) throws {
    let end = try SilenceEnd.parse(words, at: Self.now)
    let parts = end.local
    let text = String(
      format: "%04d-%02d-%02d %02d:%02d:%02d", parts.tm_year + 1900, parts.tm_mon + 1,
      parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec)
    #expect(text == moment)
  }

  @Test(
    arguments: [
      ([], "for how long?"), (["30"], "30 what? 30m is minutes"), (["2h30"], "what?"),
      (["soon"], "no length of time"), (["2months"], "no length of time"),
      (["0h"], "no length of time"), (["-2h"], "no length of time"), (["91d"], "90 days at most"),
      (["h"], "no length of time"), (["until"], "until when?"),
      (["until", "25:00"], "until when?"),
      (["until", "18"], "until when?"), (["until", "18:00", "mon"], "until when?"),
      (["until", "2026-11-19", "18:00"], "is over already"),
      (["until", "today", "08:00"], "is over already"),
      (["until", "2026-11-31", "18:00"], "there is no day"),
      (["until", "2027-11-20", "18:00"], "90 days at most"),
      (["2h", "please"], "no length of time"),
      (["99999999999999999999h"], "no length of time"),
    ] as [([String], String)])
  func `what is no time is refused, with how to write it`(words: [String], problem: String) {
    let error = #expect(throws: UsageError.self) { try SilenceEnd.parse(words, at: Self.now) }
    #expect(error?.message.contains(problem) == true, "\(String(describing: error))")
  }
}

/// Silences and acknowledgements by the built command.
@Suite struct SilenceTests {
  private func range() -> Range {
    let port = freePort()
    return Range(
      hosts: """
        all:
          vars: {profile: none, probes: ["tcp:\(port)"], connection: local}
          children:
            web: {hosts: {"web[01:10]": }}
            db: {hosts: {db1: }}
        """, settings: "profiles: {none: {collectors: []}}\n")
  }

  @Test func `folded names as they are printed silence just these hosts`() throws {
    let range = range()
    let said = try range.scrape("silence", "web[02-06]", "2", "hours", "--why", "reset")
    #expect(said.status == 0)
    #expect(said.output.hasPrefix("silence 1: web[02-06] until "), "\(said)")
    let zone = Timestamp(seconds: Int64(time(nil))).zone
    #expect(said.output.contains(" \(zone), 2 h"), "\(said)")
    #expect(try range.scrape("silence", "web[0:2]", "1h").output.contains(": web[01-03] until"))
    let both = try range.scrape("silence", "web[01:03]", "1h")
    #expect(both.status == 2, "\(both)")
    #expect(both.errors.contains("web[02-04] means the former, web[01-03] the latter"), "\(both)")
  }

  @Test func `a silence without a unit is refused`() throws {
    let range = range()
    let outcome = try range.scrape("silence", "web*", "30")
    #expect(outcome.status == 2 && outcome.errors.contains("30 what?"), "\(outcome)")
    #expect(try range.scrape("silence").errors.contains("nothing is silenced"))
  }

  @Test func `silences are listed, edited and ended`() throws {
    let range = range()
    try range.scrape("silence", "web[02-06]", "2hours", "--why", "reset")
    try range.scrape("silence", "db1", "until", "tomorrow", "18:00", "--check", "https")
    let list = try range.scrape("silence").output
    #expect(list.contains("1  web[02-06]  until") && list.contains(": reset"), "\(list)")
    #expect(list.contains("2  db1 https  until") && list.contains("18:00:00"), "\(list)")
    let edited = try range.scrape("silence", "--edit", "1", "4h", "--why", "longer")
    #expect(edited.output.hasPrefix("silence 1: web[02-06] until"), "\(edited)")
    #expect(edited.output.contains("4 h"), "\(edited)")
    let moved = try range.scrape("silence", "--edit", "1", "web[02-07]")
    #expect(moved.output.hasPrefix("silence 1: web[02-07] until"), "\(moved)")
    let after = try range.scrape("silence").output
    #expect(after.contains("1  web[02-07]") && after.contains(": longer"), "\(after)")
    #expect(try range.scrape("silence", "--edit", "1").status == 2)
    #expect(try range.scrape("silence", "--edit", "9", "1h").status == 1)
    #expect(try range.scrape("silence", "--edit", "1", "30").status == 2)
    #expect(try range.scrape("silence", "--end", "1").status == 0)
    #expect(try range.scrape("silence", "--end", "1").status == 1)
    #expect(!(try range.scrape("silence").output.contains("web[")))
  }

  @Test func `acknowledgements are listed, changed and taken back`() throws {
    let range = range()
    try range.scrape("run")
    #expect(try range.scrape("ack").errors.contains("nothing is acknowledged"))
    let said = try range.scrape("ack", "web[02-06]", "--why", "cable")
    #expect(said.status == 0 && said.output.split(separator: "\n").count == 5, "\(said)")
    let list = try range.scrape("ack").output
    #expect(list.hasPrefix("web[02-06]  service tcp"), "\(list)")
    #expect(list.contains(": cable") && list.split(separator: "\n").count == 1, "\(list)")
    try range.scrape("ack", "web02", "--why", "switch")
    #expect(try range.scrape("ack").output.split(separator: "\n").count == 2)
    #expect(try range.scrape("ack", "web[02-03]", "--end").status == 0)
    #expect(try range.scrape("ack").output.hasPrefix("web[04-06]  service tcp"))
    #expect(try range.scrape("ack", "web02", "--end").status == 1)
    #expect(try range.scrape("ack", "--end").status == 2)
  }

  @Test func `what is acknowledged and is well again is not so next time`() throws {
    let port = freePort()
    let range = Range(
      hosts: "all: {hosts: {a: {connection: local, probes: [\"tcp:\(port)\"]}}}\n")
    try range.scrape("run", "--only", "probes")
    try range.scrape("ack", "a")
    let server = SilentPort(port: port)
    try range.scrape("run", "--only", "probes")
    withExtendedLifetime(server) {}
    #expect(try range.sql("SELECT count(*) FROM acknowledgement") == "0\n")
  }

  @Test func `a silence outlives hosts of it that were taken out`() throws {
    let range = range()
    try range.scrape("silence", "web[02-06]", "2h")
    let site = try Site(
      Arguments(["--inventory", range.inventory, "--store", range.store], options: Site.options))
    #expect(site.inventory.remaining("web[02-06],web11").count == 5)
  }
}

/// Folded names in all places where a pattern is taken.
@Suite struct PastedNamesTests {
  private func range(_ settings: String = "") -> Range {
    Range(
      hosts: """
        all:
          vars: {profile: none, probes: ["tcp:1"], connection: local}
          children:
            web: {hosts: {"web[01:10]": }}
            lab: {hosts: {"[001:400]": }}
        """, settings: "profiles: {none: {collectors: []}}\n\(settings)")
  }

  @Test(arguments: [
    ("web[02-06]", 5), ("web[01-03,05]", 4), ("[001-400]", 400), ("[002,004-005]", 3),
  ])
  func `commands take them`(pattern: String, count: Int) throws {
    let range = range()
    func lines(_ text: String) -> Int { text.split(separator: "\n").count }
    #expect(lines(try range.scrape("run", "--dry-run", "--limit", pattern).output) == count)
    #expect(lines(try range.scrape("list", pattern, "--json").output) == count)
    #expect(lines(try range.scrape("list", "--limit", pattern, "--json").output) == count)
    #expect(try range.scrape("silence", pattern, "1h").output.contains(": \(pattern) until"))
    try range.scrape("run", "--only", "probes", "--limit", pattern)
    let status = try range.scrape("status", pattern).output
    #expect(status.contains(" \(pattern) "), "\(status)")
    #expect(lines(try range.scrape("ack", pattern).output) == count)
    let none = try range.scrape("trust", pattern)
    #expect(none.status != 2, "\(none)")
    #expect(try range.scrape("doctor", pattern, "--deadline", "10").status != 2)
  }

  @Test func `scrape yml takes them, and refuses what may mean two things`() throws {
    func settings(_ pattern: String) -> String {
      """
      contacts: {ops: {exec: {command: [/bin/true]}}}
      alerts:
        routes: [{to: ops, hosts: "\(pattern)"}]
        maintenance: [{hosts: "\(pattern)", hours: "00:00-23:59", why: all day}]
      rules: {full: {when: mem.used_percent, minor: "> 90", hosts: "\(pattern)"}}
      services: {site: ["\(pattern)/tcp:1"]}

      """
    }
    let range = range(settings("web[02-06]"))
    let site = try Site(
      Arguments(["--inventory", range.inventory, "--store", range.store], options: Site.options))
    let hosts = site.inventory.hosts.map(\.name)
    let wanted = hosts.filter { ("web02"..."web06").contains($0) }
    #expect(hosts.filter { site.rules.has("full", for: $0) } == wanted)
    #expect(site.rules.services[0].needs.flatMap(\.checks).map(\.host) == wanted)
    #expect(site.alerts.maintenance[0].hosts == Set(wanted))
    try range.scrape("run", "--only", "probes", "--limit", "web[02-06]")
    let status = try range.scrape("status", "--json").output
    #expect(status.contains(#"{"service":"site","state":"critical"}"#), "\(status)")
    range.scratch.write(
      "inventory/scrape.yml", "profiles: {none: {collectors: []}}\n\(settings("web[01:03]"))")
    let lint = try range.scrape("lint")
    #expect(lint.status == 2, "\(lint)")
    let refused = lint.errors.occurrences(of: "web[02-04] means the former, web[01-03] the latter")
    // Route and window in one fault, then the rule's and the service's.
    #expect(refused == 3 && lint.errors.contains("the same at 1 more place"), "\(lint)")
  }
}
