internal import Metrics
internal import CFreeIPMI
internal import Glibc
internal import Parsers
internal import Inventory

/// Reads sensors over an open session and interprets the readings.
struct SensorReader {
  enum Outcome {
    case reading(SensorReading)
    /// No reading now, without a fault: absent, not scanned, unavailable.
    case none
    case busy
    case refused(String)
  }

  private let session: BMCSession
  private let device: BMCDevice
  private let workarounds: BMCSettings.Workarounds
  private let meaning: SensorMeaning

  init(_ session: BMCSession, device: BMCDevice, _ workarounds: BMCSettings.Workarounds) {
    self.session = session
    self.device = device
    self.workarounds = workarounds
    meaning = SensorMeaning(device)
  }

  /// Sends Get Sensor Reading (IPMI v2.0, 35.14).
  func read(_ sensor: SDR.Sensor) throws(BMCSession.Failure) -> Outcome {
    // Sensors of other controllers are behind a bus of the BMC.
    guard sensor.owner == 0x20 || workarounds.assumesOwner else { return .none }
    let bytes: [UInt8]
    do throws(BMCSession.Failure) {
      bytes = Array(
        try session.ask(
          0x04, 0x2d, [sensor.number], lun: workarounds.assumesOwner ? 0 : sensor.lun,
          for: "sensor \(sensor.name)"))
    } catch  where !error.endsSession {
      switch error.reason {
      case .busy: return .busy
      case .permission: return .refused(error.detail)
      // The record names an absent sensor, such as that of an empty slot: CBh for most makers; FFh,
      // CEh, C3h and others for some, mostly while the machine is off.
      default: return error.code == nil ? .refused(error.detail) : .none
      }
    }
    guard bytes.count >= 2 else { return .refused("an answer of \(bytes.count) bytes") }
    let isUnavailable = bytes[1] & 0x20 != 0
    let isScanned = bytes[1] & 0x40 != 0
    guard !isUnavailable, isScanned || workarounds.ignoresScanning else { return .none }
    // Some BMCs omit the events.
    let events =
      bytes.count >= 4
      ? UInt16(bytes[2]) | UInt16(bytes[3]) << 8 : bytes.count == 3 ? UInt16(bytes[2]) : 0
    let value = try self.value(of: sensor, raw: bytes[0])
    return .reading(meaning.reading(of: sensor, value: value, events: events))
  }

  private func value(
    of sensor: SDR.Sensor, raw: UInt8
  ) throws(BMCSession.Failure) -> Double? {
    // The byte of a discrete sensor has no meaning, unless the record gives it a unit.
    guard let reading = sensor.reading, var conversion = reading.conversion,
      sensor.hasThresholds || reading.unit != 0 || reading.isPercentage
    else { return nil }
    if conversion.linearization >= 0x70 {
      // Non-linear: the constants are of this reading only (35.5).
      do throws(BMCSession.Failure) {
        let bytes = Array(
          try session.ask(
            0x04, 0x23, [sensor.number, raw], lun: sensor.lun, for: "factors of \(sensor.name)"))
        guard bytes.count >= 7,
          let asked = SDR.Conversion(
            format: conversion.format, linearization: 0, factors: Array(bytes[1...]))
        else { return nil }
        conversion = asked
      } catch  where !error.endsSession {
        return nil
      }
    }
    var value = 0.0
    guard
      ipmi_sensor_decode_value(
        conversion.rExponent, conversion.bExponent, conversion.m, conversion.b,
        conversion.linearization, conversion.format, raw, &value) == 0, value.isFinite
    else { return nil }
    // A byte has no more digits than this; further ones come from the arithmetic.
    return (value * 1e6).rounded() / 1e6
  }
}

/// The meaning of a sensor's value and events, by FreeIPMI's tables.
final class SensorMeaning {
  private let tables: MeaningTables?
  private let device: BMCDevice

  init(_ device: BMCDevice) {
    self.device = device
    tables = MeaningTables(device)
  }

  func reading(of sensor: SDR.Sensor, value: Double?, events: UInt16) -> SensorReading {
    var reading = SensorReading(
      name: sensor.name.isEmpty ? "sensor \(sensor.number)" : sensor.name,
      entity: "\(sensor.entity).\(sensor.instance)", entityID: sensor.entity, type: sensor.type,
      value: value, unit: value == nil ? nil : unit(of: sensor), state: nil, code: "us",
      events: [])
    if sensor.hasThresholds {
      (reading.code, reading.state, reading.events) = Self.threshold(events)
      return reading
    }
    // The uppermost bit is reserved, and set by some.
    let events = events & 0x7fff
    reading.events = messages(of: sensor, events)
    var state: UInt32 = 0
    if let tables,
      ipmi_interpret_sensor(tables.context, sensor.eventType, sensor.type, events, &state) == 0
    {
      reading.state = SensorReading.State(rawValue: Int(state))
    }
    reading.code =
      switch reading.state {
      case .nominal?: "ok"
      case .warning?: "nc"
      case .critical?: "cr"
      case nil: "us"
      }
    return reading
  }

  /// The crossed thresholds (IPMI v2.0, table 35-15). Unlike in FreeIPMI's default, a non-critical one
  /// is a warning.
  static func threshold(_ events: UInt16) -> (String, SensorReading.State, [String]) {
    let words = [
      "lower non-critical", "lower critical", "lower non-recoverable", "upper non-critical",
      "upper critical", "upper non-recoverable",
    ]
    func crossed(_ bits: [Int]) -> [String] {
      bits.filter { events >> UInt16($0) & 1 != 0 }.map { words[$0] }
    }
    let (fatal, bad, odd) = (crossed([2, 5]), crossed([1, 4]), crossed([0, 3]))
    if !fatal.isEmpty { return ("nr", .critical, fatal) }
    if !bad.isEmpty { return ("cr", .critical, bad) }
    if !odd.isEmpty { return ("nc", .warning, odd) }
    return ("ok", .nominal, [])
  }

  /// `degrees C`, `RPM`, `percent`; composed units as FreeIPMI writes them.
  private func unit(of sensor: SDR.Sensor) -> String? {
    guard let reading = sensor.reading else { return nil }
    if !reading.isPercentage, reading.modifier == 0, reading.rate == 0 {
      guard reading.unit != 0, let unit = scrape_sensor_unit(reading.unit) else { return nil }
      return String(cString: unit)
    }
    if reading.isPercentage { return "percent" }
    return string(of: 256) { room, size in
      ipmi_sensor_units_string(
        0, reading.modifier, reading.rate, reading.unit, reading.modifierUnit, room, size, 0)
    }
  }

  /// The asserted events in FreeIPMI's words: `Presence detected`, `Fully Redundant`.
  private func messages(of sensor: SDR.Sensor, _ events: UInt16) -> [String] {
    guard events != 0 else { return [] }
    var list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    var count: UInt32 = 0
    let flags =
      IPMI_GET_EVENT_MESSAGES_FLAGS_SHORT | IPMI_GET_EVENT_MESSAGES_FLAGS_SENSOR_READING
      | IPMI_GET_EVENT_MESSAGES_FLAGS_INTERPRET_OEM_DATA
    guard
      ipmi_get_event_messages(
        sensor.eventType, sensor.type, sensor.number, events, device.manufacturer, device.product,
        &list, &count, nil, UInt32(flags)) == 0, let list
    else { return [] }
    defer { free(list) }
    return (0..<Int(count)).compactMap { index in
      guard let text = list[index] else { return nil }
      defer { free(text) }
      return String(cString: text)
    }
  }
}
