import Engine
import Foundation
import Lab
import Metrics
import Testing

@testable import IPMI
@testable import Inventory
@testable import Probes

/// Asks a simulated BMC as the pass does, with little patience.
func ask(
  _ bmc: BMC, remembering memory: [String: [UInt64]] = [:], cache: String? = nil,
  deadline: Duration = .seconds(20), _ change: (inout BMCTarget) -> Void = { _ in }
) async throws -> BMCAnswer {
  try await ask(
    bmc.address, bmc.port, remembering: memory, cache: cache, deadline: deadline, change)
}

func ask(
  _ address: String, _ port: UInt16, remembering memory: [String: [UInt64]] = [:],
  cache: String? = nil, deadline: Duration = .seconds(20),
  _ change: (inout BMCTarget) -> Void = { _ in }
) async throws -> BMCAnswer {
  var settings = BMCSettings(address: address)
  settings.port = Int(port)
  settings.user = "admin"
  settings.timeout = .milliseconds(800)
  settings.retransmit = .milliseconds(200)
  var target = try BMCTarget(settings, of: "host", cache: cache)
  target.password = Array("secret".utf8)
  change(&target)
  return await Reactor().run { [target] reactor in
    await target.ask(remembering: memory, on: reactor, by: .after(deadline))
  }
}

@Suite struct IPMITests {
  @Test func `a healthy BMC gives everything in one session`() async throws {
    let bmc = try BMC()
    let answer = try await ask(bmc)
    #expect(answer.failure == nil && answer.problems.isEmpty)
    #expect(answer.sensors.count == bmc.sensors.count { $0.isReadable })
    #expect(answer.chassis?.isOn == true && answer.chassis?.hoursOn == 12345)
    #expect(answer.power?.source == .dcmi && answer.power?.current == 292)
    #expect(answer.power?.window == 60 && answer.power?.average == 275)
    #expect(answer.identity?.serial == bmc.inventory.serial)
    #expect(answer.identity?.product == bmc.inventory.product)
    #expect(answer.log?.count == bmc.logEntries.count && answer.log?.events.isEmpty == true)
    #expect(Set(answer.unreadable) == ["DIMM Temp", "GPU Temp", "Riser Temp"])
    #expect(bmc.sessionsOpenedInAll == 1 && bmc.openSessions == 0)
  }

  @Test func `values agree with ipmi-sensors and power with ipmi-dcmi`() async throws {
    let bmc = try BMC()
    bmc.set("Inlet Temp", value: 31)
    bmc.set("Intake Cold", value: -33)
    bmc.setPower(current: 386, minimum: 111, maximum: 512, average: 377)
    try await compare(bmc.address, bmc.port, suite: 17)
    let answer = try await ask(bmc)
    let seen = try free(
      "ipmi-dcmi", ["--get-system-power-statistics"], bmc.address, bmc.port, suite: 17)
    func watts(_ label: String) -> Double? {
      seen.split(separator: "\n").first { $0.hasPrefix(label) }?
        .split(separator: ":").last?.split(separator: " ").first.flatMap { Double($0) }
    }
    #expect(watts("Current Power") == answer.power?.current, "\(seen)")
    #expect(watts("Minimum Power") == answer.power?.minimum)
    #expect(watts("Maximum Power") == answer.power?.maximum)
    #expect(watts("Average Power") == answer.power?.average)
  }

  @Test(.enabled(if: IPMISim.isInstalled))
  func `OpenIPMI's simulator is read as ipmi-sensors reads it`() async throws {
    let simulator = try IPMISim()
    try await compare(simulator.address, simulator.port, suite: 3) {
      $0.settings.workarounds.words = ["opensesspriv"]
    }
  }

  @Test(.enabled(if: IPMISim.isInstalled))
  func `IPMI 1.5 gives the same`() async throws {
    let simulator = try IPMISim()
    let new = try await ask(simulator.address, simulator.port) {
      $0.settings.workarounds.words = ["opensesspriv"]
    }
    let old = try await ask(simulator.address, simulator.port) { $0.settings.driver = .lan }
    #expect(old.failure == nil, "\(String(describing: old.failure))")
    #expect(old.sensors == new.sensors && old.sensors.count > 12)
    #expect(old.steps.contains { $0.detail.contains("IPMI 1.5") })
  }

  private func free(
    _ tool: String, _ words: [String], _ address: String, _ port: UInt16, suite: Int
  ) throws -> String {
    let scratch = Scratch()
    let outcome = try run(
      "/usr/sbin/\(tool)",
      [
        "-D", "LAN_2_0", "-h", "\(address):\(port)", "-u", "admin", "-p", "secret", "-I",
        "\(suite)",
        "-W", "opensesspriv",
      ]
        + (tool == "ipmi-sensors" ? ["--sdr-cache-directory=\(scratch.path)", "-Q"] : []) + words,
      environment: ["HOME": scratch.path])
    #expect(outcome.status == 0, "\(outcome.errors)")
    return outcome.output
  }

  /// Every sensor that either of both reads, to the tool's two digits, and its state.
  private func compare(
    _ address: String, _ port: UInt16, suite: Int,
    _ change: (inout BMCTarget) -> Void = { _ in }
  ) async throws {
    let answer = try await ask(address, port, change)
    #expect(answer.failure == nil, "\(answer.steps)")
    let words = ["--output-sensor-state", "--comma-separated-output", "--no-header-output"]
    let rows = try free("ipmi-sensors", words, address, port, suite: suite)
      .split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
    var compared = 0
    for row in rows where row.count >= 6 {
      let mine = answer.sensors.first { $0.name == row[1] }
      if row[3] == "N/A" && row[4] == "N/A" && row[6...].joined().contains("N/A") {
        #expect(mine == nil, "\(row)")
        continue
      }
      let sensor = try #require(mine, "\(row)")
      if let value = sensor.value {
        #expect(abs((Double(row[4]) ?? .nan) - value) <= 0.00501, "\(row): \(value)")
        compared += 1
      } else {
        #expect(row[4] == "N/A")
      }
      // Of a non-critical threshold the tool says "Nominal", and we "warning".
      switch row[3] {
      case "Critical": #expect(sensor.state == .critical, "\(row)")
      case "Warning": #expect(sensor.state == .warning, "\(row)")
      case "Nominal": #expect(sensor.state == .nominal || sensor.code == "nc", "\(row)")
      default: #expect(sensor.state == nil, "\(row)")
      }
      if !row[6].hasPrefix("'OK'"), sensor.value == nil, sensor.state != nil {
        let events = sensor.events.map { "'\($0)'" }.joined(separator: " ")
        #expect(row[6...].joined(separator: ",").hasPrefix(events.prefix(20)), "\(row)")
      }
    }
    #expect(compared >= 12)
  }

  // MARK: Faults

  struct Fault: Sendable, CustomStringConvertible {
    var description: String
    var reason: Reason?
    /// Parts that have a problem, with its reason.
    var problems: [String: Reason] = [:]
    var configure: @Sendable (inout BMC.Configuration) -> Void = { _ in }
    var break_: @Sendable (inout BMCFaults) -> Void = { _ in }
    var target: @Sendable (inout BMCTarget) -> Void = { _ in }
    /// Readings that must have come.
    var sensors = 0
    /// Whether the session can't be closed: the BMC is gone, or has other keys for it.
    var leavesSession = false
  }

  static let faults: [Fault] = [
    Fault(
      description: "wrong password", reason: .authFailed,
      target: { $0.password = Array("wrong".utf8) }),
    Fault(description: "no password", reason: .authFailed, target: { $0.password = nil }),
    Fault(description: "unknown user", reason: .authFailed, target: { $0.settings.user = "eve" }),
    Fault(
      description: "privilege beyond the user's", reason: .permission,
      target: {
        $0.settings.user = "monitor"
        $0.password = Array("monitor-only".utf8)
        $0.settings.privilege = .admin
      }),
    Fault(
      description: "cipher suite that it lacks", reason: .noCommonAlgorithm,
      configure: { $0.cipherSuites = [17] }, target: { $0.settings.cipherSuite = 3 }),
    Fault(
      description: "no cipher suite in common", reason: .noCommonAlgorithm,
      configure: { $0.cipherSuites = [16] }),
    Fault(
      description: "only SHA-1", configure: { $0.cipherSuites = [3] }, sensors: 22),
    Fault(
      description: "key of the BMC's own",
      configure: { $0.groupKey = Array("0123456789abcdefghij".utf8) },
      target: { $0.key = Array("0123456789abcdefghij".utf8) }, sensors: 22),
    Fault(
      description: "wrong key of the BMC's own", reason: .authFailed,
      configure: { $0.groupKey = Array("0123456789abcdefghij".utf8) },
      target: { $0.key = Array("9123456789abcdefghij".utf8) }, leavesSession: true),
    Fault(description: "no answer", reason: .timeout, break_: { $0.silent = true }),
    Fault(description: "3 s an answer", reason: .timeout, break_: { $0.slow = 3000 }),
    Fault(description: "garbage", reason: .timeout, break_: { $0.garbage = true }),
    Fault(description: "truncated", reason: .timeout, break_: { $0.truncated = true }),
    Fault(description: "corrupt", reason: .timeout, break_: { $0.corrupt = true }),
    Fault(description: "all twice", reason: .protocolError, break_: { $0.duplicates = true }),
    Fault(
      description: "wrong code in the key exchange", reason: .authFailed,
      break_: { $0.wrongRAKP2 = true }),
    Fault(description: "sessions all taken", reason: .busy, break_: { $0.noSlots = true }),
    Fault(description: "busy", reason: .busy, break_: { $0.busy = .everything }),
    Fault(
      description: "busy with sensors", problems: ["sensors": .busy],
      break_: { $0.busy = .sensors }),
    // It has answered, so that it has until its own deadline.
    Fault(
      description: "dies during the log-in", reason: .timeout, break_: { $0.diesAfter = 3 },
      target: { $0.settings.deadline = .milliseconds(1500) }),
    Fault(
      description: "dies half-way", reason: .timeout, break_: { $0.diesAfter = 60 },
      target: { $0.settings.deadline = .milliseconds(1500) }, sensors: 5, leavesSession: true),
    Fault(
      description: "records in a ring", problems: ["sensors": .protocolError],
      break_: { $0.repository = .loops }, sensors: 22),
    Fault(
      description: "records that are lost", problems: ["sensors": .notSupported],
      break_: { $0.repository = .losesRecords }, sensors: 5),
    Fault(description: "no records", break_: { $0.repository = .empty }),
    Fault(
      description: "reservations that are lost",
      break_: { $0.repository = .reservationLost(every: 4) },
      sensors: 22),
    Fault(
      description: "a record that claims to be longer", break_: { $0.repository = .badLength },
      sensors: 22),
    Fault(description: "a record of noise", break_: { $0.repository = .noise }, sensors: 21),
    Fault(
      description: "whole records that come cut short", configure: { $0.longestRead = 20 },
      break_: { $0.repository = .cutShort }, sensors: 22),
    Fault(
      description: "no DCMI while the machine is off", break_: { $0.power = .refused(0xd5) },
      sensors: 22),
    Fault(description: "no DCMI", break_: { $0.power = .absent }, sensors: 22),
    Fault(description: "DCMI that does not measure", break_: { $0.power = .off }, sensors: 22),
    Fault(
      description: "DCMI cut short", problems: ["power": .protocolError],
      break_: { $0.power = .short }, sensors: 22),
    Fault(
      description: "DCMI for administrators", problems: ["power": .permission],
      break_: { $0.power = .privileged(4) }, sensors: 22),
    Fault(description: "no log", break_: { $0.log = .empty }, sensors: 22),
    Fault(description: "no inventory", break_: { $0.inventory = .absent }, sensors: 22),
    Fault(description: "an inventory of garbage", break_: { $0.inventory = .garbage }, sensors: 22),
  ]

  @Test(arguments: faults)
  func `each fault has its reason, in bounded time, and leaks no session`(fault: Fault)
    async throws
  {
    var configuration = BMC.Configuration()
    fault.configure(&configuration)
    let bmc = try BMC(configuration)
    var faults = BMCFaults()
    fault.break_(&faults)
    bmc.faults = faults
    let begun = Deadline.now
    let answer = try await ask(bmc, fault.target)
    #expect(answer.failure?.reason == fault.reason, "\(String(describing: answer.failure))")
    let problems = answer.problems.map { ($0.part, $0.reason) }
    #expect(
      Dictionary(problems, uniquingKeysWith: { first, _ in first }) == fault.problems,
      "\(answer.problems)")
    #expect(answer.sensors.count >= fault.sensors, "\(answer.sensors.count)")
    // The silence that is borne, once for the last command and once for the close.
    #expect(Deadline.now.since(begun) < .seconds(4))
    bmc.faults = BMCFaults()
    #expect(bmc.openSessions == (fault.leavesSession ? 1 : 0))
    let text = "\(String(describing: answer.failure)) \(answer.problems) \(answer.steps)"
    #expect(!text.contains("secret") && !text.contains("wrong\""))
  }

  @Test func `power comes from the sensors where there is no DCMI`() async throws {
    let bmc = try BMC()
    bmc.faults.power = .absent
    let first = try await ask(bmc)
    #expect(first.power?.source == .sdr && first.power?.sensors == ["PSU1 Power", "PSU2 Power"])
    #expect(first.power?.current == 292)
    // And DCMI is not asked for again for a while.
    let second = try await ask(bmc, remembering: first.memory)
    #expect(second.power == first.power)
    #expect(bmc.count(.dcmiPower) == 1)
  }

  @Test func `DCMI that has no reading now is asked for in the next turn`() async throws {
    let bmc = try BMC()
    bmc.faults.power = .refused(0xd5)
    let first = try await ask(bmc)
    #expect(first.power?.source == .sdr)
    bmc.faults.power = .works
    #expect(try await ask(bmc, remembering: first.memory).power?.source == .dcmi)
  }

  @Test func `a machine that is on does not draw nothing`() async throws {
    let bmc = try BMC()
    bmc.setPower(current: 0, minimum: 0, maximum: 0, average: 0)
    let on = try await ask(bmc)
    #expect(on.power?.source == .sdr && on.power?.current == 292)
    bmc.powerOn = false
    let off = try await ask(bmc)
    #expect(off.power?.source == .dcmi && off.power?.current == 0)
  }

  @Test func `power is that of the machine, and no supply counts twice`() throws {
    func power(_ watts: [(String, UInt8, Double)]) -> PowerReading? {
      PowerReading.sensors(
        watts.map { name, entity, value in
          SensorReading(
            name: name, entity: "\(entity).1", entityID: entity, type: 0x0b, value: value,
            unit: "Watts", state: .nominal, code: "ok", events: [])
        })
    }
    let supplies = [
      ("PSU0 Input Power", UInt8(10), 210.0), ("PSU0 Output Power", 10, 195),
      ("PSU1 Input Power", 10, 200), ("PSU1 Output Power", 10, 186),
    ]
    #expect(power(supplies)?.current == 410)
    #expect(power([supplies[1], supplies[3]])?.current == 381)
    #expect(power(supplies + [("Pwr Consumption", 7, 400)])?.current == 400)
    #expect(power([("CPU1 Power", 3, 120), ("DIMM Power", 32, 30)]) == nil)
    #expect(power([("CPU1 Power", 3, 120), ("Total Power", 0, 350)])?.current == 350)
  }

  @Test(arguments: [0xff, 0xce, 0xc3, 0xd3] as [UInt8])
  func `a sensor that can't be read is no fault`(code: UInt8) async throws {
    let bmc = try BMC()
    bmc.set("FAN1", .refused(code))
    let answer = try await ask(bmc)
    #expect(answer.problems.isEmpty && answer.sensors.count == 21)
    #expect(answer.unreadable.contains("FAN1"))
  }

  @Test func `sensors of one name and entity have points of their own`() async throws {
    var configuration = BMC.Configuration()
    var sensor = try #require(configuration.sensors.first { $0.name == "FAN1" })
    sensor.number = 99
    configuration.sensors.append(sensor)
    let names = try await ask(try BMC(configuration)).points.compactMap {
      $0.measurement == "ipmi_sensor" ? $0[tag: "name"] : nil
    }
    #expect(names.contains("fan1") && names.contains("fan1_2"))
    #expect(Set(names).count == names.count)
  }

  @Test(arguments: [
    ("Inlet Temp", "inlet_temp"), ("A\tB\u{1}C\u{7f}\r\nD", "a_b_c___d"),
    ("Lüfter\u{a0}\u{85}1 É", "lüfter__1_é"), ("", ""),
    (String(repeating: "A b", count: 50), String(repeating: "a_b", count: 43).dropLast() + ""),
    (String(repeating: "Ä", count: 200), String(repeating: "ä", count: 128)),
  ]) func `a sensor's name in a tag has small letters and no blanks`(
    name: String, tag: String
  ) {
    var answer = BMCAnswer(time: Timestamp(nanoseconds: 0))
    answer.sensors = [
      SensorReading(
        name: name, entity: "7.1", entityID: 7, type: 1, value: 20, unit: "degrees C",
        state: .nominal, code: "ok", events: [])
    ]
    #expect(answer.points.first?[tag: "name"] ?? "" == tag)
    #expect(answer.points.first?[tag: "unit"] == "degrees_c")
  }

  @Test func `a sensor's point names the BMC as the inventory does`() async throws {
    let points = try await ask(try BMC()).points.filter { $0.measurement == "ipmi_sensor" }
    #expect(!points.isEmpty && points.allSatisfy { $0[tag: "server"] == "127.0.0.1" })
  }

  @Test func `a password that IPMI 1.5 answers with silence counts as refused`() async throws {
    let bmc = try BMC()
    let answer = try await ask(bmc) {
      $0.settings.driver = .lan
      $0.password = Array("wrong".utf8)
    }
    #expect(answer.failure?.reason == .authFailed && answer.memory["refused"] != nil)
  }

  @Test func `a third of all packets may be lost`() async throws {
    var configuration = BMC.Configuration()
    configuration.seed = 7
    let bmc = try BMC(configuration)
    bmc.faults.drop = 0.3
    let answer = try await ask(bmc, deadline: .seconds(60)) {
      $0.settings.timeout = .seconds(3)
      $0.settings.retransmit = .milliseconds(50)
      $0.settings.deadline = .seconds(60)
    }
    #expect(answer.failure == nil, "\(String(describing: answer.failure)) \(answer.steps)")
    #expect(answer.sensors.count == 22 && answer.problems.isEmpty)
  }

  /// With a timeout that 30 % of loss uses up somewhere in nearly every reading: all that were heard at
  /// all are read to the end, as ipmi-sensors does.
  @Test func `a BMC that has answered is retried until its own deadline`() async throws {
    let heard = try await withThrowingTaskGroup(of: Bool.self) { group in
      for seed in 1...6 {
        group.addTask {
          var configuration = BMC.Configuration()
          configuration.seed = UInt64(seed)
          let bmc = try BMC(configuration)
          bmc.faults.drop = 0.3
          let answer = try await ask(bmc, deadline: .seconds(60)) {
            // Gone after three lost packets in a row: one command in 37.
            $0.settings.timeout = .milliseconds(150)
            $0.settings.retransmit = .milliseconds(50)
            $0.settings.deadline = .seconds(30)
          }
          // Of some the very first question is lost three times.
          if !answer.isOpen, bmc.sessionsOpenedInAll == 0 { return false }
          #expect(answer.failure == nil, "\(seed): \(String(describing: answer.failure))")
          #expect(answer.sensors.count == 22 && answer.problems.isEmpty, "\(seed): \(answer.steps)")
          return true
        }
      }
      return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(heard >= 4)
  }

  @Test func `one that was never heard is given up after its timeout`() async throws {
    let bmc = try BMC()
    bmc.faults.silent = true
    let begun = Deadline.now
    let answer = try await ask(bmc)
    #expect(answer.failure?.reason == .timeout && !answer.isOpen)
    #expect(Deadline.now.since(begun) < .seconds(3))
  }

  @Test func `what came before the deadline is kept, and a slow BMC is not down`() async throws {
    let bmc = try BMC()
    bmc.faults.slow = 60
    let begun = Deadline.now
    let answer = try await ask(bmc, deadline: .seconds(3))
    #expect(Deadline.now.since(begun) < .seconds(4.5))
    #expect(answer.failure == nil && answer.chassis != nil && answer.power != nil)
    #expect(answer.problems.map(\.part) == ["sensors"] && answer.problems[0].reason == .timeout)
    #expect(bmc.openSessions == 0)
  }

  @Test func `200 polls of all kinds leave no session, thread or descriptor behind`() async throws {
    func count(_ what: String) throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/self/\(what)").count
    }
    let cache = Scratch()
    let bmcs = try (0..<8).map { _ in try BMC() }
    func poll(_ rounds: Int) async throws {
      for round in 0..<rounds {
        for (index, bmc) in bmcs.enumerated() {
          var faults = BMCFaults()
          switch (round + index) % 8 {
          case 0: faults.noSlots = true
          case 1: faults.busy = .everything
          case 2: faults.repository = .loops
          case 3: faults.log = .loops
          case 4: faults.power = .short
          default: break
          }
          bmc.faults = faults
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
          for (index, bmc) in bmcs.enumerated() {
            group.addTask {
              _ = try await ask(bmc, cache: cache.path) {
                if (round + index) % 8 == 5 { $0.password = Array("no".utf8) }
              }
            }
          }
          try await group.waitForAll()
        }
      }
    }
    try await poll(3)
    let before = (try count("fd"), try count("task"))
    try await poll(25)
    // A reactor of the last poll may be on its way out.
    let isSame = eventually {
      guard let files = try? count("fd"), let threads = try? count("task") else { return false }
      return files <= before.0 + 2 && threads <= before.1 + 2
    }
    let after = (try count("fd"), try count("task"))
    #expect(isSame, "\(before) became \(after)")
    #expect(bmcs.allSatisfy { $0.openSessions == 0 && $0.maxConcurrentSessions == 1 })
  }

  @Test func `a BMC has one session at a time, whoever asks`() async throws {
    let cache = Scratch()
    let bmc = try BMC()
    bmc.faults.slow = 5
    try await withThrowingTaskGroup(of: BMCAnswer.self) { group in
      for _ in 0..<6 { group.addTask { try await ask(bmc, cache: cache.path) } }
      for try await answer in group { #expect(answer.failure == nil) }
    }
    #expect(bmc.maxConcurrentSessions == 1 && bmc.sessionsOpenedInAll == 6)
  }

  @Test func `an interrupted pass does not wait for a silent BMC, and closes a talking one`()
    async throws
  {
    let bmc = try BMC()
    bmc.faults.slow = 50
    let begun = Deadline.now
    let task = Task { try await ask(bmc) }
    try await Task.sleep(for: .milliseconds(700))
    task.cancel()
    let answer = try await task.value
    #expect(answer.failure?.reason == .cancelled)
    #expect(Deadline.now.since(begun) < .seconds(2))
    // Not later: the process may end with the pass.
    #expect(bmc.openSessions == 0)
  }

  // MARK: Back-off

  @Test func `a BMC that refuses the log-in is left alone, longer each time`() async throws {
    let bmc = try BMC()
    func refused(_ memory: [String: [UInt64]]) async throws -> BMCAnswer {
      try await ask(bmc, remembering: memory) { $0.password = Array("wrong".utf8) }
    }
    let first = try await refused([:])
    let before = bmc.requests
    let second = try await refused(first.memory)
    #expect(bmc.requests == before && second.failure?.reason == .resting)
    #expect(second.failure?.detail.contains("next try at") == true)
    // When the time has come it is asked, and then left alone for twice as long.
    var memory = second.memory
    memory["refused"]?[1] = 0
    let third = try await refused(memory)
    #expect(bmc.requests > before)
    let wait = (third.memory["refused"]?[1] ?? 0) - UInt64(third.time.nanoseconds / 1_000_000_000)
    #expect(wait == 600)
    memory["refused"]?[1] = 0
    let good = try await ask(bmc, remembering: memory)
    #expect(good.failure == nil && good.memory["refused"] == nil)
  }
}
