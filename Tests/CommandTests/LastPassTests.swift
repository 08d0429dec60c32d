import Foundation
import Lab
import Metrics
import Sinks
@testable import Store
import Testing

@testable import Alerts
@testable import Passes
@testable import Scraper

/// That passes stopped is noticed, and that two inventories keep apart.
@Suite struct LastPassTests {
  private static let hosts = """
    all:
      vars: {connection: local, profile: small}
      hosts: {a: , b: , c: }

    """
  private static let settings = "profiles: {small: {collectors: {mem: {}}}}\n"

  /// A range after some passes, which a timer began at that interval.
  private func range(_ passes: Int = 4, every seconds: Int = 15) throws -> Range {
    let range = Range(hosts: Self.hosts, settings: Self.settings)
    for _ in 0..<passes { try range.scrape("run") }
    try range.sql(
      """
      UPDATE pass SET start = start - (\(passes) - id) * \(seconds) * 1000000000,
      stop = stop - (\(passes) - id) * \(seconds) * 1000000000
      """)
    return range
  }

  @Test func `status begins with the age of the last whole pass`() throws {
    let range = try range()
    let status = try range.scrape("status")
    #expect(status.status == 0, "\(status)")
    let first = status.output.split(separator: "\n").first ?? ""
    #expect(first.hasPrefix("last whole pass ") && first.contains(" s ago ("), "\(first)")
    #expect(first.contains("3 of 3 hosts up"), "\(first)")
    #expect(try range.scrape("status", "a").output.hasPrefix("last whole pass "))
  }

  @Test(
    arguments: [
      (15, 40, false), (15, 60, true), (60, 170, false), (60, 200, true), (15, 3 * 86_400, true),
    ])
  func `status and doctor are loud when passes stopped for three intervals`(
    interval: Int, age: Int, isLate: Bool
  ) throws {
    let range = try range(every: interval)
    try range.age(by: age)
    let status = try range.scrape("status")
    #expect(status.status == (isLate ? 1 : 0), "\(status)")
    #expect(status.output.hasPrefix("NO WHOLE PASS FOR ") == isLate, "\(status)")
    if isLate {
      let every = interval == 60 ? "1 min" : "\(interval) s"
      #expect(status.output.contains("one came every \(every)"), "\(status)")
      #expect(status.output.contains("systemctl list-timers"), "\(status)")
    }
    let doctor = try range.scrape("doctor")
    let line = doctor.output.split(separator: "\n").first { $0.contains(" passes ") } ?? ""
    #expect(line.hasPrefix(isLate ? "✗" : "✓"), "\(doctor)")
    #expect(line.contains(isLate ? "NO WHOLE PASS FOR" : "last whole pass"), "\(doctor)")
    if isLate { #expect(doctor.status == 1) }
    let json = try range.scrape("status", "--json")
    #expect(json.status == status.status)
    let object = json.output.split(separator: "\n").first ?? ""
    #expect(object.hasPrefix("{\"last_pass\":{"), "\(json)")
    #expect(object.contains("\"late\":\(isLate)"), "\(json)")
    #expect(object.contains("\"interval_s\":\(interval)"), "\(json)")
  }

  @Test func `where the interval is unknown an hour is too long`() throws {
    let range = try range(1)
    try range.age(by: 3500)
    #expect(try range.scrape("status").status == 0)
    try range.age(by: 200)
    let status = try range.scrape("status")
    #expect(status.status == 1 && status.output.hasPrefix("NO WHOLE PASS FOR 1 h 1 min"))
  }

  @Test func `one long pause changes nothing about the interval`() throws {
    let range = try range(8)
    try range.sql("UPDATE pass SET start = start - 86400000000000 WHERE id < 5")
    try range.age(by: 60)
    let status = try range.scrape("status")
    #expect(status.status == 1 && status.output.contains("one came every 15 s"), "\(status)")
  }

  @Test(arguments: [["--limit", "a"], ["--only", "mem"]])
  func `a part of a pass does not replace the headline`(words: [String]) throws {
    let range = try range()
    try range.age(by: 600)
    try range.scrape(words: ["run"] + words)
    let status = try range.scrape("status")
    #expect(status.status == 1, "\(status)")
    #expect(status.output.hasPrefix("NO WHOLE PASS FOR 10 min"), "\(status)")
    #expect(status.output.contains("; one of a part "), "\(status)")
    // Neither do a thousand of them push it out.
    try range.sql(
      """
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100)
      INSERT INTO pass (start, stop, hosts, up, failed, points, warnings, scope)
      SELECT start, stop, hosts, up, failed, points, warnings, 2 FROM pass, n WHERE pass.id = 5
      """)
    try range.scrape(words: ["run"] + words)
    #expect(try range.scrape("status").output.hasPrefix("NO WHOLE PASS FOR 10 min"))
    #expect(try range.sql("SELECT count(*) FROM pass WHERE scope = 2") == "1000\n")
  }

  @Test func `a pass from a terminal does not replace a timer's`() throws {
    let range = Range(hosts: Self.hosts, settings: Self.settings)
    try range.onTerminal("run")
    let alone = try range.scrape("status")
    #expect(alone.output.contains("started by hand") && alone.status == 0, "\(alone)")
    try range.scrape("run")
    #expect(!(try range.scrape("status").output.contains("by hand")))
    try range.age(by: 4000)
    try range.onTerminal("run")
    let status = try range.scrape("status")
    #expect(status.status == 1 && status.output.contains("; one by hand "), "\(status)")
  }

  @Test func `only parts are no whole pass`() throws {
    let range = Range(hosts: Self.hosts, settings: Self.settings)
    try range.scrape("run", "--limit", "a")
    let status = try range.scrape("status")
    #expect(status.status == 1 && status.output.hasPrefix("NO WHOLE PASS YET"), "\(status)")
  }

  @Test func `a pass of the future is loud, too`() throws {
    let range = try range()
    try range.age(by: -7200)
    let status = try range.scrape("status")
    #expect(status.status == 1 && status.output.contains("ENDED IN THE FUTURE"), "\(status)")
  }

  // MARK: Whose store it is

  @Test func `another inventory is refused the store, with the options to use`() throws {
    let range = try range(1)
    let other = range.scratch.write("other/hosts.yml", "all: {hosts: {z: {connection: local}}}\n")
    let commands = [
      ["run"], ["run", "--dry-run"], ["status"], ["list"], ["silence"], ["silence", "z", "1h"],
      ["ack", "z"], ["alerts"], ["host", "z"],
    ]
    for words in commands {
      let outcome = try run(
        Scrape.program, words + ["--inventory", other, "--store", range.store])
      #expect(outcome.status == 2, "\(words): \(outcome)")
      #expect(
        outcome.errors.contains("--store FILE") && outcome.errors.contains("--adopt-store"),
        "\(words): \(outcome)")
    }
    #expect(try range.sql("SELECT count(*) FROM pass") == "1\n")
    let doctor = try run(
      Scrape.program, ["doctor", "--inventory", other, "--store", range.store])
    #expect(doctor.output.contains("belongs to the inventory"), "\(doctor)")
    let adopted = try run(
      Scrape.program, ["run", "--adopt-store", "--inventory", other, "--store", range.store])
    #expect([0, 1].contains(adopted.status), "\(adopted)")
    #expect(try range.scrape("run").status == 2)
  }

  @Test func `an inventory that changed, and one that was moved, keep their store`() throws {
    let range = try range(1)
    let more = Self.hosts.replacingOccurrences(of: "c: ", with: "d: ")
    range.scratch.write("inventory/hosts.yml", more)
    #expect(try range.scrape("run").status == 0)
    let moved = range.scratch.write("moved/hosts.yml", more)
    range.scratch.write("moved/scrape.yml", Self.settings)
    let outcome = try run(Scrape.program, ["run", "--inventory", moved, "--store", range.store])
    #expect(outcome.status == 0, "\(outcome)")
    #expect(try range.sql("SELECT inventory FROM owner") == "\(moved)\n")
  }
}

extension Range {
  /// What SQLite's own shell says to it.
  @discardableResult
  func sql(_ text: String) throws -> String {
    let outcome = try Lab.run("/usr/bin/sqlite3", [store, text])
    guard outcome.status == 0 else { throw Unavailable(description: outcome.errors) }
    return outcome.output
  }

  /// Lets all passes be older than they are.
  func age(by seconds: Int) throws {
    let step = seconds * 1_000_000_000
    try sql("UPDATE pass SET start = start - \(step), stop = stop - \(step)")
  }

  @discardableResult
  func scrape(words: [String], environment: [String: String] = [:]) throws -> Outcome {
    try Lab.run(
      Scrape.program, words + ["--inventory", inventory, "--store", store],
      environment: ["USER": NSUserName(), "SSH_AUTH_SOCK": "", "LC_ALL": "C.UTF-8"].merging(
        environment
      ) { $1 })
  }

  /// Runs the command on a terminal of its own, of that many columns, and returns what it showed.
  @discardableResult
  func onTerminal(
    _ words: String..., columns: Int = 80, environment: [String: String] = [:]
  ) throws -> String {
    let all = [Scrape.program] + words + ["--inventory", inventory, "--store", store]
    let line = all.map { "'\($0)'" }.joined(separator: " ")
    return try Lab.run(
      "/usr/bin/script",
      ["-qec", "stty cols \(columns) rows 200; \(line)", "/dev/null"],
      environment: [
        "USER": NSUserName(), "SSH_AUTH_SOCK": "", "TERM": "xterm", "NO_COLOR": "",
        "LC_ALL": "C.UTF-8",
      ]
      .merging(environment) { $1 }
    ).output
  }
}
