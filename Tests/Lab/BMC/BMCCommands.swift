/// A command by its network function and number.
public struct BMCCommand: Hashable, Sendable {
  public var function: UInt8
  public var number: UInt8

  public init(_ function: UInt8, _ number: UInt8) {
    self.function = function
    self.number = number
  }

  public static let chassisStatus = BMCCommand(0x00, 0x01)
  public static let restartCause = BMCCommand(0x00, 0x07)
  public static let powerOnHours = BMCCommand(0x00, 0x0f)
  public static let sensorReadingFactors = BMCCommand(0x04, 0x23)
  public static let sensorThresholds = BMCCommand(0x04, 0x27)
  public static let sensorReading = BMCCommand(0x04, 0x2d)
  public static let deviceID = BMCCommand(0x06, 0x01)
  public static let selfTest = BMCCommand(0x06, 0x04)
  public static let deviceGUID = BMCCommand(0x06, 0x08)
  public static let systemGUID = BMCCommand(0x06, 0x37)
  public static let authenticationCapabilities = BMCCommand(0x06, 0x38)
  public static let challenge = BMCCommand(0x06, 0x39)
  public static let activateSession = BMCCommand(0x06, 0x3a)
  public static let setPrivilege = BMCCommand(0x06, 0x3b)
  public static let closeSession = BMCCommand(0x06, 0x3c)
  public static let channel = BMCCommand(0x06, 0x42)
  public static let cipherSuites = BMCCommand(0x06, 0x54)
  public static let system = BMCCommand(0x06, 0x59)
  public static let inventoryArea = BMCCommand(0x0a, 0x10)
  public static let inventoryRead = BMCCommand(0x0a, 0x11)
  public static let repository = BMCCommand(0x0a, 0x20)
  public static let repositoryAllocation = BMCCommand(0x0a, 0x21)
  public static let reserveRepository = BMCCommand(0x0a, 0x22)
  public static let record = BMCCommand(0x0a, 0x23)
  public static let log = BMCCommand(0x0a, 0x40)
  public static let logAllocation = BMCCommand(0x0a, 0x41)
  public static let reserveLog = BMCCommand(0x0a, 0x42)
  public static let logEntry = BMCCommand(0x0a, 0x43)
  public static let logTime = BMCCommand(0x0a, 0x48)
  public static let dcmiCapabilities = BMCCommand(0x2c, 0x01)
  public static let dcmiPower = BMCCommand(0x2c, 0x02)
  /// Steps of the key exchange, which have no network function.
  public static let openSession = BMCCommand(0xff, 0x10)
  public static let rakp1 = BMCCommand(0xff, 0x12)
  public static let rakp3 = BMCCommand(0xff, 0x14)
}

/// An answer: completion code and what follows it.
typealias Answer = (code: UInt8, body: [UInt8])

/// The machine behind a BMC: what it is, measures and remembers, and its answers to commands.
struct Board: Sendable {
  var sensors: [BMCSensor]
  /// Records without their identifiers, in order: sensors, then the others.
  var others: [[UInt8]] = [
    OtherRecord.eventOnly("SysEvents", number: 200, type: 0x12, eventType: 0x6f),
    OtherRecord.controllerLocator("BMC"), OtherRecord.inventoryLocator("Main Board"),
  ]
  var repositoryAddition: UInt32
  var repositoryErase: UInt32
  var log = SystemEventLog()
  var inventory = BMCInventory()
  var guid = randomBytes(16)
  var deviceIdentifier: UInt8 = 0x20
  var product: UInt16 = 0x0a5b
  var manufacturer: UInt32 = 10876
  /// Major and, in BCD, minor.
  var firmware: (UInt8, UInt8) = (0x02, 0x17)
  var isOn = true
  /// Get Chassis Status' second and third byte; 10h: switched on by a command.
  var lastPowerEvent: UInt8 = 0x10
  var chassisState: UInt8 = 0x40
  var restartCause: UInt8 = 1
  var powerOnHours: UInt32? = 12_345
  /// Watts: now, minimum, maximum, average.
  var watts: (UInt16, minimum: UInt16, maximum: UInt16, average: UInt16) = (292, 120, 410, 275)
  /// Milliseconds that the average is over.
  var powerWindow: UInt32 = 60_000
  /// Seconds that the BMC's clock is ahead of ours.
  var clockOffset: Int = 0
  /// Bytes that fit into an answer.
  var longestRead = 255
  var faults = BMCFaults()
  private var repositoryReservation: UInt16 = 0
  private var logReservation: UInt16 = 0
  private var reads = 0

  init(sensors: [BMCSensor], now: Int) {
    self.sensors = sensors
    repositoryAddition = UInt32(truncatingIfNeeded: now - 86_400)
    repositoryErase = repositoryAddition
  }

  func time(_ now: Int) -> UInt32 { UInt32(truncatingIfNeeded: now + clockOffset) }

  private static let done: Answer = (0, [])
  private static func error(_ code: UInt8) -> Answer { (code, []) }

  /// The answer to a command that a session with a privilege sent.
  mutating func answer(
    _ command: BMCCommand, _ body: [UInt8], privilege: UInt8, now: Int
  ) -> Answer {
    let body = PacketReader(body)
    switch faults.busy {
    case .everything: return Self.error(0xc0)
    case .sensors where command == .sensorReading: return Self.error(0xc0)
    default: break
    }
    switch command {
    case .deviceID:
      // Sensors, records, log and inventory; IPMI 2.0.
      return (
        0,
        [deviceIdentifier, 0x81, firmware.0, firmware.1, 0x02, 0x8f]
          + little(manufacturer).prefix(3) + little(product) + [1, 2, 3, 4]
      )
    case .selfTest: return (0, [0x55, 0])
    case .deviceGUID, .systemGUID: return (0, guid)
    case .channel:
      guard let number = body.rest.first, [1, 0x0e].contains(number & 15) else {
        return Self.error(0xcc)
      }
      return (0, [1, 4, 1, 0x80, 0xf2, 0x1b, 0, 0, 0])
    case .system: return system(body)
    case .chassisStatus:
      return (0, [(isOn ? 1 : 0) | 0x20, lastPowerEvent, chassisState, 0])
    case .restartCause: return (0, [restartCause, 1])
    case .powerOnHours:
      guard let powerOnHours else { return Self.error(0xc1) }
      return (0, [60] + little(powerOnHours))
    case .sensorReading, .sensorThresholds, .sensorReadingFactors: return sensor(command, body)
    case .repository: return repository()
    case .repositoryAllocation:
      return (0, [0, 16, 16, 0] + little(UInt16(1024)) + little(UInt16(1024)) + [4])
    case .reserveRepository:
      repositoryReservation = max(1, repositoryReservation &+ 1)
      return (0, little(repositoryReservation))
    case .record: return record(body)
    case .log, .logAllocation, .reserveLog, .logEntry, .logTime:
      return log(command, body, now: now)
    case .inventoryArea, .inventoryRead: return inventory(command, body)
    case _ where command.function == 0x2c:
      return dcmi(command, body, privilege: privilege, now: now)
    default: return Self.error(0xc1)
    }
  }

  /// Get System Info Parameters, 22.14b: firmware and names.
  private func system(_ body: PacketReader) -> Answer {
    var body = body
    guard body.byte() != nil, let parameter = body.byte(), let block = body.byte() else {
      return Self.error(0xc7)
    }
    guard let text = [1: "BIOS 1.4", 2: "simulated", 3: "Debian"][parameter], block == 0 else {
      return Self.error(0x80)
    }
    let bytes = [0, UInt8(text.utf8.count)] + Array(text.utf8)
    return (0, [0x11, 0] + bytes + [UInt8](repeating: 0, count: max(0, 16 - bytes.count)))
  }

  // Sensors

  private func sensor(_ command: BMCCommand, _ body: PacketReader) -> Answer {
    var body = body
    guard let number = body.byte() else { return Self.error(0xc7) }
    guard let sensor = sensors.first(where: { $0.number == number }) else {
      return Self.error(0xcb)
    }
    switch command {
    case .sensorReading:
      if case .refused(let code) = sensor.availability { return Self.error(code) }
      guard let reading = sensor.reading else { return Self.error(0xcb) }
      return (0, reading)
    case .sensorThresholds:
      guard sensor.isThreshold else { return Self.error(0xcd) }
      return (0, [sensor.thresholdMask] + sensor.thresholds.inOrder.map { $0 ?? 0 })
    default:
      guard sensor.isThreshold, let raw = body.byte() else { return Self.error(0xcd) }
      // The six bytes of the record from M on; the same for every reading.
      return (0, [raw &+ 1] + sensor.record[21..<27])
    }
  }

  // The sensor data repository

  /// Records as they are on the wire, by identifier, with what is wrong with them.
  private var records: [(identifier: UInt16, bytes: [UInt8])] {
    if case .empty = faults.repository { return [] }
    var list = (sensors.map(\.record) + others).enumerated().map { index, record in
      (identifier: UInt16(index + 1), bytes: little(UInt16(index + 1)) + record)
    }
    guard list.count > 5 else { return list }
    switch faults.repository {
    case .badLength: list[5].bytes[4] = 0xf0
    case .noise:
      var generator = SeededGenerator(seed: 5)
      for index in 6..<list[5].bytes.count {
        list[5].bytes[index] = UInt8.random(in: 0...255, using: &generator)
      }
    default: break
    }
    return list
  }

  private func repository() -> Answer {
    let count = records.count
    var (added, erased) = (repositoryAddition, repositoryErase)
    if case .markless = faults.repository { (added, erased) = (.max, .max) }
    return (
      0,
      [0x51] + little(UInt16(count)) + little(UInt16(0x2000)) + little(added) + little(erased)
        + [0x23]
    )
  }

  private mutating func record(_ body: PacketReader) -> Answer {
    var body = body
    guard let reservation = body.number16(), let identifier = body.number16(),
      let offset = body.byte(), let count = body.byte()
    else { return Self.error(0xc7) }
    reads += 1
    if case .reservationLost(let every) = faults.repository, offset > 0, reads % max(1, every) == 0
    {
      repositoryReservation &+= 1
    }
    if offset > 0, reservation != repositoryReservation { return Self.error(0xc5) }
    let records = records
    let found =
      identifier == 0
      ? records.indices.first : records.indices.first { records[$0].identifier == identifier }
    guard let index = identifier == 0xffff ? records.indices.last : found else {
      return Self.error(0xcb)
    }
    let bytes = records[index].bytes
    var length = count == 0xff ? bytes.count : Int(count)
    if case .cutShort = faults.repository { length = min(length, longestRead) }
    guard length <= longestRead else { return Self.error(0xca) }
    guard Int(offset) < bytes.count else { return Self.error(0xc9) }
    var next = index + 1 < records.count ? records[index + 1].identifier : 0xffff
    switch faults.repository {
    case .loops where next == 0xffff: next = records[0].identifier
    case .losesRecords where index == 6: next = 0x7777
    default: break
    }
    return (0, little(next) + bytes.dropFirst(Int(offset)).prefix(length))
  }

  /// A record appears or goes, or the board is another: what was kept of the repository is no more.
  mutating func cancelReservations() {
    repositoryReservation &+= 1
  }

  // The system event log

  private mutating func log(_ command: BMCCommand, _ body: PacketReader, now: Int) -> Answer {
    var body = body
    var entries = log.entries
    if case .empty = faults.log { entries = [] }
    switch command {
    case .log:
      let free = (SystemEventLog.capacity - entries.count) * 16
      return (
        0,
        [0x51] + little(UInt16(entries.count)) + little(UInt16(free)) + little(log.lastAddition)
          + little(log.lastErase) + [log.hasOverflown ? 0x83 : 3]
      )
    case .logAllocation:
      let free = UInt16(SystemEventLog.capacity - entries.count)
      return (
        0, little(UInt16(SystemEventLog.capacity)) + [16, 0] + little(free) + little(free) + [1]
      )
    case .reserveLog:
      logReservation = max(1, logReservation &+ 1)
      return (0, little(logReservation))
    case .logTime: return (0, little(time(now)))
    default: break
    }
    guard let reservation = body.number16(), let identifier = body.number16(),
      let offset = body.byte(), let count = body.byte()
    else { return Self.error(0xc7) }
    var isReserved = offset > 0
    if case .wantsReservation = faults.log { isReserved = true }
    if isReserved, reservation != logReservation { return Self.error(0xc5) }
    if case .wantsLength = faults.log, count == 0xff { return Self.error(0xca) }
    let index: Int? =
      switch identifier {
      case 0: entries.indices.first
      case 0xffff: entries.indices.last
      default: entries.firstIndex { $0.identifier == identifier }
      }
    guard let index, Int(offset) < 16 else { return Self.error(0xcb) }
    var next = index + 1 < entries.count ? entries[index + 1].identifier : 0xffff
    switch faults.log {
    case .loops where next == 0xffff: next = entries[0].identifier
    case .endsInZero where next == 0xffff: next = 0
    case .entryVanished where index == entries.count / 2: return Self.error(0xcb)
    default: break
    }
    let length = count == 0xff ? 16 : Int(count)
    return (0, little(next) + entries[index].bytes.dropFirst(Int(offset)).prefix(length))
  }

  // The inventory memory

  private func inventory(_ command: BMCCommand, _ body: PacketReader) -> Answer {
    var body = body
    guard body.byte() == 0 else { return Self.error(0xcb) }
    var image = inventory.image
    switch faults.inventory {
    case .works: break
    case .absent: return Self.error(0xcb)
    case .garbage:
      var generator = SeededGenerator(seed: 11)
      image = image.map { _ in UInt8.random(in: 0...255, using: &generator) }
    }
    if command == .inventoryArea { return (0, little(UInt16(image.count)) + [0]) }
    guard let offset = body.number16(), let count = body.byte() else { return Self.error(0xc7) }
    guard Int(count) <= min(longestRead, 200) else { return Self.error(0xca) }
    guard Int(offset) < image.count else { return Self.error(0xc9) }
    let bytes = image.dropFirst(Int(offset)).prefix(Int(count))
    return (0, [UInt8(bytes.count)] + bytes)
  }

  // DCMI 1.5

  private func dcmi(
    _ command: BMCCommand, _ body: PacketReader, privilege: UInt8, now: Int
  ) -> Answer {
    var body = body
    var measures = true
    switch faults.power {
    case .works, .short: break
    case .absent: return Self.error(0xc1)
    case .off: measures = false
    case .refused(let code): return Self.error(code)
    case .privileged(let needed):
      if privilege < needed { return Self.error(0xd4) }
    }
    guard body.byte() == 0xdc else { return Self.error(0xc1) }
    switch command {
    case .dcmiPower:
      guard body.byte() == 1 else { return Self.error(0xcc) }
      let bytes =
        [0xdc] + little(watts.0) + little(watts.minimum) + little(watts.maximum)
        + little(watts.average) + little(time(now)) + little(powerWindow) + [measures ? 0x40 : 0]
      if case .short = faults.power { return (0, Array(bytes.prefix(6))) }
      return (0, bytes)
    case .dcmiCapabilities:
      let parameters: [UInt8: [UInt8]] = [
        1: [0, 1, 7], 2: [0x00, 0x92, 0, 0, 1], 3: [0x20, 0], 4: [1, 0xff, 0xff],
        5: [2, 0x05, 0x41],
      ]
      guard let parameter = body.byte(), let bytes = parameters[parameter] else {
        return Self.error(0xc9)
      }
      return (0, [0xdc, 1, 5, 2] + bytes)
    default: return Self.error(0xc1)
    }
  }
}
