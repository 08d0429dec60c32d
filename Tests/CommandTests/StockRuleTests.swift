import Collectors
import Configuration
import Foundation
import Lab
import Metrics
import Sinks
@testable import Store
import Testing

@testable import Rules
@testable import Alerts
@testable import Passes
@testable import Scraper
@testable import Hosts
@testable import IPMI

/// The built-in rules, the patience of targets, and rules on how services are together.
@Suite(.timeLimit(.minutes(2))) struct StockRuleTests {
  private let local = "all: {hosts: {me: {connection: local}}}\n"

  private func site(_ range: Range) throws -> Site {
    try Site(
      Arguments(["--inventory", range.inventory, "--store", range.store], options: Site.options))
  }

  // MARK: Built-in rules

  struct Case: Sendable, CustomTestStringConvertible {
    var rule: String
    var measurement: String
    var tags: [String: String] = [:]
    var field: String
    var good: Double
    /// From the least severe up.
    var bad: [(Double, Severity)]
    var passes = 1
    var testDescription: String { rule }
  }

  static let cases = [
    Case(
      rule: "disk full", measurement: "disk", tags: ["path": "/", "mode": "rw"],
      field: "used_percent", good: 85, bad: [(91, .minor), (96, .major), (98, .critical)]),
    Case(
      rule: "inodes full", measurement: "disk", tags: ["path": "/", "mode": "rw"],
      field: "inodes_used_percent", good: 85, bad: [(91, .minor), (96, .major), (98, .critical)]),
    Case(
      rule: "file system read-only", measurement: "disk", tags: ["path": "/", "mode": "ro"],
      field: "turned_read_only", good: 0, bad: [(1, .critical)]),
    Case(
      rule: "memory low", measurement: "mem", field: "available_percent", good: 20,
      bad: [(9, .minor), (4, .major)], passes: 3),
    Case(
      rule: "load high", measurement: "system", field: "load5_per_cpu", good: 1.5,
      bad: [(2.5, .minor)], passes: 11),
    Case(
      rule: "clock offset", measurement: "scrape", tags: ["target": "ssh"],
      field: "clock_offset_s", good: -2, bad: [(-31, .minor), (3600, .major)]),
    Case(
      rule: "rebooted", measurement: "scrape", tags: ["target": "ssh"], field: "since_reboot_s",
      good: 700, bad: [(42, .minor)]),
    Case(
      rule: "raid degraded", measurement: "mdstat", tags: ["Name": "md0"], field: "DisksDown",
      good: 0, bad: [(1, .critical)]),
    Case(
      rule: "raid disk failed", measurement: "mdstat", tags: ["Name": "md0"],
      field: "DisksFailed", good: 0, bad: [(1, .minor)]),
    Case(
      rule: "gpu lost", measurement: "gpu_health", field: "lost", good: 0, bad: [(1, .critical)]),
    Case(
      rule: "gpu hot", measurement: "nvidia_smi", tags: ["index": "0"], field: "temperature_gpu",
      good: 70, bad: [(86, .minor), (96, .critical)]),
    Case(
      rule: "gpu slowed by heat", measurement: "nvidia_smi", tags: ["index": "0"],
      field: "clocks_event_reason_hw_thermal_slowdown", good: 0, bad: [(1, .major)]),
    Case(
      rule: "gpu memory errors", measurement: "nvidia_smi", tags: ["index": "0"],
      field: "ecc_errors_volatile_dram_uncorrectable", good: 0, bad: [(1, .major)]),
    Case(
      rule: "gpu cache errors", measurement: "nvidia_smi", tags: ["index": "0"],
      field: "ecc_errors_volatile_sram_uncorrectable", good: 0, bad: [(1, .major)]),
    Case(
      rule: "gpu parity errors", measurement: "nvidia_smi", tags: ["index": "0"],
      field: "ecc_errors_volatile_sram_uncorrectable_parity", good: 0, bad: [(1, .major)]),
    Case(
      rule: "gpu secded errors", measurement: "nvidia_smi", tags: ["index": "0"],
      field: "ecc_errors_volatile_sram_uncorrectable_secded", good: 0, bad: [(1, .major)]),
    Case(
      rule: "gpu instance errors", measurement: "nvidia_smi_mig", tags: ["uuid": "GPU-1"],
      field: "sram_uncorrectable", good: 0, bad: [(1, .major)]),
    Case(
      rule: "bmc sensor", measurement: "ipmi_sensor", tags: ["name": "inlet_temp"],
      field: "state", good: 0, bad: [(1, .minor), (2, .critical)]),
    Case(
      rule: "bmc power fault", measurement: "ipmi_chassis", field: "power_fault", good: 0,
      bad: [(1, .critical)]),
    Case(
      rule: "bmc power overload", measurement: "ipmi_chassis", field: "overload", good: 0,
      bad: [(1, .critical)]),
    Case(
      rule: "bmc cooling fault", measurement: "ipmi_chassis", field: "cooling_fault", good: 0,
      bad: [(1, .major)]),
    Case(
      rule: "bmc drive fault", measurement: "ipmi_chassis", field: "drive_fault", good: 0,
      bad: [(1, .major)]),
    Case(
      rule: "certificate days", measurement: "x509_cert", tags: ["source": "tcp://web1:443"],
      field: "expiry", good: 30 * 86_400, bad: [(10 * 86_400, .minor), (86_400, .major)]),
  ]

  @Test(arguments: cases)
  func `without a rule in scrape.yml a number is bad where the field says so`(
    row: Case
  ) async throws {
    let range = Range(hosts: local)
    let site = try site(range)
    var evaluator = Evaluator(site, site.store(), CheckList(site), states: [:])
    var time = Timestamp(seconds: 1_800_000_000)
    func pass(_ value: Double) async -> [CheckTransition] {
      var point = Point(row.measurement, tags: row.tags.map { Tag($0.key, $0.value) })
      if Catalog.all.field(row.field, of: row.measurement)?.type == .integer {
        point.integer(row.field, Int64(value))
      } else {
        point.float(row.field, value)
      }
      var result = HostResult(batch: PointBatch(host: "me", tags: [], time: time, points: [point]))
      await evaluator.evaluate(&result)
      time = Timestamp(seconds: time.seconds + 60)
      return result.transitions
    }
    #expect(await pass(row.good).isEmpty)
    for (value, severity) in row.bad {
      for _ in 1..<row.passes { #expect(await pass(value).isEmpty) }
      let changes = await pass(value)
      #expect(changes.map(\.to) == [severity], "\(value)")
      #expect(changes.first.map { CheckName($0.name).rule } == row.rule)
    }
    #expect(await pass(row.good).map(\.to) == [.ok])
  }

  @Test func `a batch that does not ask for the clock does not mend it`() async throws {
    let site = try site(Range(hosts: local))
    var evaluator = Evaluator(site, site.store(), CheckList(site), states: [:])
    var transitions: [Severity] = []
    for offset in [3600, nil] as [Double?] {
      var point = Point("scrape", tags: [Tag("target", "ssh")])
      point.integer("up", Int64(1))
      point.float("clock_offset_s", offset)
      var result = HostResult(
        batch: PointBatch(host: "me", tags: [], time: Timestamp(seconds: 1), points: [point]))
      await evaluator.evaluate(&result)
      transitions += result.transitions.map(\.to)
    }
    #expect(transitions == [.major])
    #expect(evaluator.states["me"]?["rule clock offset"]?.severity == .major)
  }

  @Test func `every built-in rule has a row above`() {
    #expect(Set(Self.cases.map(\.rule)) == Set(BuiltInRules.pairs().map(\.name)))
  }

  @Test func `a healthy machine has no alert from them, and they are listed`() throws {
    let range = Range(
      hosts: local,
      settings: """
        # A container has no file of those who are logged in.
        profiles: {linux: {collectors: {users: off}}}
        rules: {load high: off, mine: {when: mem.used_percent, critical: "> 101"}}

        """)
    let outcome = try range.scrape("run")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let again = try range.scrape("run", "--stdout")
    #expect(again.status == 0, "\(again.errors)")
    let session = Line.all(again.output).first { $0.tags["target"] == "ssh" }
    #expect(session?.fields["clock_offset_s"] == "0" && session?.fields["since_reboot_s"] == nil)
    let list = try range.scrape("list", "--rules")
    let lines = list.output.split(separator: "\n").map(String.init)
    #expect(list.status == 0 && lines.count == BuiltInRules.pairs().count + 1, "\(list)")
    #expect(lines.first?.hasPrefix("mine ") == true && lines.first?.hasSuffix("scrape.yml") == true)
    #expect(lines.last?.hasPrefix("load high ") == true && lines.last?.hasSuffix(", off") == true)
    let disk = try #require(lines.first { $0.hasPrefix("disk full ") })
    #expect(disk.contains("minor > 90  major > 95  critical > 97") && disk.hasSuffix("built in"))
    let json = try range.scrape("list", "--rules", "--json").output
    #expect(
      json.contains(
        #"{"rule":"rebooted","when":"scrape.since_reboot_s{target=ssh}","minor":"< 10m","origin":"built in"}"#
      ),
      "\(json)")
  }

  @Test func `a host that should have GPUs and has no tool for them is critical`() throws {
    let range = Range(hosts: "all: {hosts: {me: {connection: local, profile: gpu}}}\n")
    let tool = range.scratch.write("bin/nvidia-smi", "#!/bin/sh\nexit 127\n")
    chmod(tool, 0o755)
    let outcome = try run(
      Scrape.program,
      ["run", "--only", "gpu", "--inventory", range.inventory, "--store", range.store],
      environment: [
        "USER": NSUserName(), "SSH_AUTH_SOCK": "",
        "PATH": "\(range.scratch.path)/bin:/usr/bin:/bin",
      ])
    #expect(outcome.status == 1, "\(outcome)")
    let line = outcome.errors.split(separator: "\n").first { $0.hasPrefix("critical") } ?? ""
    #expect(line.contains("gpu lost") && line.contains("nvidia-smi is not installed"), "\(outcome)")
  }

  @Test func `a certificate that the service itself complains of is no second alert`() async throws
  {
    let site = try site(Range(hosts: local))
    func result(_ reason: Reason?) -> HostResult {
      var certificate = Point("x509_cert", tags: [Tag("source", "tcp://me:443")])
      certificate.integer("expiry", Int64(86_400))
      var service = Point("service", tags: [Tag("service", "https"), Tag("port", "443")])
      service.integer("state", Int64(1))
      var result = HostResult(
        batch: PointBatch(
          host: "me", tags: [], time: Timestamp(seconds: 1_800_000_000),
          points: [service, certificate]))
      result.outcomes = [
        TargetOutcome(
          target: "service https", up: true, severity: reason == nil ? .ok : .minor,
          reason: reason)
      ]
      return result
    }
    for (reason, checks) in [
      (Reason.certificateExpiring, ["service https"]),
      (nil, ["rule certificate days{source=tcp://me:443}"]),
    ] {
      var evaluator = Evaluator(site, site.store(), CheckList(site), states: [:])
      var one = result(reason)
      await evaluator.evaluate(&one)
      #expect(one.transitions.map(\.name) == checks)
    }
  }

  // MARK: Boot and clock

  /// What a host answers that booted `uptime` seconds ago, whose clock is ahead.
  private func answer(
    boot: String, uptime: Double, ahead: Double, at time: Timestamp
  ) -> HostAnswer {
    let batch = Batch([Batch.Item(SystemCollector.self)])
    let booted = Int64((Double(time.seconds) + ahead - uptime).rounded(.down))
    let texts = [
      "/proc/sys/kernel/random/boot_id": "\(boot)\n", "/proc/uptime": "\(uptime) 1.0\n",
      "/proc/stat": "cpu 1 1 1 1 1 1 1 1 1 1\ncpu0 1 1 1 1 1 1 1 1 1 1\nbtime \(booted)\n",
      "/proc/loadavg": "0.1 0.2 0.3 1/2 3\n",
    ]
    var output = "\nn m 1 2 3 4\nn s files\n"
    for file in batch.files where texts[file] != nil {
      output += "==> \(file) <==\n\(texts[file] ?? "")\n"
    }
    output += "==> /dev/null <==\n\nn e 0\n\nn z\n"
    return HostAnswer(output: Array(output.utf8), of: batch, nonce: "n", time: time)
  }

  private func seen(
    _ passes: [(boot: String, uptime: Double, ahead: Double)]
  ) -> [(texts: [String], sinceReboot: Int64?, offset: Double?)] {
    var state = HostState()
    var found: [(texts: [String], sinceReboot: Int64?, offset: Double?)] = []
    var time = Timestamp(seconds: 1_800_000_000)
    for pass in passes {
      let answer = answer(boot: pass.boot, uptime: pass.uptime, ahead: pass.ahead, at: time)
      let moment = BootAndClock(answer, state, took: .milliseconds(200))
      let texts = moment.events.compactMap { point -> String? in
        guard case .string(let text)? = point[field: "text"] else { return nil }
        return text
      }
      found.append((texts, moment.sinceReboot, moment.offset))
      if state.bootID != pass.boot { state.memory = [:] }
      state.bootID = answer.bootID
      state.memory[BootAndClock.memory] = moment.kept
      time = Timestamp(seconds: time.seconds + 60)
    }
    return found
  }

  @Test func `a reboot is an event, and seconds since it until the next`() {
    let found = seen([
      ("a", 5, 0), ("a", 65, 0), ("b", 20, 0), ("b", 80, 0), ("b", 700, 0), ("c", 3, 0),
    ])
    // The first boot that is seen is none.
    #expect(found.map(\.sinceReboot) == [nil, nil, 20, 80, 700, 3])
    #expect(
      found.map(\.texts) == [
        [], [], ["rebooted 20.0 s ago, was up 1 min 5 s"], [], [],
        ["rebooted 3.0 s ago, was up 11 min 40 s"],
      ])
  }

  @Test func `a clock that is set is an event, and its offset a field`() throws {
    let found = seen([
      ("a", 1000, 0), ("a", 1060, 0), ("a", 1120, 3600), ("a", 1180, 3600), ("a", 1240, -90),
    ])
    #expect(found[0].offset == 0 && found[1].offset == 0)
    let ahead = try #require(found[2].offset)
    #expect(ahead > 3598 && ahead <= 3600)
    #expect(
      found.map(\.texts) == [
        [], [], ["the clock was set forward by 1 h 0 min"], [],
        ["the clock was set back by 1 h 1 min"],
      ])
    let behind = try #require(found[4].offset)
    #expect(behind >= -90 && behind < -87)
  }

  @Test func `what a host says of its boot and clock cannot trap`() {
    for (uptime, ahead) in [(9e9, 0), (0.0, 1e17), (0, -1e17), (1e9, 9e17)] {
      _ = seen([("a", 1, 0), ("b", uptime, ahead), ("b", uptime, 0)])
    }
  }

  @Test func `that our own clock was set is not held against hosts`() {
    var result = HostResult(
      batch: PointBatch(host: "me", tags: [], time: Timestamp(seconds: 1), points: []))
    for pass in [(0, 0.0), (1, 3600.0)] {
      let answer = answer(
        boot: "a", uptime: 100, ahead: pass.1, at: Timestamp(seconds: 1_800_000_000))
      var state = HostState(bootID: "a")
      state.memory = result.memory
      let moment = BootAndClock(answer, state, took: .zero)
      result.memory[BootAndClock.memory] = moment.kept
      result.batch.points += moment.events
    }
    #expect(result.batch.points.count == 1)
    result.dropClockEvents()
    #expect(result.batch.points.isEmpty)
  }

  // MARK: Patience

  @Test func `targets and services become worse after for, and better at once`() throws {
    let port = freePort()
    let range = Range(
      hosts: """
        all:
          hosts:
            me: {connection: local, probes: [{tcp: {port: \(port), name: slow, for: 3}}, {tcp: {port: \(port), name: usual}}]}
        """, settings: "targets: {for: 2}\n")
    func down() throws -> Set<String> {
      let history = try range.scrape("status", "--history").output
      return Set(["slow", "usual"].filter { history.contains("service \($0): ok → critical") })
    }
    var seen: [Set<String>] = []
    for _ in 0..<3 {
      try range.scrape("run", "--only", "probes")
      seen.append(try down())
    }
    #expect(seen == [[], ["usual"], ["usual", "slow"]])
    let server = SilentPort(port: port)
    try range.scrape("run", "--only", "probes")
    let history = try range.scrape("status", "--history").output
    #expect(history.components(separatedBy: "critical → ok").count == 3, "\(history)")
    withExtendedLifetime(server) {}
  }

  @Test(arguments: [
    ("targets: {for: 0}", "for must be a number of passes"), ("targets: {four: 2}", "\"for\""),
    ("store: {changes: 5}", "changes must be"), ("store: {changes_per_host: 1}", "must be"),
  ])
  func `faults are named with their place`(settings: String, problem: String) throws {
    let outcome = try Range(hosts: local, settings: settings + "\n").scrape("lint")
    #expect(outcome.status == 2 && outcome.errors.contains(problem), "\(outcome.errors)")
    #expect(outcome.errors.contains("scrape.yml:1:"))
  }

  // MARK: Services together

  @Test func `a rule on a score is evaluated, and resolved`() throws {
    let port = freePort()
    let range = Range(
      hosts:
        "all: {hosts: {w1: {connection: local, probes: [\"tcp:\(port)\"]}, w2: {connection: local, probes: [\"tcp:\(port)\"]}}}\n",
      settings: """
        rules:
          web score: {when: "service_summary.score{type=tcp}", major: "< 90"}
          any score: {when: "service_summary.score{type=~.*}", minor: "< 50"}
        """)
    let outcome = try range.scrape("run", "--only", "probes", "--stdout")
    #expect(outcome.errors.contains("web score"), "\(outcome.errors)")
    let status = try range.scrape("status").output
    #expect(
      status.contains("web score") && status.contains("service_summary.score 0 %"), "\(status)")
    let history = try range.scrape("status", "--history").output
    #expect(history.contains("rule any score{type=tcp}"), "\(history)")
    let server = SilentPort(port: port)
    #expect(try range.scrape("run", "--only", "probes").status == 0)
    #expect(!(try range.scrape("status").output.contains("score")))
    range.scratch.write("inventory/scrape.yml", "fanout: 5\n")
    #expect(try range.scrape("run", "--only", "probes").status == 0)
    withExtendedLifetime(server) {}
  }

  // MARK: Routes and rules choose

  @Test func `hosts and profile of a rule, and hosts, groups and hours of a route, are kept`()
    throws
  {
    let range = Range(
      hosts: """
        all:
          children:
            web: {hosts: {"web[1:2]": {connection: local}}}
            db: {hosts: {db1: {connection: local, profile: quiet}}}
        """)
    let log = "\(range.scratch.path)/log"
    let program = range.scratch.write(
      "notify", "#!/bin/sh\necho \"$SCRAPE_CONTACT $SCRAPE_SUBJECT\" >> '\(log)'\n")
    chmod(program, 0o755)
    var now = time(nil)
    var parts = tm()
    localtime_r(&now, &parts)
    let days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
    // Near midnight the day may change on the way.
    let today = days[Int(parts.tm_wday)]
    let other = days[(Int(parts.tm_wday) + 3) % 7]
    let exec = "{exec: {command: [\"\(program)\"]}}"
    range.scratch.write(
      "inventory/scrape.yml",
      """
      profiles: {quiet: {extends: linux}}
      rules:
        one: {when: mem.used_percent, major: "> 0", hosts: "web*,!web2"}
        two: {when: mem.used_percent, critical: "> 0", profile: quiet}
      contacts: {hosts: \(exec), groups: \(exec), today: \(exec), never: \(exec)}
      alerts:
        routes:
          - {to: hosts, hosts: "web1"}
          - {to: groups, groups: [db]}
          - {to: today, hours: "\(today)"}
          - {to: never, hours: "\(other)"}
      """)
    try range.scrape("run", "--only", "mem")
    let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").sorted()
    #expect(
      lines == [
        "groups 🔴 db1 two", "hosts 🟠 web1 one", "today 🔴 db1 two, and 1 more alert on 1 host",
      ], "\(lines)")
  }
}
