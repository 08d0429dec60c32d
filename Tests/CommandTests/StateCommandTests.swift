import Foundation
import Lab
import Metrics
import Sinks
@testable import Store
import Testing

@testable import Alerts
@testable import Passes
@testable import Scraper

/// Rules, states and services through the built command, pass after pass.
@Suite struct StateCommandTests {
  private let local = "all: {hosts: {me: {connection: local}}}\n"

  @Test func `a rule that is crossed is reported, stored and written`() throws {
    let range = Range(
      hosts: local,
      settings: """
        rules:
          full: {when: mem.used_percent, minor: "> 0", critical: "> 101"}
          fine: {when: mem.used_percent, critical: "> 101"}
        """)
    let outcome = try range.scrape("run", "--stdout")
    #expect(outcome.status == 1)
    let line = outcome.errors.split(separator: "\n").first { $0.hasPrefix("minor") }
    #expect(
      line?.contains("full") == true && line?.contains("threshold > 0") == true, "\(outcome.errors)"
    )
    let events = Line.all(outcome.output).filter {
      $0.measurement == "event" && $0.tags["severity"] == "minor"
    }
    #expect(events.count == 1 && events[0].fields["from"] == "\"ok\"")
    let status = try range.scrape("status").output
    #expect(status.contains("minor") && status.contains("rule full") && status.contains("never ok"))
    let history = try range.scrape("status", "--history").output
    #expect(history.contains("rule full") && history.contains("ok → minor"))
    // What stays as it is makes no event.
    let again = try range.scrape("run", "--only", "mem", "--stdout")
    #expect(!Line.all(again.output).contains { $0.measurement == "event" })
  }

  @Test func `a state outlives kill -9, and a change is reported once`() throws {
    let port = freePort()
    let range = Range(
      hosts: "all: {hosts: {me: {connection: local, probes: [\"tcp:\(port)\"]}}}\n")
    func transitions() throws -> [String] {
      try range.scrape("status", "--history").output.split(separator: "\n").map(String.init)
        .filter { $0.contains("service tcp") }
    }
    try range.scrape("run", "--only", "probes")
    #expect(try transitions().count == 1)
    for _ in 0..<4 {
      let pass = try Daemon(
        Scrape.program,
        ["run", "--only", "probes", "--inventory", range.inventory, "--store", range.store],
        log: "\(range.scratch.path)/log")
      usleep(UInt32.random(in: 0..<60_000))
      pass.stop()
    }
    try range.scrape("run", "--only", "probes")
    #expect(try transitions().count == 1)
    let server = SilentPort(port: port)
    try range.scrape("run", "--only", "probes")
    let lines = try transitions()
    #expect(lines.count == 2 && lines[0].contains("critical → ok after"))
    withExtendedLifetime(server) {}
  }

  @Test func `what is bad counts when it has lasted`() throws {
    let range = Range(
      hosts: local,
      settings: "rules: {busy: {when: mem.used_percent, critical: \"> 0\", for: 3}}\n")
    for _ in 0..<2 { try range.scrape("run", "--only", "mem") }
    let soft = try range.scrape("status").output
    #expect(soft.contains("critical for a moment") && !soft.contains("critical  me"))
    try range.scrape("run", "--only", "mem")
    #expect(try range.scrape("status").output.contains("critical  me"))
  }

  @Test func `windows look at the history of the store`() throws {
    let range = Range(
      hosts: local,
      settings: """
        rules:
          seen: {when: mem.used_percent, window: count 1h, minor: ">= 3"}
        """)
    for pass in 1...3 {
      let outcome = try range.scrape("run", "--only", "mem")
      #expect(outcome.errors.contains("count over 1h 3") == (pass == 3), "\(outcome.errors)")
    }
  }

  @Test func `services of the settings are evaluated by what they need`() throws {
    let ports = (0..<3).map { _ in freePort() }
    let servers = ports.prefix(2).map { SilentPort(port: $0) }
    let hosts = ports.enumerated().map {
      "    w\($0): {connection: local, probes: [{tcp: {port: \($1), name: web}}]}\n"
    }
    let range = Range(
      hosts: "all:\n  hosts:\n\(hosts.joined())",
      settings: """
        services:
          cluster: [{at_least: 2, of: "w*/web"}]
          all: ["w*/web"]
        """)
    let outcome = try range.scrape("run", "--only", "probes", "--stdout")
    #expect(
      outcome.errors.contains("degraded  cluster") && outcome.errors.contains("critical  all"),
      "\(outcome.errors)")
    let summary = Line.all(outcome.output).filter { $0.measurement == "service_summary" }
    let all = summary.first { $0.tags["scope"] == "all" }
    #expect(all?.fields["total"] == "3i" && all?.fields["ok"] == "2i")
    #expect(all?.fields["critical"] == "1i" && all?.fields["score"] == "66.67")
    #expect(summary.contains { $0.tags["type"] == "tcp" && $0.tags["group"] == "ungrouped" })
    #expect(try range.scrape("status").output.contains("degraded  service cluster"))
    // Who is not asked this time counts as he was.
    let part = try range.scrape("run", "--only", "probes", "--limit", "w0", "--stdout").output
    let whole = Line.all(part).first {
      $0.measurement == "service_summary" && $0.tags["scope"] == "all"
    }
    #expect(whole?.fields["total"] == "3i" && whole?.fields["critical"] == "1i", "\(part)")
    let json = try range.scrape("status", "--json").output
    #expect(json.contains(#"{"service":"cluster","state":"degraded"}"#), "\(json)")
    withExtendedLifetime(servers) {}
  }

  @Test func `a check outlives passes in which others write to its measurement`() throws {
    let range = Range(
      hosts: """
        all:
          hosts:
            me:
              connection: local
              bmc: {address: 127.0.0.1, port: \(freePort()), user: u, password: "${USER}", timeout: 1s, retransmit: 400ms}
        """,
      settings: """
        rules:
          load: {when: system.load1, minor: ">= 0"}
          slow: {when: scrape.duration_ms, minor: ">= 0"}
        """)
    for only in ["mem,bmc", "system", "bmc", "system,bmc"] {
      try range.scrape("run", "--only", only)
    }
    let history = try range.scrape("status", "--history").output
    #expect(!history.contains("no longer there"), "\(history)")
    for check in ["rule load:", "{target=ssh}:", "{target=bmc}:"] {
      #expect(history.components(separatedBy: check).count == 2, "\(check) in \(history)")
    }
  }

  @Test func `a field of another collector survives this one's run`() async throws {
    let range = Range(
      hosts: local, settings: "rules: {users: {when: system.n_users, minor: \"> 5\"}}\n")
    let site = try Site(
      Arguments(
        ["--inventory", range.inventory, "--store", range.store], options: Site.options))
    var evaluator = Evaluator(site, site.store(), CheckList(site), states: [:])
    func result(_ field: String, _ value: Int64) -> HostResult {
      var point = Point("system")
      point.integer(field, value)
      return HostResult(
        batch: PointBatch(host: "me", tags: [], time: Timestamp.now, points: [point]))
    }
    var crowded = result("n_users", 9)
    await evaluator.evaluate(&crowded)
    #expect(crowded.transitions.map(\.to) == [.minor])
    var other = result("n_cpus", 4)
    await evaluator.evaluate(&other)
    #expect(other.transitions.isEmpty && other.gone.isEmpty)
    #expect(evaluator.states["me"]?["rule users"]?.severity == .minor)
  }

  @Test func `a rule, a probe and a host that were removed leave no state`() throws {
    func hosts(_ names: String...) -> String {
      let port = freePort()
      let lines = names.map {
        "    \($0): {connection: local, probes: [{tcp: {port: \(port), name: web}}]}\n"
      }
      return "all:\n  hosts:\n\(lines.joined())"
    }
    let range = Range(
      hosts: hosts("w1", "w2"),
      settings: """
        rules: {any: {when: mem.used_percent, minor: ">= 0"}, old: {when: mem.total, major: "> 0"}}
        services: {site: ["w*/web"]}
        """)
    try range.scrape("run", "--only", "mem,probes")
    let before = try range.scrape("status").output
    #expect(before.contains("rule old") && before.contains("service site"), "\(before)")
    range.scratch.write("inventory/hosts.yml", "all: {hosts: {w1: {connection: local}}}\n")
    range.scratch.write(
      "inventory/scrape.yml",
      "rules: {any: {when: mem.used_percent, minor: \">= 0\"}}\nservices: {site: [\"w*/ssh\"]}\n")
    let outcome = try range.scrape("run", "--only", "mem")
    #expect(!outcome.errors.contains(" old "), "\(outcome.errors)")
    #expect(outcome.errors.contains(" any ") && !outcome.errors.contains("site"), "\(outcome)")
    let history = try range.scrape("status", "--history").output
    #expect(history.contains("rule old: major → ok") && history.contains("no longer monitored"))
    range.scratch.write("inventory/scrape.yml", "services: {site: [\"w*/ssh\"]}\n")
    #expect(try range.scrape("run", "--only", "mem").status == 0)
    let status = try range.scrape("status").output
    #expect(status.split(separator: "\n").count == 1, "\(status)")
  }

  @Test func `what a host has too much of is cut off, and not taken for mended`() throws {
    let port = freePort()
    let probes = (0..<120).map { "{tcp: {port: \(port), name: s\($0)}}" }
    let rules = "rules: {any: {when: service.state, minor: \">= 0\"}}\n"
    let range = Range(
      hosts:
        "all: {hosts: {me: {connection: local, probes: [\(probes.joined(separator: ", "))]}}}\n",
      settings: rules)
    try range.scrape("run", "--only", "probes")
    range.scratch.write("inventory/scrape.yml", "\(rules)series: 100\n")
    let outcome = try range.scrape("run", "--only", "probes")
    #expect(outcome.errors.contains("beyond its budget"), "\(outcome.errors)")
    #expect(!(try range.scrape("status", "--history").output.contains("no longer there")))
  }

  @Test func `a service that needs a missing check is warned of`() throws {
    let range = Range(
      hosts: "all: {hosts: {w1: {connection: local, probes: [icmp]}}}\n",
      settings: "services: {a: [\"w*/icmp\", w1/ssh], b: [{at_least: 1, of: [\"w*/htps\"]}]}\n")
    let outcome = try range.scrape("lint")
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("\"b\" needs w*/htps") && !outcome.errors.contains("\"a\""))
  }

  @Test func `a dry run counts hosts of which only the services are asked`() throws {
    let range = Range(hosts: "all: {hosts: {w1: {connection: local, probes: [icmp]}}}\n")
    let outcome = try range.scrape("run", "--dry-run", "--only", "probes")
    #expect(outcome.errors.contains("1 host would be asked"), "\(outcome.errors)")
  }

  @Test(arguments: [
    ("rules: {a: {when: cpu.usage_activ, minor: 1}}", "did you mean \"usage_active\""),
    ("rules: {a: {when: cpu.usage_active, minor: 1, hosts: nobody}}", "hosts of rule \"a\""),
    ("rules: {a: {when: cpu.usage_active, minor: 1, profile: linx}}", "did you mean \"linux\""),
    ("services: {a: [b], b: [a]}", "a → b → a"), ("scores: gradd", "did you mean \"graded\""),
  ])
  func `faults are reported at their place`(settings: String, problem: String) throws {
    let range = Range(hosts: local, settings: settings + "\n")
    let outcome = try range.scrape("lint")
    #expect(outcome.status == 2 && outcome.errors.contains(problem), "\(outcome.errors)")
    #expect(outcome.errors.contains("scrape.yml:1:"))
  }

  @Test func `what a cause hides is listed with it`() throws {
    let port = freePort()
    let vms = (1...4).map {
      "    vm\($0): {address: 127.0.0.1, port: \(port), on: esx, probes: [\"tcp:\(port)\"]}\n"
    }
    let range = Range(
      hosts: "all:\n  hosts:\n    esx: {address: 127.0.0.1, port: \(port)}\n"
        + "    lone: {address: 127.0.0.1, port: \(port)}\n" + vms.joined())
    let lines = try range.scrape("run").errors.split(separator: "\n").filter {
      $0.hasPrefix("critical")
    }
    #expect(lines.count == 2, "\(lines)")
    #expect(lines.contains { $0.contains("esx,lone") && $0.contains("connection_refused") })
    #expect(
      lines.contains { $0.contains("hides") && $0.contains("4 hosts, 4 services: vm[1-4]") },
      "\(lines)")
    // Hidden are messages, never data.
    let status = try range.scrape("status", "vm3", "--json").output
    #expect(status.contains("connection_refused"))
  }
}
