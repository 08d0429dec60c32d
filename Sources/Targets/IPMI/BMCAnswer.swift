internal import Engine
public import Metrics
public import Inventory

/// The data of a BMC from one session, as far as it was read.
public struct BMCAnswer: Sendable {
  /// A part that failed, in whole or in part, while others succeeded.
  public struct Problem: Sendable, Equatable {
    /// One of `parts`.
    public var part: String
    public var reason: Reason
    public var detail: String
  }

  /// The parts of a poll, in this order.
  public static let parts = ["chassis", "power", "sensors", "events", "identity"]

  /// The time of the poll, by the monitor's clock.
  public var time: Timestamp
  /// Its address as the inventory gives it.
  public var server: String?
  public var steps: [ScrapeStep] = []
  /// Why there is no answer, or why it is incomplete.
  public var failure: TargetError?
  public var problems: [Problem] = []
  /// Whether a session was opened.
  public var isOpen = false
  /// Whether it was not contacted after refusals.
  public var isResting = false
  public var chassis: ChassisStatus?
  public var power: PowerReading?
  public var sensors: [SensorReading] = []
  /// Sensors without a reading now: absent, not scanned, unavailable.
  public var unreadable: [String] = []
  public var log: EventLog?
  /// The most privilege that the user was granted in sessions of its own; nil if it was not tried, or could
  /// not be found out.
  public var mostPrivilege: BMCSettings.Privilege?
  /// Facts that rarely change, if they were read this time.
  public var identity: BMCIdentity?
  /// The memory for the next run.
  public var memory: [String: [UInt64]] = [:]
  /// Commands sent after the session was open.
  public var commands = 0

  public init(time: Timestamp) { self.time = time }
}

/// A sensor's reading.
public struct SensorReading: Sendable, Equatable {
  /// The severity: `nominal` is ok; unknown if there is no rule for it.
  public enum State: Int, Sendable { case nominal, warning, critical }

  public var name: String
  /// Entity id and instance, parted by a dot: `7.1` (IPMI v2.0, table 43-13).
  public var entity: String
  /// Entity id alone: 10 is a power supply, 29 a fan.
  public var entityID: UInt8
  /// The kind of sensor (IPMI v2.0, table 42-3): 1 temperature, 4 fan, 8 power supply.
  public var type: UInt8
  /// The value, where the sensor is analogue.
  public var value: Double?
  /// `degrees C`, `RPM`, `Watts`; nil where there is no value.
  public var unit: String?
  /// Nil for OEM sensors and others without a rule.
  public var state: State?
  /// ipmitool's two letters: `ok`, `nc`, `cr`, `nr`, `us` (unspecified).
  public var code: String
  /// Which events are asserted, in FreeIPMI's words.
  public var events: [String]
}

/// Whether the machine is on, and the faults of its chassis (IPMI v2.0, 28.2).
public struct ChassisStatus: Sendable, Equatable {
  public var isOn: Bool
  public var hasOverload: Bool
  public var hasInterlock: Bool
  public var hasPowerFault: Bool
  public var hasControlFault: Bool
  /// Why power last changed: `ac_failed`, `overload`, `interlock`, `fault`, `ipmi_on`; nil if not
  /// reported.
  public var lastEvent: String?
  public var isOpen: Bool?
  public var hasDriveFault: Bool?
  public var hasCoolingFault: Bool?
  /// Hours that the machine has been on in all, where the BMC counts them.
  public var hoursOn: Double?

  init?(_ bytes: ArraySlice<UInt8>) {
    let bytes = Array(bytes)
    guard bytes.count >= 2 else { return nil }
    isOn = bytes[0] & 0x01 != 0
    hasOverload = bytes[0] & 0x02 != 0
    hasInterlock = bytes[0] & 0x04 != 0
    hasPowerFault = bytes[0] & 0x08 != 0
    hasControlFault = bytes[0] & 0x10 != 0
    let events = ["ac_failed", "overload", "interlock", "fault", "ipmi_on"]
    lastEvent = events.indices.first { bytes[1] >> UInt8($0) & 1 != 0 }.map { events[$0] }
    guard bytes.count >= 3 else { return }
    isOpen = bytes[2] & 0x01 != 0
    hasDriveFault = bytes[2] & 0x04 != 0
    hasCoolingFault = bytes[2] & 0x08 != 0
  }
}

/// The power consumption of the machine.
public struct PowerReading: Sendable, Equatable {
  /// The source of the value.
  public enum Source: String, Sendable {
    /// DCMI's Get Power Reading: the whole machine, measured by the BMC.
    case dcmi
    /// The sensors named in `sensors`: one of the whole machine, or the sum of its power supplies.
    case sdr
  }

  public var source: Source
  /// Watts.
  public var current: Double
  public var minimum: Double?
  public var maximum: Double?
  public var average: Double?
  /// The time over which minimum, maximum and average are, in seconds.
  public var window: Double?
  public var sensors: [String] = []

  /// From the answer to DCMI's Get Power Reading after the group extension byte DCh (DCMI v1.5, 6.6.1):
  /// four 16-bit figures, a time stamp, the period in milliseconds, the state. Nil where the BMC is not
  /// measuring.
  static func dcmi(_ bytes: ArraySlice<UInt8>) -> PowerReading? {
    let bytes = Array(bytes)
    guard bytes.count >= 17, bytes[16] & 0x40 != 0 else { return nil }
    func word(_ place: Int) -> Double {
      Double(UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8)
    }
    let period = (12..<16).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32(bytes[$1]) }
    return PowerReading(
      source: .dcmi, current: word(0), minimum: word(2), maximum: word(4), average: word(6),
      window: period == 0 ? nil : Double(period) / 1000)
  }

  /// From the sensors in watts: that of the machine, or all of its power supplies together.
  static func sensors(_ sensors: [SensorReading]) -> PowerReading? {
    let watts = sensors.filter { $0.unit == "Watts" && $0.value != nil }
    // Entities of the whole (table 43-13): system board, power unit, power management, chassis,
    // and what a maker calls so.
    let whole = watts.filter { [7, 19, 21, 23].contains($0.entityID) }
    var supplies = watts.filter { $0.entityID == 10 }
    // A supply that reports both input and output must not be counted twice.
    let inputs = supplies.filter { !$0.name.lowercased().contains("out") }
    if !inputs.isEmpty { supplies = inputs }
    // Without either, one that is of no part (processor, disk, memory, card, fan …) will be that of
    // the machine.
    let parts: Set<UInt8> = [3, 4, 5, 8, 9, 11, 15, 16, 18, 29, 30, 32]
    let others = watts.filter { !parts.contains($0.entityID) }
    let chosen =
      whole.first.map { [$0] } ?? (supplies.isEmpty ? Array(others.prefix(1)) : supplies)
    guard !chosen.isEmpty else { return nil }
    return PowerReading(
      source: .sdr, current: chosen.reduce(0) { $0 + ($1.value ?? 0) },
      sensors: chosen.map(\.name))
  }
}

extension BMCAnswer {
  /// Takes a DCMI power reading, and says in words what it is (DCMI 1.5, 6.6.1).
  mutating func take(power bytes: ArraySlice<UInt8>) throws(BMCSession.Failure) -> String {
    guard bytes.first == 0xdc, bytes.count >= 18 else {
      throw .init(
        reason: .protocolError, detail: "a DCMI power reading of \(bytes.count) bytes, not 18")
    }
    guard let power = PowerReading.dcmi(bytes.dropFirst()) else {
      return "DCMI says that it is not measuring"
    }
    // Boards without a meter claim to measure, and report zeros.
    if power.current == 0, chassis?.isOn == true {
      return "DCMI says 0 W of a machine that is on: it has no meter"
    }
    self.power = power
    return "\(power.current) W"
  }
}
