internal import Metrics
internal import Hosts
internal import IPMI
internal import Inventory
internal import Passes

/// The answer of a BMC as text.
struct BMCReport {
  private let visit: BMCVisit
  private var answer: BMCAnswer { visit.answer }

  init(_ visit: BMCVisit) { self.visit = visit }

  var connection: String {
    let total = answer.steps.reduce(Duration.zero) { $0 + $1.took }
    let detail = answer.steps.map { "\($0.name) \(Format.duration($0.took))" }
    return "bmc \(Format.duration(total)) (\(detail.joined(separator: ", "))) · "
      + "\(visit.settings.isThroughHost ? "through the host" : visit.settings.address) · "
      + "\(Format.count(answer.commands, "command"))"
  }

  var rows: [HostReport.Row] {
    guard answer.isOpen else { return [] }
    return [("power", power)] + temperatures + fans + troubled + log + board
  }

  private var power: Printable {
    var parts: [Printable] = []
    if let chassis = answer.chassis {
      parts.append(chassis.isOn ? "on" : Terminal.paint("off", .yellow, on: 1))
    }
    if let power = answer.power {
      let source =
        power.source == .dcmi ? "DCMI" : "sensors: \(power.sensors.joined(separator: ", "))"
      parts.append("\(Format.fixed(power.current, 0)) W (\(source))")
      if let low = power.minimum, let high = power.maximum {
        parts.append("\(Format.fixed(low, 0))–\(Format.fixed(high, 0)) W")
      }
      if let average = power.average {
        let window = power.window.map { " over \(Format.duration(.seconds($0)))" } ?? ""
        parts.append("average \(Format.fixed(average, 0)) W\(window)")
      }
    } else {
      parts.append("\(Format.none) W")
    }
    if let chassis = answer.chassis {
      let faults: [(Bool?, String)] = [
        (chassis.hasOverload, "overload"), (chassis.hasPowerFault, "power fault"),
        (chassis.hasControlFault, "control fault"), (chassis.hasDriveFault, "drive fault"),
        (chassis.hasCoolingFault, "cooling fault"), (chassis.isOpen, "chassis open"),
      ]
      parts += faults.filter { $0.0 == true }.map { Terminal.paint($0.1, .red, on: 1) }
      if let hours = chassis.hoursOn { parts.append("\(Format.fixed(hours, 0)) h on in all") }
    }
    return parts.joined(separator: "  ")
  }

  private var temperatures: [HostReport.Row] {
    let all = answer.sensors.filter { $0.unit == "degrees C" }.compactMap { sensor in
      sensor.value.map { "\(sensor.name) \(Format.fixed($0, 0))" }
    }
    let more = all.count > 8 ? " · \(all.count - 8) more" : ""
    return all.isEmpty
      ? [] : [("°C", Printable(all.prefix(8).joined(separator: " · ") + more))]
  }

  private var fans: [HostReport.Row] {
    let speeds = answer.sensors.filter { $0.unit == "RPM" }.compactMap(\.value)
    guard let low = speeds.min(), let high = speeds.max() else { return [] }
    let range =
      low == high
      ? Format.count(Int(clamping: low))
      : "\(Format.count(Int(clamping: low)))–\(Format.count(Int(clamping: high)))"
    return [("fans", "\(speeds.count) at \(range) rpm")]
  }

  /// One row per sensor that is not ok.
  private var troubled: [HostReport.Row] {
    var rows: [HostReport.Row] = [
      (
        "sensors",
        "\(answer.sensors.count) read, \(answer.unreadable.count) without a reading"
      )
    ]
    for sensor in answer.sensors {
      guard let state = sensor.state, state != .nominal else { continue }
      let value = sensor.value.map { "\(Format.fixed($0, 2)) \(sensor.unit ?? "")  " } ?? ""
      let word =
        state == .critical
        ? Terminal.paint("critical", .red, on: 1) : Terminal.paint("warning", .yellow, on: 1)
      rows.append(
        (
          "",
          "\(sensor.name)  \(value)\(sensor.events.joined(separator: ", "))  ← \(word)"
        ))
    }
    return rows
  }

  private var log: [HostReport.Row] {
    guard let log = answer.log else { return [] }
    let cleared = log.wasCleared ? ", cleared since the last pass" : ""
    var rows: [HostReport.Row] = [
      ("log", "\(Format.count(log.count, "record")), \(log.events.count) new\(cleared)")
    ]
    for event in log.events.suffix(5) {
      let over = event.isOver ? " (over)" : ""
      rows.append(
        ("", "\(Format.time(event.time))  \(event.subject): \(event.text)\(over)"))
    }
    return rows
  }

  private var board: [HostReport.Row] {
    guard let identity = answer.identity else { return [] }
    let parts = [
      identity.manufacturer, identity.product, identity.serial.map { "serial \($0)" },
      identity.firmware,
    ]
    return [("board", Printable(parts.compactMap { $0 }.joined(separator: "  ")))]
  }

  // MARK: --explain

  /// The steps, the unreadable parts, and the commands that repeat it by hand.
  var explanation: [Printable] {
    var lines: [Printable] = ["", Terminal.paint("bmc steps", .bold, on: 1)]
    lines += HostAnswer.lines(answer.steps)
    if let failure = answer.failure {
      lines += ["  \(failure.description)", "  see \(failure.reason.page)"]
    }
    if !answer.unreadable.isEmpty {
      lines.append("  without a reading: \(answer.unreadable.joined(separator: ", "))")
    }
    lines += ["", Terminal.paint("by hand", .bold, on: 1)]
    if visit.settings.isThroughHost {
      lines += ["sdr elist", "dcmi power reading", "sel elist"].map { "  ipmitool \($0)" }
    } else {
      for tool in [
        "ipmi-sensors --output-sensor-state", "ipmi-dcmi --get-system-power-statistics", "ipmi-sel",
      ] {
        lines.append("  \(tool) \(options)")
      }
    }
    lines += ["", Terminal.paint("sensors", .bold, on: 1)]
    let width = answer.sensors.map(\.name.count).max() ?? 0
    for sensor in answer.sensors {
      let value = sensor.value.map { Format.fixed($0, 3) } ?? Format.none
      lines.append(
        Printable(
          "  \(Format.pad(sensor.name, width))  \(Format.pad(value, 10, right: true)) "
            + "\(Format.pad(sensor.unit ?? "", 10))  \(sensor.code)  "
            + sensor.events.joined(separator: ", "))
      )
    }
    return lines
  }

  /// The options of FreeIPMI; `-P` prompts for the password, which is never on a command line.
  private var options: String {
    let settings = visit.settings
    var words = ["-D", settings.driver == .lan ? "LAN" : "LAN_2_0"]
    words += [
      "-h", settings.port == 623 ? settings.address : "\(settings.address):\(settings.port)",
    ]
    if let user = settings.user { words += ["-u", user] }
    if settings.password != nil { words.append("-P") }
    if settings.driver == .lan20 {
      let suite = settings.cipherSuite ?? answer.memory["suite"]?.first.map { UInt8(clamping: $0) }
      words += ["-I", "\(suite ?? 3)"]
    }
    words += ["-l", settings.privilege.rawValue.uppercased()]
    if !settings.workarounds.words.isEmpty {
      words += ["-W", settings.workarounds.words.joined(separator: ",")]
    }
    return words.joined(separator: " ")
  }

  var json: JSON {
    var members: [(String, JSON)] = [
      ("address", .string(visit.settings.address)), ("up", .boolean(answer.failure == nil)),
    ]
    if let failure = answer.failure {
      members.append(("reason", .string(failure.reason.rawValue)))
      members.append(("message", .string(failure.detail)))
    }
    members.append(("steps", HostAnswer.json(answer.steps)))
    members.append(("commands", .integer(Int64(answer.commands))))
    members.append(("unreadable", .array(answer.unreadable.map { .string($0) })))
    return .object(members)
  }
}

extension Int {
  /// The nearest integer in the range.
  fileprivate init(clamping value: Double) {
    self = value.isNaN ? 0 : Int(Swift.max(-1e15, Swift.min(1e15, value.rounded())))
  }
}
