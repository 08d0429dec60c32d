import Configuration
import Foundation
import Lab
import Testing

@testable import Scraper

/// Keys that have another name now. Debug builds take renames from the environment.
@Suite(.timeLimit(.minutes(2))) struct RenamedTests {
  private func scrape(
    _ words: [String], in range: Range, _ renames: String
  ) throws -> Outcome {
    try run(
      Scrape.program, words + ["--inventory", range.inventory, "--store", range.store],
      environment: ["SCRAPE_RENAMED": renames, "SSH_AUTH_SOCK": "", "LC_ALL": "C.UTF-8"])
  }

  /// A setting under its old name, where that stands, and the file with both names.
  struct Case: CustomTestStringConvertible, Sendable {
    var rename: String
    var file: String
    var old: String
    var place: String
    var both: String
    var testDescription: String { "\(rename) in \(file)" }
  }

  private static let host = "all: {hosts: {a: {address: 10.0.0.1}}}\n"

  @Test(arguments: [
    Case(
      rename: "scrape.yml/fan/fanout", file: "scrape.yml", old: "fan: 3\n", place: ":1:1:",
      both: "fan: 3\nfanout: 4\n"),
    Case(
      rename: "store/limit/size", file: "scrape.yml", old: "store: {limit: 2GiB}\n",
      place: ":1:9:", both: "store: {size: 2GiB, limit: 2GiB}\n"),
    Case(
      rename: "influxdb/base/database", file: "scrape.yml",
      old: "sinks:\n  - influxdb: {url: \"http://127.0.0.1:9\", base: x}\n", place: ":2:43:",
      both: "sinks: [{influxdb: {url: \"http://127.0.0.1:9\", base: x, database: x}}]\n"),
    Case(
      rename: "rule/bad/major", file: "scrape.yml",
      old: "rules:\n  hot: {when: cpu.usage_active, bad: \"> 90\"}\n", place: ":2:33:",
      both: "rules: {hot: {when: cpu.usage_active, bad: \"> 90\", major: \"> 80\"}}\n"),
    Case(
      rename: "rule/bad/major", file: "scrape.yml", old: "rules: {load high: {bad: \"> 90\"}}\n",
      place: ":1:21:", both: "rules: {load high: {bad: \"> 90\", major: \"> 80\"}}\n"),
    Case(
      rename: "contact/reminders/syslog", file: "scrape.yml",
      old: "contacts: {ops: {reminders: {address: local}}}\n", place: ":1:18:",
      both: "contacts: {ops: {reminders: {address: local}, syslog: {address: local}}}\n"),
    Case(
      rename: "probe udp/attempts/tries", file: "hosts.yml",
      old: "all: {hosts: {a: {address: 10.0.0.1, probes: [{udp: {port: 9, attempts: 3}}]}}}\n",
      place: ":1:63:",
      both:
        "all: {hosts: {a: {address: 10.0.0.1, probes: [{udp: {port: 9, attempts: 3, tries: 4}}]}}}\n"
    ),
    Case(
      rename: "bmc/login/user", file: "hosts.yml",
      old: "all: {hosts: {a: {address: 10.0.0.1, bmc: {address: 10.0.0.2, login: x}}}}\n",
      place: ":1:63:",
      both: "all: {hosts: {a: {address: 10.0.0.1, bmc: {address: 10.0.0.2, login: x, user: y}}}}\n"),
    Case(
      rename: "inventory/account/user", file: "hosts.yml",
      old: "all: {hosts: {a: {address: 10.0.0.1, account: x}}}\n", place: ":1:38:",
      both: "all: {hosts: {a: {address: 10.0.0.1, account: x, user: y}}}\n"),
    Case(
      rename: "inventory/account/user", file: "hosts.yml",
      old: "all: {vars: {account: x}, hosts: {a: }}\n", place: ":1:14:",
      both: "all: {vars: {user: y, account: x}, hosts: {a: }}\n"),
    Case(
      rename: "inventory/account/user", file: "group_vars/all.yml", old: "account: x\n",
      place: ":1:1:", both: "account: x\nuser: y\n"),
    Case(
      rename: "inventory/account/user", file: "host_vars/a.yml", old: "account: x\n",
      place: ":1:1:", both: "user: y\naccount: x\n"),
    Case(
      rename: "inventory/account/user", file: "more.ini", old: "[web]\nb account=x\n",
      place: ":2:3:", both: "[web]\nb user=y account=x\n"),
    Case(
      rename: "inventory/account/user", file: "more.ini",
      old: "[web]\nb\n[web:vars]\naccount=x\n", place: ":4:1:",
      both: "[web]\nb\n[web:vars]\naccount=x\nuser=y\n"),
  ])
  func `an old name works with a warning at its place, and not beside the new one`(
    _ one: Case
  ) throws {
    let names = one.rename.split(separator: "/").map(String.init)
    let range = Range(hosts: Self.host)
    range.scratch.write("inventory/\(one.file)", one.old)
    let outcome = try scrape(["lint"], in: range, "\(one.rename)/7.1")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let warning =
      "\(one.file)\(one.place) warning: \"\(names[1])\" is called \"\(names[2])\" since version 7.1"
    #expect(outcome.errors.contains(warning), "\(outcome.errors)")
    #expect(outcome.errors.components(separatedBy: "is called").count == 2, "\(outcome.errors)")
    range.scratch.write("inventory/\(one.file)", one.both)
    let both = try scrape(["lint"], in: range, "\(one.rename)/7.1")
    #expect(both.status == 2, "\(both.errors)")
    #expect(
      both.errors.contains(
        "\"\(names[2])\" is there, too, and \"\(names[1])\" is its old name"), "\(both.errors)")
    #expect(both.errors.contains("remove \"\(names[1])\""))
  }

  @Test func `a key that was not renamed is unknown`() throws {
    let range = Range(hosts: Self.host, settings: "store: {limit: 2GiB}\n")
    let other = try scrape(["lint"], in: range, "spool/limit/size/7.1")
    #expect(other.status == 2 && other.errors.contains("unknown key \"limit\""), "\(other.errors)")
  }

  private static let local = """
    all:
      hosts:
        a: {connection: local, kind: small}
    """
  private static let renames = "inventory/kind/profile/7.1,profile/gatherers/collectors/7.1"
  private static let warnings = [
    "hosts.yml:3:28: \"kind\" is called \"profile\" since version 7.1",
    "scrape.yml:1:20: \"gatherers\" is called \"collectors\" since version 7.1",
  ]
  private func range() -> Range {
    Range(
      hosts: Self.local,
      settings:
        "profiles: {small: {gatherers: {mem: }}}\nself: off\nstore: {size: 2MiB}\n")
  }

  @Test func `a pass goes by old names, and warns unless it is quiet`() throws {
    let range = range()
    let plan = try scrape(["run", "--dry-run"], in: range, Self.renames)
    #expect(plan.output.contains("a  local  mem\n"), "\(plan.output)\(plan.errors)")
    let pass = try scrape(["run", "--stdout"], in: range, Self.renames)
    #expect(pass.status == 0 && pass.output.contains("\nmem,") || pass.output.hasPrefix("mem,"))
    for warning in Self.warnings { #expect(pass.errors.contains(warning), "\(pass.errors)") }
    let quiet = try scrape(["run", "--quiet"], in: range, Self.renames)
    #expect(quiet.status == 0 && !quiet.errors.contains("is called"), "\(quiet.errors)")
  }

  @Test func `doctor names old names, and does not fail for them`() throws {
    let range = range()
    let outcome = try scrape(["doctor", "--json"], in: range, Self.renames)
    for warning in Self.warnings {
      let line = outcome.output.split(separator: "\n").first {
        $0.contains(warning.replacing("\"", with: "\\\""))
      }
      #expect(line?.contains("\"ok\":null") == true, "\(outcome.output)")
    }
    range.scratch.write(
      "inventory/hosts.yml", "all: {hosts: {a: {connection: local, profile: small}}}\n")
    range.scratch.write(
      "inventory/scrape.yml", "profiles: {small: {collectors: {mem: }}}\nself: off\n")
    let plain = try scrape(["doctor", "--json"], in: range, Self.renames)
    #expect(plain.status == outcome.status && !plain.output.contains("is called"))
  }

  @Test func `a watch warns of old names once`() throws {
    let range = range()
    let watch = try run(
      "/usr/bin/timeout",
      [
        "-s", "TERM", "4", Scrape.program, "watch", "--plain", "--inventory", range.inventory,
        "--store", range.store,
      ], environment: ["SCRAPE_RENAMED": Self.renames, "LC_ALL": "C.UTF-8"])
    let said = watch.output + watch.errors
    for warning in Self.warnings {
      #expect(said.components(separatedBy: warning).count == 2, "\(said)")
    }
  }

  /// Whether a rename of version `since` still holds in `version`.
  private static func holds(_ since: String, in version: String) -> Bool {
    func parts(_ text: String) -> [Int] {
      text.split(separator: ".").prefix(2).compactMap { Int($0) }
    }
    return parts(since).count == 2 && parts(since) == parts(version)
  }

  @Test func `a rename holds in the version that made it, and no longer`() {
    #expect(Self.holds("0.2", in: "0.2.5"))
    for version in ["0.1.0", "0.3.0", "1.2.0"] { #expect(!Self.holds("0.2", in: version)) }
    for rename in Renamed.table {
      #expect(Self.holds(rename.since, in: Command.version), "remove its line: \(rename)")
    }
  }
}
