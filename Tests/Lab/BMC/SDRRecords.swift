import Glibc

/// A sensor of a simulated BMC: what its record says, and what it reads.
public struct BMCSensor: Sendable {
  public enum Availability: Sendable, Equatable {
    case readable
    /// Get Sensor Reading answers with the bit "reading unavailable".
    case unavailable
    /// Get Sensor Reading answers with scanning disabled.
    case scanningOff
    /// Get Sensor Reading answers CBh.
    case absent
    /// Get Sensor Reading answers with this completion code.
    case refused(UInt8)
  }

  /// Numbers of table 43-15, IPMI 2.0.
  public enum Unit: UInt8, Sendable {
    case unspecified = 0
    case celsius = 1
    case volts = 4
    case amperes = 5
    case watts = 6
    case revolutionsPerMinute = 18
  }

  /// The six thresholds as raw readings, from lower non-recoverable to upper non-recoverable.
  public struct Thresholds: Sendable {
    public var lowerNonRecoverable: UInt8?
    public var lowerCritical: UInt8?
    public var lowerNonCritical: UInt8?
    public var upperNonCritical: UInt8?
    public var upperCritical: UInt8?
    public var upperNonRecoverable: UInt8?
    public init() {}

    /// In the order of Get Sensor Thresholds and of the bits of a reading: lower non-critical first.
    var inOrder: [UInt8?] {
      [
        lowerNonCritical, lowerCritical, lowerNonRecoverable, upperNonCritical, upperCritical,
        upperNonRecoverable,
      ]
    }
  }

  public var name: String
  public var number: UInt8 = 0
  /// Table 42-3: 1 temperature, 2 voltage, 4 fan, 8 power supply …
  public var type: UInt8
  /// Table 42-1: 1 threshold, 6Fh the sensor's own, 0Bh redundancy, 70h and more the maker's.
  public var eventType: UInt8 = 1
  public var entity: (UInt8, instance: UInt8) = (7, 1)
  public var unit = Unit.unspecified
  public var isPercentage = false
  public var isSigned = false
  /// y = (m · raw + b · 10^bExponent) · 10^resultExponent
  public var m: Int = 1
  public var b: Int = 0
  public var bExponent: Int = 0
  public var resultExponent: Int = 0
  public var thresholds = Thresholds()
  public var raw: UInt8 = 0
  /// The states of a discrete sensor; bit n is offset n of its type.
  public var bits: UInt16 = 0
  public var availability = Availability.readable

  public var isThreshold: Bool { eventType == 1 }
  public var isReadable: Bool { availability == .readable }

  /// The reading in the unit of the sensor; nil for states, or where nothing can be read.
  public var value: Double? { isThreshold && isReadable ? value(of: raw) : nil }

  /// The raw reading in the unit of the sensor.
  public func value(of raw: UInt8) -> Double {
    let number = isSigned ? Double(Int8(bitPattern: raw)) : Double(raw)
    return (Double(m) * number + Double(b) * pow(10, Double(bExponent)))
      * pow(10, Double(resultExponent))
  }

  /// The nearest raw reading for a value.
  public func raw(for value: Double) -> UInt8 {
    let number =
      ((value / pow(10, Double(resultExponent)) - Double(b) * pow(10, Double(bExponent)))
      / Double(m)).rounded()
    return isSigned
      ? UInt8(bitPattern: Int8(min(max(number, -128), 127))) : UInt8(min(max(number, 0), 255))
  }

  private func order(_ raw: UInt8) -> Int { isSigned ? Int(Int8(bitPattern: raw)) : Int(raw) }

  /// The thresholds that the reading is beyond: bits 0 to 5 of a reading.
  var crossed: UInt8 {
    var bits: UInt8 = 0
    for (bit, threshold) in thresholds.inOrder.enumerated() {
      guard let threshold else { continue }
      let isCrossed =
        bit < 3 ? order(raw) <= order(threshold) : order(raw) >= order(threshold)
      if isCrossed { bits |= 1 << bit }
    }
    return bits
  }

  /// Which thresholds there are: bits 0 to 5.
  var thresholdMask: UInt8 {
    thresholds.inOrder.enumerated().reduce(0) { $1.element == nil ? $0 : $0 | 1 << $1.offset }
  }

  /// The answer to Get Sensor Reading, 35.14; nil is CBh.
  var reading: [UInt8]? {
    // The upper two bits of the third byte are set in every BMC's answer: reserved, read as ones.
    switch (availability, isThreshold) {
    case (.absent, _), (.refused, _): nil
    case (.unavailable, true): [0, 0xe0, 0xc0]
    case (.unavailable, false): [0, 0xe0, 0, 0x80]
    case (.scanningOff, true): [0, 0x80, 0xc0]
    case (.scanningOff, false): [0, 0x80, 0, 0x80]
    case (.readable, true): [raw, 0xc0, 0xc0 | crossed]
    case (.readable, false): [0, 0xc0, UInt8(bits & 0xff), UInt8(bits >> 8) | 0x80]
    }
  }

  /// The sensor's record behind its identifier: full for a threshold sensor, else compact. 43.1, 43.2.
  var record: [UInt8] {
    var body: [UInt8] = [0x20, 0, number, entity.0, entity.instance, 0x7f]
    body += [isThreshold ? 0x68 : 0x60, type, eventType]
    let units =
      UInt8(isThreshold ? (isSigned ? 0x80 : 0) : 0xc0) | (isPercentage ? 1 : 0)
    if isThreshold {
      let low = UInt16(thresholdMask & 7), high = UInt16(thresholdMask >> 3)
      body += little(low << 12 | 0x0fff) + little(high << 12 | 0x0fff) + [thresholdMask, 0]
      body += [units, unit.rawValue, 0, 0]
      body += [UInt8(truncatingIfNeeded: m), UInt8(m >> 8 & 3) << 6]
      body += [UInt8(truncatingIfNeeded: b), UInt8(b >> 8 & 3) << 6, 0]
      body += [UInt8(resultExponent & 15) << 4 | UInt8(bExponent & 15), 0, 0, 0, 0]
      body += isSigned ? [0x7f, 0x80] : [0xff, 0]
      let order = thresholds.inOrder.map { $0 ?? 0 }
      body += [order[5], order[4], order[3], order[2], order[1], order[0], 1, 1, 0, 0, 0]
    } else {
      body += [0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, units, unit.rawValue, 0]
      body += [1, 0, 0, 0, 0, 0, 0, 0]
    }
    return [0x51, isThreshold ? 1 : 2, UInt8(body.count + 1 + name.utf8.count)] + body
      + idString(name)
  }
}

private func idString(_ name: String) -> [UInt8] {
  let bytes = Array(name.utf8.prefix(16))
  return [0xc0 | UInt8(bytes.count)] + bytes
}

/// Records that are no sensors to be read, behind their identifiers.
enum OtherRecord {
  /// 43.3
  static func eventOnly(_ name: String, number: UInt8, type: UInt8, eventType: UInt8) -> [UInt8] {
    let body: [UInt8] = [0x20, 0, number, 6, 1, type, eventType, 1, 0, 0, 0] + idString(name)
    return [0x51, 3, UInt8(body.count)] + body
  }

  /// 43.8: the inventory memory of the main board.
  static func inventoryLocator(_ name: String) -> [UInt8] {
    let body: [UInt8] = [0x20, 0, 0x80, 0, 0, 0x10, 0, 7, 1, 0] + idString(name)
    return [0x51, 0x11, UInt8(body.count)] + body
  }

  /// 43.9
  static func controllerLocator(_ name: String) -> [UInt8] {
    let body: [UInt8] = [0x20, 0, 0, 0xbf, 0, 0, 0, 6, 1, 0] + idString(name)
    return [0x51, 0x12, UInt8(body.count)] + body
  }
}

extension BMCSensor {
  /// A threshold sensor that reads `value` with thresholds in its own unit.
  ///
  /// `limits` are lower non-recoverable, critical, non-critical, then upper non-critical, critical,
  /// non-recoverable.
  static func analog(
    _ name: String, _ type: UInt8, _ unit: Unit, _ value: Double, entity: UInt8 = 7,
    instance: UInt8 = 1, m: Int = 1, b: Int = 0, bExponent: Int = 0, resultExponent: Int = 0,
    signed: Bool = false, percentage: Bool = false, limits: [Double?] = []
  ) -> BMCSensor {
    var sensor = BMCSensor(name: name, type: type)
    sensor.entity = (entity, instance)
    sensor.unit = unit
    sensor.isSigned = signed
    sensor.isPercentage = percentage
    sensor.m = m
    sensor.b = b
    sensor.bExponent = bExponent
    sensor.resultExponent = resultExponent
    sensor.raw = sensor.raw(for: value)
    let raw = (limits + Array(repeating: nil, count: 6 - limits.count)).map { limit in
      limit.map { sensor.raw(for: $0) }
    }
    sensor.thresholds.lowerNonRecoverable = raw[0]
    sensor.thresholds.lowerCritical = raw[1]
    sensor.thresholds.lowerNonCritical = raw[2]
    sensor.thresholds.upperNonCritical = raw[3]
    sensor.thresholds.upperCritical = raw[4]
    sensor.thresholds.upperNonRecoverable = raw[5]
    return sensor
  }

  /// A sensor with states.
  static func discrete(
    _ name: String, _ type: UInt8, eventType: UInt8 = 0x6f, _ bits: UInt16, entity: UInt8 = 7,
    instance: UInt8 = 1
  ) -> BMCSensor {
    var sensor = BMCSensor(name: name, type: type)
    sensor.entity = (entity, instance)
    sensor.eventType = eventType
    sensor.bits = bits
    return sensor
  }

  /// What a machine with nothing special about it has: 22 that can be read, three that can not.
  ///
  /// `CPU2 Temp` is beyond its upper non-critical threshold, `FAN3` below its lower critical one, and
  /// `PSU2 Status` has lost its input; all else is well.
  public static let ordinary: [BMCSensor] = {
    let hot: [Double?] = [nil, nil, nil, 85, 95, 100]
    let room: [Double?] = [nil, nil, 3, 42, 47, 50]
    let turning: [Double?] = [500, 1000, 1500, nil, nil, nil]
    let supply: [Double?] = [nil, nil, nil, 720, 800, nil]
    func around(_ value: Double) -> [Double?] {
      [nil, value * 0.9, value * 0.95, value * 1.05, value * 1.1, nil]
    }
    var gone = analog("Riser Temp", 1, .celsius, 40, limits: hot)
    gone.availability = .absent
    var off = analog("GPU Temp", 1, .celsius, 40, limits: hot)
    off.availability = .scanningOff
    var unavailable = analog("DIMM Temp", 1, .celsius, 40, limits: hot)
    unavailable.availability = .unavailable
    var sensors = [
      analog("Inlet Temp", 1, .celsius, 24, entity: 0x37, limits: room),
      analog("Exhaust Temp", 1, .celsius, 38, entity: 0x37, instance: 2, limits: hot),
      analog("CPU1 Temp", 1, .celsius, 61, entity: 3, limits: hot),
      analog("CPU2 Temp", 1, .celsius, 89, entity: 3, instance: 2, limits: hot),
      analog(
        "Intake Cold", 1, .celsius, -12, entity: 0x37, instance: 3, signed: true,
        limits: [-40, -35, -30, 50, 55, 60]),
      analog("FAN1", 4, .revolutionsPerMinute, 4800, entity: 29, m: 75, limits: turning),
      analog(
        "FAN2", 4, .revolutionsPerMinute, 5100, entity: 29, instance: 2, m: 75, limits: turning),
      analog(
        "FAN3", 4, .revolutionsPerMinute, 750, entity: 29, instance: 3, m: 75, limits: turning),
      analog("12V", 2, .volts, 12.033, m: 63, resultExponent: -3, limits: around(12)),
      // (10 · raw + 3 · 10^2) · 10^-3: B and its exponent.
      analog(
        "VCPU", 2, .volts, 1.8, entity: 3, m: 10, b: 3, bExponent: 2, resultExponent: -3,
        limits: around(1.8)),
      analog("VBAT", 2, .volts, 3.0, entity: 40, m: 2, resultExponent: -2, limits: around(3)),
      analog("PSU1 Current", 3, .amperes, 1.35, entity: 10, m: 5, resultExponent: -2),
      analog("PSU1 Power", 11, .watts, 292, entity: 10, m: 4, limits: supply),
      analog("PSU2 Power", 11, .watts, 0, entity: 10, instance: 2, m: 4, limits: supply),
      analog("CPU Usage", 11, .unspecified, 37, entity: 3, percentage: true),
      discrete("PSU1 Status", 8, 0b1, entity: 10),
      discrete("PSU2 Status", 8, 0b1001, entity: 10, instance: 2),
      discrete("Fan Redundancy", 4, eventType: 0x0b, 0b1, entity: 30),
      discrete("Drive 0", 13, 0b1, entity: 4),
      discrete("Chassis Intru", 5, 0, entity: 23),
      discrete("Power Unit", 9, 0, entity: 19),
      discrete("OEM Health", 0xc0, eventType: 0x70, 0b10),
      unavailable, off, gone,
    ]
    for index in sensors.indices { sensors[index].number = UInt8(index + 1) }
    return sensors
  }()
}
