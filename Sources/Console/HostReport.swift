public import Metrics
public import Passes
internal import Sinks
internal import Store
internal import Hosts
internal import IPMI
internal import Inventory
internal import Probes

/// The facts and figures of a host on one screen, and as JSON.
public struct HostReport: Sendable {
  private let visit: HostVisit
  private let past: HostHistory

  public init(_ visit: HostVisit, past: HostHistory) {
    self.visit = visit
    self.past = past
  }

  private var host: Host { visit.turn.host }

  public var text: Printable {
    var lines = [Printable(headline)]
    if !visit.turn.tasks.isEmpty { lines.append(Printable(connection)) }
    if let bmc = visit.bmc { lines.append(Printable(BMCReport(bmc).connection)) }
    if let failure = visit.answer.failure {
      let last = past.lastUp.map { " (last up \(Format.time($0)))" } ?? ""
      lines.append(
        "\(Terminal.paint("critical", .red, on: 1))  \(failure.description)\(last)")
    }
    // Without an answer there are no rows.
    let wasAsked = !visit.answer.script.isEmpty && !visit.turn.tasks.isEmpty
    let own =
      wasAsked
      ? cpu + memory + disks + network + gpus + raid + WorkloadRows(visit.points).all + processes
        + users : []
    var rows = own
    if let bmc = visit.bmc { rows += BMCReport(bmc).rows }
    rows += services + policies
    if !rows.isEmpty {
      lines.append("")
      let width = rows.map(\.name.count).max() ?? 0
      lines += rows.map { "\(Format.pad($0.name, width))  \($0.text)" }
    }
    if let failure = visit.bmc?.answer.failure {
      lines += [
        "", "\(Terminal.paint("major", .red, on: 1))     bmc  \(failure.description)",
      ]
    }
    if !visit.problems.isEmpty, wasAsked || visit.bmc != nil {
      lines.append("")
      let width = visit.problems.map(\.collector.count).max() ?? 0
      for problem in visit.problems {
        lines.append(
          "\(Terminal.paint("unknown", .yellow, on: 1))  \(Format.pad(problem.collector, width))  "
            + "\(problem.reason.rawValue): \(problem.detail)")
      }
    }
    return lines.joined(separator: "\n")
  }

  typealias Row = (name: String, text: Printable)

  // MARK: Reading points

  private func all(_ measurement: String) -> [Point] {
    visit.points.filter { $0.measurement == measurement }
  }

  /// The point of the measurement that has the field: several collectors may write to one.
  private func value(_ measurement: String, _ field: String, _ tags: [Tag] = []) -> Double? {
    for point in all(measurement) where tags.allSatisfy({ point[tag: $0.name] == $0.value }) {
      if let value = number(point, field) { return value }
    }
    return nil
  }

  private func number(_ point: Point, _ field: String) -> Double? {
    point[field: field]?.number
  }

  private func percent(_ value: Double?) -> String {
    value.map { "\(Format.fixed($0, 1)) %" } ?? Format.none
  }

  private func words(_ parts: [String?]) -> Printable {
    Printable(parts.compactMap { $0 }.joined(separator: "  "))
  }

  // MARK: Rows

  private var headline: String {
    var parts = [
      host.name, host.connection == .local ? "local" : host.address, "group \(host.group)",
    ]
    if let via = host.jumpHost { parts.append("via \(via)") }
    if let os = visit.facts["os"] { parts.append(os) }
    if let kernel = visit.facts["kernel"] { parts.append("Linux \(kernel)") }
    if let uptime = visit.answer.uptime, uptime < 1e9 {
      parts.append("up \(Format.duration(.seconds(Int64(uptime))))")
    }
    return parts.joined(separator: "  ")
  }

  private var connection: String {
    let steps = visit.answer.steps
    let total = steps.reduce(Duration.zero) { $0 + $1.took }
    let detail = steps.map { "\($0.name) \(Format.duration($0.took))" }.joined(separator: ", ")
    let how = host.connection == .local ? "local" : "ssh"
    return "\(how) \(Format.duration(total)) (\(detail)) · "
      + "\(Format.bytes(Double(visit.answer.received))) · "
      + "\(visit.turn.tasks.count) collectors"
  }

  private var cpu: [Row] {
    let total = [Tag("cpu", "cpu-total")]
    func usage(_ name: String) -> String {
      "\(name) \(value("cpu", "usage_\(name)", total).map { Format.fixed($0, 1) } ?? Format.none)"
    }
    guard visit.turn.tasks.contains(where: { $0.collector == "cpu" || $0.collector == "system" })
    else { return [] }
    let load = ["load1", "load5", "load15"].map { field in
      value("system", field).map { Format.fixed($0, 2) } ?? Format.none
    }
    let cores = value("system", "n_cpus").map { " / \(Format.fixed($0, 0))" } ?? ""
    let row = words([
      percent(value("cpu", "usage_active", total)),
      past.cpu.isEmpty ? nil : Format.sparkline(past.cpu, top: 100),
      usage("user"), usage("system"), usage("iowait"),
      "   load \(load.joined(separator: " "))\(cores)",
    ])
    return [("cpu", row)]
  }

  private var memory: [Row] {
    guard let total = value("mem", "total") else { return [] }
    let used = value("mem", "used").map(Format.bytes) ?? Format.none
    var row = words([
      "\(used) of \(Format.bytes(total))", percent(value("mem", "used_percent")),
    ])
    if let swap = value("swap", "total") {
      let used = value("swap", "used").map(Format.bytes) ?? Format.none
      row += swap == 0 ? "      no swap" : "      swap \(used) of \(Format.bytes(swap))"
    }
    return [("memory", row)]
  }

  private var disks: [Row] {
    let points = all("disk").sorted { ($0[tag: "path"] ?? "") < ($1[tag: "path"] ?? "") }
    let width = min(24, points.map { ($0[tag: "path"] ?? "").count }.max() ?? 0)
    return points.enumerated().map { index, point in
      let used = number(point, "used").map(Format.bytes) ?? Format.none
      let total = number(point, "total").map(Format.bytes) ?? Format.none
      let inodes = number(point, "inodes_used_percent").map { "inodes \(Format.fixed($0, 0)) %" }
      return (
        index == 0 ? "disk" : "",
        words([
          Format.pad(Format.clip(point[tag: "path"] ?? "?", width), width),
          Format.pad(percent(number(point, "used_percent")), 7, right: true),
          "\(used) of \(total)", inodes, point[tag: "mode"] == "ro" ? "read-only" : nil,
        ])
      )
    }
  }

  private var network: [Row] {
    // Telegraf's `interface=all` holds the counters of protocols, and none of an interface.
    let points = all("net").filter { ![nil, "all"].contains($0[tag: "interface"]) }
    return points.enumerated().map { index, point in
      let down = number(point, "recv_rate").map(Format.bits) ?? Format.none
      let up = number(point, "sent_rate").map(Format.bits) ?? Format.none
      let drops = [number(point, "drop_in"), number(point, "drop_out")].compactMap { $0 }
      return (
        index == 0 ? "net" : "",
        words([
          Format.pad(point[tag: "interface"] ?? "?", 8), "↓ \(down)", "↑ \(up)",
          drops.isEmpty ? nil : "drops \(Format.fixed(drops.reduce(0, +), 0))",
        ])
      )
    }
  }

  private var gpus: [Row] {
    all("nvidia_smi").map { point in
      func figure(_ field: String, _ unit: String) -> String? {
        number(point, field).map { "\(Format.fixed($0, 0)) \(unit)" }
      }
      let index = point[tag: "index"] ?? "?"
      let slices = all("nvidia_smi_mig").count { $0[tag: "gpu_index"] == index }
      // nvidia-smi gives memory in MiB.
      let used = number(point, "memory_used").map { Format.bytes($0 * 1_048_576) } ?? Format.none
      let total = number(point, "memory_total").map { Format.bytes($0 * 1_048_576) } ?? Format.none
      let power = figure("power_draw", "W").map { draw in
        figure("power_limit", "W").map { "\(draw) of \($0)" } ?? draw
      }
      return (
        "gpu \(index)",
        words([
          point[tag: "name"], figure("utilization_gpu", "%") ?? Format.none,
          figure("temperature_gpu", "°C") ?? Format.none, power ?? Format.none,
          "\(used) of \(total)", slices > 0 ? "MIG: \(slices) instances" : nil,
        ])
      )
    }
  }

  private var raid: [Row] {
    all("mdstat").map { point in
      let failed = number(point, "DisksFailed").map {
        $0 > 0 ? "failed \(Format.fixed($0, 0))" : nil
      }
      return (
        "raid",
        words([
          point[tag: "Name"], point[tag: "ActivityState"],
          number(point, "DisksActive").map { "\(Format.fixed($0, 0)) active" }, failed ?? nil,
        ])
      )
    }
  }

  private var processes: [Row] {
    guard let total = value("processes", "total") else { return [] }
    let states = ["running", "blocked", "zombies"].map { state in
      "\(state) \(value("processes", state).map { Format.fixed($0, 0) } ?? Format.none)"
    }
    var rows: [Row] = [("processes", words(["\(Format.fixed(total, 0))"] + states))]
    for (by, field, unit) in [("cpu", "cpu_usage", "%"), ("memory", "memory_rss", "")] {
      let top = all("procstat").filter { $0[tag: "by"] == by }.prefix(3).compactMap { point in
        number(point, field).map { value -> String in
          var name = "?"
          if case .string(let text)? = point[field: "process"] { name = text }
          return
            "\(name) \(unit.isEmpty ? Format.bytes(value) : "\(Format.fixed(value, 1)) \(unit)")"
        }
      }
      if !top.isEmpty { rows.append(("", "by \(by): \(top.joined(separator: " · "))")) }
    }
    return rows
  }

  private var users: [Row] {
    var rows: [Row] = []
    for point in all("users") {
      if case .string(let list)? = point[field: "list"] {
        rows.append(("users", Printable(list.isEmpty ? "nobody" : list)))
      }
    }
    if let last = visit.facts["last_logins"] { rows.append(("log-ins", Printable(last))) }
    return rows
  }

  /// What the last evaluation of each policy said: `baseline 61 of 64`.
  private var policies: [Row] {
    guard !past.policies.isEmpty else { return [] }
    let words = past.policies.map { score -> Printable in
      let counts = score.counts
      var text = Printable("\(score.policy) \(counts.passed) of \(counts.total)")
      if counts.failed > 0 {
        text += " " + Terminal.paint(Printable("✗ \(counts.failed) failed"), .yellow, on: 1)
      }
      if counts.unknown > 0 { text += Printable(", \(counts.unknown) unknown") }
      if counts.failed + counts.unknown == 0 { text += " " + Terminal.paint("✓", .green, on: 1) }
      return text
    }
    return [("policy", words.joined(separator: "   "))]
  }

  /// One row for services that are ok, and one for each other.
  private var services: [Row] {
    var rows: [Row] = []
    let well = visit.services.filter { $0.verdict.severity == .ok }.map { service -> Printable in
      let latency = service.verdict.latency.map { " \(Format.duration($0))" } ?? ""
      return "\(service.service)\(latency) \(Terminal.paint("✓", .green, on: 1))"
    }
    if !well.isEmpty { rows.append(("services", well.joined(separator: "   "))) }
    for service in visit.services where service.verdict.severity != .ok {
      let verdict = service.verdict
      let colour: Terminal.Colour =
        verdict.severity == .minor || verdict.severity == .unknown ? .yellow : .red
      rows.append(
        (
          rows.isEmpty ? "services" : "",
          "\(service.service) \(Terminal.paint("✗", colour, on: 1)) "
            + "\(verdict.reason?.rawValue ?? ""): \(verdict.message)  ← "
            + Terminal.paint(verdict.severity.rawValue, colour, on: 1)
        ))
    }
    for (check, severity, message) in visit.disagreeing {
      let colour: Terminal.Colour = severity > .minor ? .red : .yellow
      rows.append(
        (
          "",
          "\(check) \(Terminal.paint("✗", colour, on: 1)) \(Reason.pathsDisagree.rawValue): "
            + "\(message)  ← " + Terminal.paint(severity.rawValue, colour, on: 1)
        ))
    }
    return rows
  }

  // MARK: JSON

  public var json: JSON {
    let answer = visit.answer
    var members: [(String, JSON)] = [
      ("host", .string(host.name)), ("group", .string(host.group)),
      ("address", .string(host.address)), ("time", .time(answer.time)),
      ("up", .boolean(answer.failure == nil)),
    ]
    if let failure = answer.failure {
      members.append(("reason", .string(failure.reason.rawValue)))
      members.append(("message", .string(failure.detail)))
    }
    members.append(("steps", HostAnswer.json(answer.steps)))
    members.append(("bytes", .integer(Int64(answer.received))))
    if !visit.services.isEmpty {
      members.append(
        (
          "services",
          .array(visit.services.map { $0.json(of: host.name, at: host.address) })
        ))
    }
    if !visit.disagreeing.isEmpty {
      let paths = visit.disagreeing.map { check, severity, message in
        JSON.object([
          ("check", .string(check)), ("state", .string(severity.rawValue)),
          ("reason", .string(Reason.pathsDisagree.rawValue)), ("message", .string(message)),
        ])
      }
      members.append(("paths", .array(paths)))
    }
    if let bmc = visit.bmc { members.append(("bmc", BMCReport(bmc).json)) }
    if !past.policies.isEmpty {
      let policies = past.policies.map { score in
        JSON.object([
          ("policy", .string(score.policy)), ("passed", .integer(Int64(score.counts.passed))),
          ("failed", .integer(Int64(score.counts.failed))),
          ("unknown", .integer(Int64(score.counts.unknown))),
        ])
      }
      members.append(("policies", .array(policies)))
    }
    members.append(
      ("facts", .object(visit.facts.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
    )
    members.append(
      (
        "points",
        .array(
          visit.points.map { point in
            var members: [(String, JSON)] = [
              ("measurement", .string(point.measurement)),
              ("tags", .object(point.tags.map { ($0.name, .string($0.value)) })),
              ("fields", .object(point.fields.map { ($0.name, JSON($0.value)) })),
            ]
            if let time = point.time { members.append(("time", .time(time))) }
            return .object(members)
          })
      ))
    members.append(
      (
        "problems",
        .array(
          visit.problems.map {
            .object([
              ("collector", .string($0.collector)), ("reason", .string($0.reason.rawValue)),
              ("detail", .string($0.detail)),
            ])
          })
      ))
    return .object(members)
  }
}
