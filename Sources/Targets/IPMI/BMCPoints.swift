internal import Engine
public import Metrics

/// Points of what a BMC told.
///
/// * `ipmi_sensor`, in Telegraf's schema v2: tags server, name, entity_id, unit, status_code, status_desc;
///   value (float, of analogue sensors), state (integer: 0 nominal, 1 warning, 2 critical). A sensor
///   without a reading has no point.
/// * `ipmi_power`, tag source (`dcmi`, `sdr`): watts, min_watts, max_watts, average_watts (floats),
///   window_s (float, the time these three are over), sensors (text, of `sdr`).
/// * `ipmi_chassis`: power_on, overload, interlock, power_fault, control_fault, intrusion, drive_fault,
///   cooling_fault (integers, 1 is yes), last_power_event (text), power_on_hours, clock_offset_s
///   (floats), sensors, sensors_unreadable, sel_entries, sel_free_bytes (integers).
/// * `event`, tags source (`sel`), severity: subject, text (texts), record (integer), over (integer,
///   1 where it is the end of a state). Its time is the event's.
extension BMCAnswer {
  public var points: [Point] {
    var seen: [String: Int] = [:]
    return sensors.map { sensor in
      let place = seen["\(Self.word(sensor.name)) \(sensor.entity)", default: 0] + 1
      seen["\(Self.word(sensor.name)) \(sensor.entity)"] = place
      return point(of: sensor, at: place)
    }
      + [power.map(point), chassisPoint].compactMap { $0 }
      + (log?.events.map(point) ?? [])
  }

  /// `place` is which of the sensors of its name and entity it is: two points with the same tags would
  /// be one in the database.
  private func point(of sensor: SensorReading, at place: Int) -> Point {
    var point = Point("ipmi_sensor")
    if let server { point.tag("server", server) }
    point.tag("name", Self.word(sensor.name) + (place > 1 ? "_\(place)" : ""))
    point.tag("entity_id", sensor.entity)
    point.tag("status_code", sensor.code)
    point.tag(
      "status_desc",
      Self.word(sensor.events.isEmpty ? sensor.code : sensor.events.joined(separator: ", ")))
    if let unit = sensor.unit { point.tag("unit", Self.word(unit)) }
    point.float("value", sensor.value)
    point.integer("state", sensor.state.map { Int64($0.rawValue) })
    // A sensor of neither still says that it is there.
    if point.fields.isEmpty { point.string("events", sensor.events.joined(separator: ", ")) }
    return point
  }

  /// Telegraf's form of a name: small letters, `_` for blanks. A BMC's makers, not its users, choose it.
  private static func word(_ text: String) -> String {
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
  /// What rarely changes, for the inventory's facts.
  public var facts: [String: String] {
    guard let identity else { return [:] }
    var facts = ["bmc": identity.firmware]
    facts["manufacturer"] = identity.manufacturer
    facts["product"] = identity.product
    facts["serial"] = identity.serial
    return facts
  }
}
