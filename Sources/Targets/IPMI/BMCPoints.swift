internal import Engine
public import Metrics

extension BMCAnswer {
  /// The measurements of BMCs, beside `event` with the source `sel`.
  public static let measurements = [
    Measurement(
      "ipmi_sensor",
      """
      A sensor of the host's BMC, in Telegraf's schema v2 (its plugin's `metric_version = 2`). \
      A sensor without a reading has no point. A second sensor of the same name and entity is \
      `inlet_temp_2`.
      """,
      source: "RMCP+ through FreeIPMI",
      tags: [
        "server": "the BMC's address in the inventory", "name": "such as `inlet_temp`",
        "entity_id": "such as `7.1`",
        "unit": "`degrees_c`, `rpm`, `volts`, `watts`, `percent` …; absent where there is no value",
        "status_code":
          """
        `ok`, `nc` non-critical, `cr` critical, `nr` non-recoverable, `us` no rule for it
        """,
        "status_desc": "the events that are asserted: `presence_detected`, `upper_critical`",
      ],
      fields: [
        .float(
          "value", unit: sensorUnit,
          means: "The reading; absent for discrete sensors, where Telegraf writes 0"),
        .state("state", means: "0 nominal, 1 warning, 2 critical; absent without a rule"),
        .string(
          "events", means: "Asserted events of a sensor with neither, such as vendor-specific ones"),
      ]),
    Measurement(
      "ipmi_power", "Power consumption of the machine.", source: "DCMI and sensors of the BMC",
      isOurs: true,
      tags: [
        "source":
          "`dcmi` (measured by the BMC), or `sdr` (from sensors: that of the machine, or the sum of the inputs of its power supplies)"
      ],
      fields: [
        .float("watts", unit: .watts, means: "Power now"),
        .float(
          "min_watts", "max_watts", "average_watts", unit: .watts,
          means: "Power over the window; of `dcmi` only"),
        .float("window_s", unit: .seconds, means: "Length of the window; of `dcmi` only"),
        .string("sensors", means: "Names of the sensors; of `sdr` only"),
      ]),
    Measurement(
      "ipmi_chassis", "State of the chassis, of the sensors as a whole and of the event log.",
      source: "the BMC", isOurs: true,
      fields: [
        .state("power_on", means: "1 if the machine is powered on"),
        .state(
          "overload", "interlock", "power_fault", "control_fault",
          means: "1 if the power supply has this fault"),
        .state(
          "intrusion", "drive_fault", "cooling_fault",
          means: "1 if the chassis has this fault; absent if not reported"),
        .string(
          "last_power_event",
          means: """
            Cause of the last power loss: `ac_failed`, `overload`, `interlock`, `fault`, \
            `ipmi_on`
            """),
        .float("power_on_hours", unit: .hours, means: "Total time in use, if the BMC counts it"),
        .float(
          "clock_offset_s", unit: .seconds,
          means: "How far the BMC's clock is ahead; only when the log has new entries"),
        .integer("sensors", "sensors_unreadable", means: "Sensors with a reading, and without"),
        .integer("sel_entries", means: "Entries of the event log"),
        .integer("sel_free_bytes", unit: .bytes, means: "Space left in the event log"),
      ]),
  ]

  /// FreeIPMI's words, as the tag has them.
  private static let sensorUnit = FieldUnit.inTag(
    [
      "degrees_c": "°C", "degrees_f": "°F", "degrees_k": "K", "volts": "V", "amps": "A",
      "watts": "W", "rpm": "RPM", "percent": "%", "hz": "Hz", "joules": "J", "seconds": "s",
      "milliseconds": "ms", "minutes": "min", "hours": "h", "days": "d",
    ], blank: "_")

  public var points: [Point] {
    var seen: [String: Int] = [:]
    var points: [Point] = []
    points.reserveCapacity(sensors.count + 3)
    for sensor in sensors {
      let name = Self.word(sensor.name)
      let place = seen["\(name) \(sensor.entity)", default: 0] + 1
      seen["\(name) \(sensor.entity)"] = place
      points.append(point(of: sensor, named: place > 1 ? "\(name)_\(place)" : name))
    }
    return points + [power.map(point), chassisPoint].compactMap { $0 }
      + (log?.events.map(point) ?? [])
  }

  /// `name` is another one for each sensor of the same name and entity: two points with the same tags would
  /// be one in the database.
  private func point(of sensor: SensorReading, named name: String) -> Point {
    var point = Point("ipmi_sensor", room: 2)
    point.tags.reserveCapacity(6)
    if let server { point.tag("server", server) }
    point.tag("name", name)
    point.tag("entity_id", sensor.entity)
    point.tag("status_code", sensor.code)
    point.tag(
      "status_desc",
      Self.word(sensor.events.isEmpty ? sensor.code : sensor.events.joined(separator: ", ")))
    if let unit = sensor.unit { point.tag("unit", Self.word(unit)) }
    point.float("value", sensor.value)
    point.integer("state", sensor.state.map { Int64($0.rawValue) })
    // A sensor with neither still has a point.
    if point.fields.isEmpty { point.string("events", sensor.events.joined(separator: ", ")) }
    return point
  }

  /// Telegraf's form of a name: lower case, `_` for blanks. The BMC's maker chooses it.
  private static func word(_ text: String) -> String {
    if text.utf8.count <= 128, text.utf8.allSatisfy({ $0 < 0x80 }) {
      return String(unsafeUninitializedCapacity: text.utf8.count) { room in
        for (place, byte) in text.utf8.enumerated() {
          room[place] =
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
            case ...0x20, 0x7f: UInt8(ascii: "_")
            default: byte
            }
        }
        return text.utf8.count
      }
    }
    let small = text.lowercased().unicodeScalars.map { scalar -> Character in
      scalar.properties.isWhitespace || scalar.properties.generalCategory == .control
        ? "_" : Character(scalar)
    }
    return String(small.prefix(128))
  }

  private func point(of power: PowerReading) -> Point {
    var point = Point("ipmi_power", tags: [Tag("source", power.source.rawValue)])
    point.float("watts", power.current)
    point.float("min_watts", power.minimum)
    point.float("max_watts", power.maximum)
    point.float("average_watts", power.average)
    point.float("window_s", power.window)
    if !power.sensors.isEmpty { point.string("sensors", power.sensors.joined(separator: ", ")) }
    return point
  }

  private var chassisPoint: Point? {
    var point = Point("ipmi_chassis")
    func flag(_ name: String, _ value: Bool?) {
      point.integer(name, value.map { Int64($0 ? 1 : 0) })
    }
    flag("power_on", chassis?.isOn)
    flag("overload", chassis?.hasOverload)
    flag("interlock", chassis?.hasInterlock)
    flag("power_fault", chassis?.hasPowerFault)
    flag("control_fault", chassis?.hasControlFault)
    flag("intrusion", chassis?.isOpen)
    flag("drive_fault", chassis?.hasDriveFault)
    flag("cooling_fault", chassis?.hasCoolingFault)
    point.string("last_power_event", chassis?.lastEvent)
    point.float("power_on_hours", chassis?.hoursOn)
    if !sensors.isEmpty || !unreadable.isEmpty {
      point.integer("sensors", Int64(sensors.count))
      point.integer("sensors_unreadable", Int64(unreadable.count))
    }
    point.integer("sel_entries", log.map { Int64($0.count) })
    point.integer("sel_free_bytes", log.map { Int64($0.free) })
    point.float("clock_offset_s", log?.clockOffset.map { ($0 * 10).rounded() / 10 })
    return point.fields.isEmpty ? nil : point
  }

  private func point(of event: EventLog.Event) -> Point {
    let severity =
      switch event.state {
      case .nominal?: "ok"
      case .warning?: "minor"
      case .critical?: "critical"
      case nil: "unknown"
      }
    var point = Point(
      "event", tags: [Tag("source", "sel"), Tag("severity", severity)], time: event.time)
    point.string("subject", event.subject)
    point.string("text", event.text)
    point.integer("record", Int64(event.record))
    point.integer("over", Int64(event.isOver ? 1 : 0))
    return point
  }
}

extension BMCAnswer {
  /// Facts that rarely change.
  public var facts: [String: String] {
    guard let identity else { return [:] }
    var facts = ["bmc": identity.firmware]
    facts["manufacturer"] = identity.manufacturer
    facts["product"] = identity.product
    facts["serial"] = identity.serial
    return facts
  }
}
