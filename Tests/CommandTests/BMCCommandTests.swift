import Foundation
import Lab
import Metrics
import Sinks
@testable import Store
import Testing

@testable import Alerts
@testable import Passes
@testable import Scraper
@testable import Hosts
@testable import IPMI
@testable import Inventory

/// The command on simulated BMCs: what an operator types, and what they see.
@Suite struct BMCCommandTests {
  private let secret = "s3cr3t-of-the-bmc"

  private func bmc() throws -> BMC {
    var configuration = BMC.Configuration()
    configuration.users = [.init("monitor", secret, limit: 2)]
    return try BMC(configuration)
  }

  private func range(_ bmcs: [BMC], more: String = "") -> Range {
    let hosts = bmcs.enumerated().map { index, bmc in
      "    h\(index + 1): {address: 127.0.0.1, port: 9, bmc: {address: \(bmc.address), port: \(bmc.port)}}"
    }
    let range = Range(
      hosts: """
        all:
          vars:
            bmc: {user: monitor, password: "file:bmc.pw", timeout: 800ms, retransmit: 200ms\(more)}
          hosts:
        \(hosts.joined(separator: "\n"))
        """)
    range.scratch.write("inventory/bmc.pw", secret + "\n")
    return range
  }

  @Test(.enabled(if: LocalIPMITool.isPossible))
  func `a BMC is read on its host`() throws {
    let bmc = try BMC()
    let tools = LocalIPMITool.folder(for: bmc)
    let path = ["PATH": "\(tools.path):/usr/bin:/bin"]
    let range = Range(
      hosts: "all: {hosts: {h1: {connection: local, bmc: {through: host}, address: 127.0.0.1}}}\n")
    let lint = try range.scrape(words: ["lint"])
    #expect(lint.status == 0, "\(lint)")
    let run = try range.scrape(
      words: ["run", "--stdout", "--only", "bmc"], environment: path)
    let lines = Line.all(run.output)
    #expect(lines.filter { $0.measurement == "ipmi_sensor" }.count == 22, "\(run)")
    let inlet = lines.first { $0.tags["name"] == "inlet_temp" }
    #expect(inlet?.fields["value"] == "24" && inlet?.tags["unit"] == "degrees_c")
    #expect(inlet?.tags["server"] == nil && inlet?.tags["entity_id"] == "55.1")
    #expect(lines.first { $0.measurement == "ipmi_power" }?.fields["watts"] == "292")
    let target = lines.first { $0.measurement == "scrape" && $0.tags["target"] == "bmc" }
    #expect(target?.fields["up"] == "1i", "\(run)")
    // A new record of the log, at the next run.
    bmc.addEvent("PSU1 Status", offset: 3)
    let next = try range.scrape(words: ["run", "--stdout", "--only", "bmc"], environment: path)
    let events = Line.all(next.output).filter { $0.measurement == "event" }
    #expect(events.count == 1 && events[0].fields["subject"] == "\"PSU1 Status\"", "\(next)")
    let shown = try range.scrape(words: ["host", "h1", "--explain"], environment: path)
    #expect(shown.output.contains("through the host"), "\(shown.output.prefix(3000))")
    #expect(shown.output.contains("ipmitool sdr elist") && !shown.output.contains("ipmi-sel"))
    // This machine has no device.
    let none = try range.scrape(
      words: ["run", "--stdout", "--only", "bmc"], environment: ["PATH": "/usr/bin:/bin"])
    let reason = Line.all(none.output).first { $0.tags["target"] == "bmc" }?.fields["reason"]
    #expect(["\"not_supported\"", "\"permission\""].contains(reason), "\(none)")
  }

  @Test func `a BMC is read while its host is down`() throws {
    let bmc = try bmc()
    let range = range([bmc])
    let outcome = try range.scrape("run", "--stdout")
    let lines = Line.all(outcome.output)
    #expect(lines.filter { $0.measurement == "ipmi_sensor" }.count == 22)
    let inlet = lines.first { $0.tags["name"] == "inlet_temp" }
    #expect(inlet?.fields["value"] == "24" && inlet?.fields["state"] == "0i")
    #expect(inlet?.tags["unit"] == "degrees_c" && inlet?.tags["host"] == "h1")
    #expect(inlet?.tags["status_code"] == "ok" && inlet?.tags["entity_id"] == "55.1")
    let power = lines.first { $0.measurement == "ipmi_power" }
    #expect(power?.tags["source"] == "dcmi" && power?.fields["watts"] == "292")
    #expect(lines.first { $0.measurement == "ipmi_chassis" }?.fields["power_on"] == "1i")
    let targets = lines.filter { $0.measurement == "scrape" }
    #expect(targets.first { $0.tags["target"] == "bmc" }?.fields["up"] == "1i")
    #expect(targets.first { $0.tags["target"] == "ssh" }?.fields["up"] == "0i")
    #expect(outcome.errors.contains("1 host (0 up), 1 BMC in"))
    #expect(outcome.status == 1)
    // The facts are there although the host never answered.
    let list = try range.scrape("list").output
    #expect(list.contains("serial SN0123456789") && list.contains("bmc 127.0.0.1"))
  }

  @Test func `each step is explained, and the password is nowhere`() throws {
    let bmc = try bmc()
    let range = range([bmc])
    let outcome = try range.scrape("host", "h1", "--only", "bmc", "--explain")
    #expect(outcome.status == 0, "\(outcome.errors)")
    for word in [
      "open", "cipher suite 17", "user \"monitor\"", "device", "chassis", "power", "292",
      "28 records read anew", "sensors", "events", "identity", "SN0123456789",
      "PSU2 Status", "← critical",
      "ipmi-sensors --output-sensor-state -D LAN_2_0 -h 127.0.0.1:\(bmc.port) -u monitor -P",
    ] {
      #expect(outcome.output.contains(word), "\(word) in \(outcome.output)")
    }
    bmc.faults.wrongRAKP2 = true
    let refused = try range.scrape("host", "h1", "--only", "bmc", "--explain")
    #expect(refused.status == 1 && refused.output.contains("auth_failed"))
    let json = try range.scrape("host", "h1", "--only", "bmc", "--json")
    for text in [outcome, refused, json].flatMap({ [$0.output, $0.errors] }) {
      #expect(!text.contains(secret))
    }
    let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
    let answer = try #require(object?["bmc"] as? [String: Any])
    #expect(answer["up"] as? Bool == false && answer["reason"] as? String == "auth_failed")
    // Nor in what is kept.
    try range.scrape("run")
    for name in try FileManager.default.subpathsOfDirectory(atPath: range.scratch.path)
    where !name.hasSuffix("bmc.pw") {
      let data = FileManager.default.contents(atPath: "\(range.scratch.path)/\(name)") ?? Data()
      #expect(data.range(of: Data(secret.utf8)) == nil, "\(name)")
    }
  }

  @Test func `the password is in no process list while a BMC is read`() throws {
    let bmc = try bmc()
    bmc.faults.slow = 20
    let range = range([bmc])
    let daemon = try Daemon(
      Scrape.program,
      [
        "run", "--only", "bmc", "--inventory", range.inventory, "--store", range.store,
      ], log: "\(range.scratch.path)/log")
    var seen = 0
    while daemon.isRunning {
      for process in try FileManager.default.contentsOfDirectory(atPath: "/proc")
      where Int32(process) != nil {
        for file in ["cmdline", "environ"] {
          let data = FileManager.default.contents(atPath: "/proc/\(process)/\(file)") ?? Data()
          #expect(data.range(of: Data(secret.utf8)) == nil)
          if data.range(of: Data(range.store.utf8)) != nil { seen += 1 }
        }
      }
    }
    #expect(seen > 0)
  }

  @Test func `dead, refusing and healthy BMCs have one line each`() throws {
    let bmcs = try [bmc(), bmc(), bmc(), bmc()]
    bmcs[1].faults.silent = true
    bmcs[2].faults.silent = true
    bmcs[3].faults.noSlots = true
    let range = range(bmcs, more: ", every: 0s")
    let outcome = try range.scrape("run", "--only", "bmc")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("4 BMCs (1 up)"))
    let lines = outcome.errors.split(separator: "\n")
    #expect(
      lines.contains { $0.hasPrefix("major") && $0.contains("h[2-3]") && $0.contains("timeout") })
    #expect(lines.contains { $0.hasPrefix("major") && $0.contains("h4") && $0.contains("busy") })
    let status = try range.scrape("status").output
    #expect(status.contains("  bmc ") && status.contains("busy") && status.contains("(never ok)"))
    // A BMC without room for a session is left alone in the next pass, the others are not.
    let before = bmcs.map(\.requests)
    let again = try range.scrape("run", "--limit", "h1,h4")
    #expect(bmcs[3].requests == before[3] && bmcs[0].requests > before[0])
    #expect(again.errors.contains("busy") && again.errors.contains("next try at"))
  }

  @Test func `what a BMC says of itself can't reach the terminal`() throws {
    let bmc = try bmc()
    var inventory = BMCInventory()
    inventory.product = "Evil\u{1b}[2J\u{7}Node"
    bmc.inventory = inventory
    var sensor = try #require(bmc.sensors.first)
    sensor.name = "T\u{1b}]0;x"
    sensor.number = 0
    bmc.changeSDR(adding: sensor)
    let range = range([bmc])
    for words in [
      ["host", "h1", "--only", "bmc", "--explain"], ["run", "--only", "bmc"], ["list"],
    ] {
      let outcome = try run(
        Scrape.program, words + ["--inventory", range.inventory, "--store", range.store])
      #expect(!outcome.output.contains("\u{1b}") && !outcome.errors.contains("\u{1b}"))
    }
  }

  @Test func `a host that is down loses nothing of what is remembered, for having a BMC`() throws {
    let scratch = Scratch()
    let file = scratch.write("hosts.yml", "all:\n  hosts:\n    h1: {bmc: 127.0.0.1}\n")
    let kept = Memory(time: Timestamp(nanoseconds: 1), values: ["cpu": [1]])
    let state = HostState(bootID: "b1", memory: ["cpu": kept, BMCReading.name: kept])
    let hosts = try Inventory.load(file).hosts
    let plan = Plan(hosts, settings: Settings(), states: ["h1": state], at: .now)
    let turn = try #require(plan.turns.first)
    var down = HostAnswer(time: .now)
    down.failure = TargetError(.timeout, "no answer")
    let reading = HostReading(down, to: turn.batch, of: turn, took: .zero)
    // The store keeps what it has of a host whose points hold no boot and no memory.
    #expect(reading.result.bootID == nil && reading.result.memory.isEmpty)
  }

  @Test func `a BMC that was not asked is due at the next pass`() throws {
    let scratch = Scratch()
    let file = scratch.write("hosts.yml", "all:\n  hosts:\n    h1: {bmc: 127.0.0.1}\n")
    let plan = Plan(
      try Inventory.load(file).hosts, settings: Settings(), states: [:], at: .now)
    let turn = try #require(plan.bmcs.first)
    var answer = BMCAnswer(time: .now)
    let due = try #require(turn.due)
    #expect(BMCReading(answer, of: turn, took: .zero).result.due["bmc"] == due)
    answer.failure = .notReached
    #expect(BMCReading(answer, of: turn, took: .zero).result.due["bmc"] == answer.time)
  }

  @Test func `a host was last up when it answered, not when its BMC did`() throws {
    let bmc = try bmc()
    let range = range([bmc])
    try range.scrape("run")
    #expect(bmc.sessionsOpenedInAll == 1)
    let report = try range.scrape("host", "h1", "--only", "cpu").output
    #expect(report.contains("critical") && !report.contains("last up"), "\(report)")
  }

  @Test func `a BMC has its own interval`() throws {
    let bmc = try bmc()
    let range = range([bmc], more: ", every: 1h")
    try range.scrape("run")
    #expect(bmc.sessionsOpenedInAll == 1)
    try range.scrape("run")
    #expect(bmc.sessionsOpenedInAll == 1)
    try range.scrape("run", "--only", "bmc")
    #expect(bmc.sessionsOpenedInAll == 2)
  }

  @Test func `no more BMCs of a subnet are asked at once than allowed`() throws {
    let scratch = Scratch()
    let hosts = (1...6).map { "    h\($0): {bmc: 10.0.\($0 / 4).\($0)}\n" }.joined()
    let file = scratch.write("hosts.yml", "all:\n  hosts:\n\(hosts)")
    let turns = try Inventory.load(file).hosts.map { host in
      Plan.BMCTurn(host: host, settings: try #require(host.bmc), due: nil, memory: [:])
    }
    var queue = BMCQueue(turns, fanout: 4)
    let limits = SharedLimits(Governor(caps: [.bmcs: 2]))
    func admits(_ turn: Plan.BMCTurn) -> Bool { limits.begin(turn.shares) }
    var running: [Plan.BMCTurn] = []
    while let turn = queue.next(where: admits) { running.append(turn) }
    #expect(running.count == 4)
    #expect(Set(running.map(\.settings.subnet)) == ["10.0.0.0/24", "10.0.1.0/24"])
    queue.ended()
    limits.end(running[0].shares, answered: false)
    let next = queue.next(where: admits)
    #expect(next?.settings.subnet == running[0].settings.subnet)
    #expect(queue.next(where: admits) == nil)
  }
}
