import Foundation
import Lab
import Metrics
import Testing

@testable import Passes

/// When a period begins, as people write it.
@Suite struct SinceTimeTests {
  /// 2026-11-20 14:30:20 by this machine's clock.
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
      ("14:30", "2026-11-20 14:30"), ("15:00", "2026-11-19 15:00"), ("today", "2026-11-20 00:00"),
      ("yesterday", "2026-11-19 00:00"), ("yesterday 18:15", "2026-11-19 18:15"),
      ("Today 9:05", "2026-11-20 09:05"), ("2026-11-01", "2026-11-01 00:00"),
      ("2026-11-01 18:00", "2026-11-01 18:00"), ("2026-11-01T18:00", "2026-11-01 18:00"),
    ])
  func `a moment is by the clock of this machine`(text: String, moment: String) throws {
    let parts = try SinceTime.parse(text, at: Self.now).local
    let found = String(
      format: "%04d-%02d-%02d %02d:%02d", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
      parts.tm_hour, parts.tm_min)
    #expect(found == moment)
  }

  @Test func `a length counts back from now`() throws {
    let begin = try SinceTime.parse("2h", at: Self.now)
    #expect(Self.now.seconds - begin.seconds == 7200)
  }

  @Test(
    arguments: [
      "", "soon", "25:00", "18:00:00", "tomorrow", "2026-11-31", "2026-12-01", "0h", "-2h",
      "today 15:00", "2026-11-01 18", "18:00 yesterday", "yesterday today",
    ])
  func `what is no time of the past is refused`(text: String) {
    #expect(throws: UsageError.self) { try SinceTime.parse(text, at: Self.now) }
  }
}

/// `scrape log` by the built command.
@Suite(.timeLimit(.minutes(2))) struct LogCommandTests {
  private let range: Range
  private let port = freePort()

  init() {
    range = Range(
      hosts: """
        all:
          vars: {connection: local, profile: none}
          hosts: {web1: {probes: ["tcp:\(port)"]}, web2: , db1: }
        """,
      settings: """
        profiles: {none: {collectors: []}}
        contacts: {ops: {exec: {command: [/bin/true]}}, dead: {exec: {command: [/bin/false]}}}
        """)
  }

  @Test func `passes, changes, notifications and actions are one time line`() throws {
    for _ in 0..<3 { try range.scrape("run") }
    try range.scrape("ack", "web1", "--why", "cable")
    try range.scrape("silence", "web[1-2]", "2h", "--why", "reset")
    try range.scrape("silence", "--end", "1")
    let all = try range.scrape("log")
    #expect(all.status == 0, "\(all)")
    let lines = all.output.split(separator: "\n").map(String.init)
    func has(_ words: String...) -> Bool {
      lines.contains { line in words.allSatisfy { line.contains($0) } }
    }
    #expect(has("  pass  ", "hosts up"), "\(all)")
    #expect(has("  change  ", "web1", "service tcp:\(port): ", "→ critical"), "\(all)")
    #expect(has("  notified", "ops", "exec", "first of incident"), "\(all)")
    #expect(has("  unsent", "dead"), "\(all)")
    #expect(has("  action  ", "ack web1: service tcp:\(port)", ": cable"), "\(all)")
    #expect(has("  action  ", "silence web[1-2]: silence 1 of web[1-2] until"), "\(all)")
    #expect(has("  action  ", "silence ended: silence 1 of web[1-2]"), "\(all)")
    // Only its host's lines.
    let one = try range.scrape("log", "--host", "db1")
    #expect(one.output.isEmpty && one.errors.contains("nothing since"), "\(one)")
    let web = try range.scrape("log", "--host", "web1", "--json").output.split(separator: "\n")
    #expect(web.count >= 5 && web.allSatisfy { !$0.contains("\"kind\":\"pass\"") }, "\(web)")
    let passes = try range.scrape("log", "--kind", "pass", "--json").output.split(separator: "\n")
    #expect(passes.count == 3)
    #expect(try range.scrape("log", "--kind", "pass").output.split(separator: "\n").count < 3)
    #expect(
      try range.scrape("log", "--kind", "pass", "--all").output.split(separator: "\n").count == 3)
    #expect(try range.scrape("log", "--since", "never").status == 2)
    #expect(try range.scrape("log", "--kind", "passes").status == 2)
    #expect(try range.scrape("log", "--host", "nobody").status == 2)
  }

  @Test func `a line that somebody took out is noticed`() throws {
    for _ in 0..<3 { try range.scrape("run") }
    let whole = try range.scrape("log", "--verify")
    #expect(whole.status == 0 && whole.output.contains("none missing or altered"), "\(whole)")
    let head = whole.output.split(separator: "\n").last?.split(separator: " ").last.map(String.init)
    let noted = try #require(head)
    try range.scrape("run")
    #expect(try range.scrape("log", "--verify", "--head", noted).status == 0)
    let wrong = "\(noted.split(separator: ":")[0]):00000000"
    #expect(try range.scrape("log", "--verify", "--head", wrong).status == 1)
    #expect(try range.scrape("log", "--verify", "--head", "5").status == 2)
    #expect(try range.scrape("log", "--head", noted).status == 2)
    try run("/usr/bin/sqlite3", [range.store, "DELETE FROM log WHERE id = 2"])
    let broken = try range.scrape("log", "--verify")
    #expect(broken.status == 1 && broken.output.hasPrefix("line 2 is missing\n"), "\(broken)")
    #expect(broken.output.contains("NOT WHOLE"))
    let json = try range.scrape("log", "--verify", "--json")
    #expect(json.output.contains("\"faults\":[\"line 2 is missing\"]"), "\(json)")
  }

  @Test func `before the first pass there is no log`() throws {
    let outcome = try range.scrape("log")
    #expect(outcome.status == 1 && outcome.errors.contains("no pass has run yet"), "\(outcome)")
  }
}
