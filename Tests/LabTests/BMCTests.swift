import Foundation
import Lab
import Testing

/// Checks the simulator with FreeIPMI's tools and ipmitool: they read what it is set to.
@Suite struct BMCTests {
  let scratch = Scratch()

  func free(
    _ tool: String, _ arguments: [String], at address: String, _ port: UInt16,
    user: String = "admin", password: String = "secret", timeout: Int = 2000,
    retransmission: Int? = nil, suite: Int = 3, workaround: String? = nil
  ) throws -> Outcome {
    let cache = tool == "ipmi-sensors" || tool == "ipmi-sel" || tool == "ipmi-fru"
    return try run(
      "/usr/sbin/\(tool)",
      [
        "-D", "LAN_2_0", "-h", "\(address):\(port)", "-u", user, "-p", password, "-I", "\(suite)",
        "--session-timeout=\(timeout)", "--retransmission-timeout=\(retransmission ?? timeout / 4)",
      ] + (cache ? ["--sdr-cache-directory=\(scratch.path)", "--quiet-cache"] : [])
        + (workaround.map { ["-W", $0] } ?? []) + arguments, environment: ["HOME": scratch.path])
  }

  func free(
    _ tool: String, _ arguments: [String], _ bmc: BMC, user: String = "admin",
    password: String = "secret", timeout: Int = 2000, retransmission: Int? = nil, suite: Int = 3
  ) throws -> Outcome {
    try free(
      tool, arguments, at: bmc.address, bmc.port, user: user, password: password,
      timeout: timeout, retransmission: retransmission, suite: suite)
  }

  func ipmitool(_ arguments: [String], _ bmc: BMC, suite: Int = 17) throws -> Outcome {
    try run(
      "/usr/bin/ipmitool",
      [
        "-I", "lanplus", "-C", "\(suite)", "-H", bmc.address, "-p", "\(bmc.port)", "-U", "admin",
        "-P", "secret",
      ] + arguments, environment: ["HOME": scratch.path])
  }

  /// The fields of lines between bars or commas.
  func fields(_ text: String, _ separator: Character) -> [[String]] {
    text.split(separator: "\n").map { line in
      line.split(separator: separator, omittingEmptySubsequences: false).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
    }
  }

  /// Each sensor that reads a number agrees with the tool, to its two digits.
  func expectSensors(_ sensors: [BMCSensor], in output: String) throws {
    let rows = fields(output, ",")
    for sensor in sensors {
      let row = try #require(rows.first { $0.count > 4 && $0[1] == sensor.name }, "\(sensor.name)")
      if let value = sensor.value {
        let read = try #require(Double(row[4]), "\(row)")
        #expect(abs(read - value) <= 0.00501, "\(row), not \(value)")
      } else {
        #expect(row[4] == "N/A", "\(row)")
      }
    }
  }

  let listing = ["--output-sensor-state", "--comma-separated-output", "--no-header-output"]

  @Test func `requests inside sessions are kept until they are taken`() throws {
    let bmc = try BMC()
    let seen = try free("ipmi-chassis", ["--get-chassis-status"], bmc)
    #expect(seen.status == 0, "\(seen.errors)")
    #expect(bmc.takeRequests().contains([0x00, 0x00, 0x01]))
    #expect(bmc.takeRequests().isEmpty)
  }

  @Test(arguments: [0, 1, 2, 3, 15, 16, 17])
  func `ipmi-sensors reads every sensor over every suite`(suite: Int) throws {
    let bmc = try BMC()
    bmc.set("Inlet Temp", value: 31)
    bmc.set("Intake Cold", value: -33)
    bmc.set("PSU1 Status", bits: 0b11)
    let seen = try free("ipmi-sensors", listing, bmc, suite: suite)
    #expect(seen.status == 0, "\(seen.errors)")
    try expectSensors(bmc.sensors, in: seen.output)
    let states = Dictionary(
      uniqueKeysWithValues: fields(seen.output, ",").map { ($0[1], $0[3]) })
    #expect(states["CPU1 Temp"] == "Nominal" && states["FAN3"] == "Critical")
    #expect(states["PSU1 Status"] == "Critical" && states["Fan Redundancy"] == "Nominal")
    #expect(bmc.openSessions == 0 && bmc.sessionsOpenedInAll == 1)
    #expect(bmc.count(.sensorReading) == bmc.sensors.count)
  }

  @Test(arguments: ["NONE", "MD5", "STRAIGHT_PASSWORD_KEY"])
  func `ipmi-sensors reads every sensor over IPMI 1.5`(authentication: String) throws {
    let bmc = try BMC()
    let seen = try free(
      "ipmi-sensors", listing + ["-D", "LAN", "-a", authentication], bmc, timeout: 1000)
    #expect(seen.status == 0, "\(seen.errors)")
    try expectSensors(bmc.sensors, in: seen.output)
    #expect(bmc.openSessions == 0 && bmc.sessionsOpenedInAll == 1)
    #expect(bmc.count(.activateSession) == 1 && bmc.count(.openSession) == 0)
  }

  @Test func `ipmitool sees sensors, power, log and inventory over suite 17`() throws {
    let bmc = try BMC()
    bmc.setPower(current: 317, minimum: 101, maximum: 500, average: 299)
    bmc.powerOn = false
    let sensors = try ipmitool(["sensor"], bmc)
    let rows = fields(sensors.output, "|")
    for sensor in bmc.sensors {
      guard let value = sensor.value else { continue }
      let row = try #require(rows.first { $0[0] == sensor.name })
      #expect(Double(row[1]).map { abs($0 - value) < 0.002 } == true, "\(row), not \(value)")
    }
    let power = try ipmitool(["dcmi", "power", "reading"], bmc).output
    for text in ["317 Watts", "101 Watts", "500 Watts", "299 Watts", "activated"] {
      #expect(power.contains(text), "\(text) in \(power)")
    }
    #expect(try ipmitool(["chassis", "status"], bmc).output.contains("System Power         : off"))
    #expect(try ipmitool(["fru"], bmc).output.contains(bmc.inventory.serial))
    #expect(fields(try ipmitool(["sel", "elist"], bmc).output, "|").count == 7)
    #expect(bmc.openSessions == 0)
  }

  @Test func `ipmi-dcmi, ipmi-sel, ipmi-fru, ipmi-chassis and bmc-info see what is set`() throws {
    let bmc = try BMC()
    bmc.setPower(current: 317, minimum: 101, maximum: 500, average: 299, window: 90_000)
    let power = try free("ipmi-dcmi", ["--get-system-power-statistics"], bmc).output
    for text in [
      "317 Watts", "101 watts", "500 watts", "299 watts", "90000 milliseconds", "Active",
    ] {
      #expect(power.contains(text), "\(text) in \(power)")
    }
    bmc.clearSEL()
    bmc.addEvent("FAN2", offset: 2)
    bmc.addEvent("PSU2 Status", offset: 3, asserted: false)
    let log = try free("ipmi-sel", [], bmc).output
    #expect(log.contains("Lower Critical - going low"), "\(log)")
    #expect(fields(log, "|").count == 3, "\(log)")
    let inventory = try free("ipmi-fru", [], bmc).output
    #expect(inventory.contains("Product Serial Number: SN0123456789"), "\(inventory)")
    let before = try free("bmc-info", [], bmc).output
    bmc.replaceBoard(serial: "SN42")
    #expect(try free("ipmi-fru", [], bmc).output.contains("Product Serial Number: SN42"))
    #expect(try free("bmc-info", [], bmc).output != before)
    #expect(
      try free("ipmi-chassis", ["--get-chassis-status"], bmc).output.contains(
        "System Power                        : on"))
  }

  @Test(arguments: [
    ("silent", "connection timeout"), ("garbage", "connection timeout"),
    ("truncated", "connection timeout"), ("slow", "connection timeout"),
    ("wrong password", "password invalid"), ("unknown user", "username invalid"),
    ("wrong RAKP 2", "password invalid"), ("no slots", "BMC busy"), ("full", "BMC busy"),
    ("suites", "cipher suite id unavailable"), ("busy", "BMC busy"),
    ("privilege", "privilege level cannot be obtained"),
  ])
  func `each fault has the reason that the tools give it`(fault: String, reason: String) throws {
    var configuration = BMC.Configuration()
    if fault == "suites" { configuration.cipherSuites = [17] }
    if fault == "full" { configuration.sessionLimit = 0 }
    let bmc = try BMC(configuration)
    switch fault {
    case "silent": bmc.faults.silent = true
    case "garbage": bmc.faults.garbage = true
    case "truncated": bmc.faults.truncated = true
    case "slow": bmc.faults.slow = 3000
    case "wrong RAKP 2": bmc.faults.wrongRAKP2 = true
    case "no slots": bmc.faults.noSlots = true
    case "busy": bmc.faults.busy = .everything
    default: break
    }
    let (user, password) =
      switch fault {
      case "wrong password": ("admin", "nonsense")
      case "unknown user": ("nobody", "secret")
      case "privilege": ("monitor", "monitor-only")
      default: ("admin", "secret")
      }
    let seen = try free(
      "bmc-info", ["--get-device-id", "--privilege-level=ADMIN"], bmc, user: user,
      password: password, timeout: 1000)
    #expect(seen.status != 0)
    #expect((seen.output + seen.errors).contains(reason), "\(seen.output)\(seen.errors)")
    #expect(bmc.openSessions == 0 || fault == "busy")
  }

  struct Fault: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var tool = "ipmi-sensors"
    var seen: String
    var longestRead: UInt8 = 255
    var change: @Sendable (inout BMCFaults) -> Void

    init(
      _ name: String, _ tool: String = "ipmi-sensors", sees seen: String, longestRead: UInt8 = 255,
      _ change: @escaping @Sendable (inout BMCFaults) -> Void
    ) {
      testDescription = name
      self.tool = tool
      self.seen = seen
      self.longestRead = longestRead
      self.change = change
    }
  }

  // A log that loops is not here: ipmi-sel reads it for ever.
  static let faults = [
    Fault("loop", sees: "record count invalid") { $0.repository = .loops },
    Fault("lost records", sees: "internal IPMI error") { $0.repository = .losesRecords },
    Fault("no records", sees: "record count invalid") { $0.repository = .empty },
    Fault("bad length", sees: "internal IPMI error") { $0.repository = .badLength },
    Fault("reads of 16 bytes", sees: "25,Riser Temp", longestRead: 16) { _ in },
    Fault("a lost reservation", sees: "25,Riser Temp", longestRead: 16) {
      $0.repository = .reservationLost(every: 9)
    },
    Fault("no reservation", sees: "internal IPMI error", longestRead: 16) {
      $0.repository = .reservationLost(every: 1)
    },
    Fault("busy sensors", sees: "3,CPU1 Temp,Temperature,N/A,N/A") { $0.busy = .sensors },
    Fault("answers that come twice", sees: "success") { $0.duplicates = true },
    Fault("flipped bits", sees: "connection timeout") { $0.corrupt = true },
    Fault("no DCMI", "ipmi-dcmi", sees: "command invalid or unsupported") { $0.power = .absent },
    Fault("no measuring", "ipmi-dcmi", sees: "Not Available") { $0.power = .off },
    Fault("short power", "ipmi-dcmi", sees: "internal IPMI error") { $0.power = .short },
    Fault("privilege", "ipmi-dcmi", sees: "privilege level insufficient") {
      $0.power = .privileged(5)
    },
    Fault("vanished entry", "ipmi-sel", sees: "internal IPMI error") { $0.log = .entryVanished },
    Fault("garbage", "ipmi-fru", sees: "checksum invalid") { $0.inventory = .garbage },
  ]

  @Test(arguments: faults)
  func `what is wrong with the content is seen by the tools`(fault: Fault) throws {
    var configuration = BMC.Configuration()
    configuration.longestRead = fault.longestRead
    let bmc = try BMC(configuration)
    fault.change(&bmc.faults)
    let arguments = ["ipmi-dcmi": ["--get-system-power-statistics"], "ipmi-sensors": listing]
    let seen = try free(fault.tool, arguments[fault.tool] ?? [], bmc)
    #expect((seen.output + seen.errors).contains(fault.seen), "\(seen.output)\(seen.errors)")
    #expect(bmc.openSessions == 0)
  }

  @Test func `a third of lost packets is survived, an idle session expires`() throws {
    var configuration = BMC.Configuration()
    configuration.idleSeconds = 5
    let bmc = try BMC(configuration)
    bmc.faults.drop = 0.3
    let seen = try free("ipmi-sensors", listing, bmc, retransmission: 60)
    #expect(fields(seen.output, ",").count == bmc.sensors.count, "\(seen.errors)")
    #expect(bmc.requests > 80)
    bmc.faults = BMCFaults()
    bmc.faults.diesAfter = 12
    _ = try free("ipmi-sensors", listing, bmc, timeout: 400)
    #expect(bmc.openSessions == 1)
    #expect(eventually(within: 6) { bmc.openSessions == 0 })
  }

  @Test func `two hundred are started, read and stopped cheaply`() throws {
    let bmcs = try (1...200).map { try BMC(address: "127.0.\(40 + $0 / 200).\($0)") }
    #expect(bmcs.allSatisfy { answersPing($0.address, $0.port) })
    #expect(bmcs.allSatisfy { $0.requests == 1 })
    let gone = bmcs[7]
    gone.stop()
    #expect(!answersPing(gone.address, gone.port))
  }

  @Test func `OpenIPMI's simulator shows the same sensors`() throws {
    let sensors = BMCSensor.ordinary.filter { $0.isReadable && $0.isThreshold }
    let sim = try IPMISim(sensors: sensors)
    let seen = try free(
      "ipmi-sensors", listing, at: sim.address, sim.port, workaround: "opensesspriv")
    #expect(seen.status == 0, "\(seen.errors)\(sim.log)")
    try expectSensors(sensors, in: seen.output)
    let log = try free("ipmi-sel", [], at: sim.address, sim.port, workaround: "opensesspriv")
    #expect(fields(log.output, "|").count == 3, "\(log.output)\(log.errors)")
    let inventory = try free(
      "ipmi-fru", [], at: sim.address, sim.port, workaround: "opensesspriv")
    #expect(inventory.output.contains("SN0123456789"), "\(inventory.output)\(inventory.errors)")
    let chassis = try free(
      "ipmi-chassis", ["--get-chassis-status"], at: sim.address, sim.port,
      workaround: "opensesspriv")
    #expect(
      chassis.output.contains("System Power                        : on"),
      "\(chassis.output)\(chassis.errors)")
  }
}
