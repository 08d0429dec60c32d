internal import Metrics
internal import Pages
internal import Store

/// Fills the page of one host: its figures of the last hour, and what it said of itself.
struct HostContents {
  /// One chart: which field of which measurement, and by which tag its series differ.
  private struct Plan {
    var title: String
    var unit: String
    var measurement: String
    /// The fields with their names; one line each.
    var fields: [(name: String, label: String)]
    /// Only series with this tag.
    var only: Tag?
    /// The tag by which series are lines of their own.
    var by: String?
    var scale = 1.0
  }

  private static let plans = [
    Plan(
      title: "CPU", unit: "%", measurement: "cpu", fields: [("usage_active", "")],
      only: Tag("cpu", "cpu-total")),
    Plan(title: "Load", unit: "", measurement: "system", fields: [("load1", "")]),
    Plan(title: "Memory", unit: "%", measurement: "mem", fields: [("used_percent", "")]),
    Plan(title: "Swap", unit: "%", measurement: "swap", fields: [("used_percent", "")]),
    Plan(
      title: "File systems", unit: "%", measurement: "disk", fields: [("used_percent", "")],
      by: "path"),
    Plan(
      title: "Disk utilisation", unit: "%", measurement: "diskio", fields: [("io_util", "")],
      by: "name"),
    Plan(
      title: "Traffic", unit: "bit/s", measurement: "net",
      fields: [("recv_rate", "in"), ("sent_rate", "out")], by: "interface", scale: 8),
    Plan(
      title: "TCP connections", unit: "", measurement: "netstat",
      fields: [("tcp_established", "")]),
    Plan(
      title: "GPU", unit: "%", measurement: "nvidia_smi", fields: [("utilization_gpu", "")],
      by: "index"),
    Plan(
      title: "GPU temperature", unit: "°C", measurement: "nvidia_smi",
      fields: [("temperature_gpu", "")], by: "index"),
    Plan(
      title: "Power", unit: "W", measurement: "ipmi_power", fields: [("watts", "")], by: "source"),
    Plan(
      title: "Temperatures", unit: "°C", measurement: "ipmi_sensor", fields: [("value", "")],
      only: Tag("unit", "degrees_c"), by: "name"),
    Plan(
      title: "Latency of services", unit: "ms", measurement: "service",
      fields: [("latency_ms", "")], by: "service"),
  ]

  private static let span = Duration.seconds(3600)
  /// More lines make a chart that nobody reads: the greatest at the end are shown.
  private static let mostLines = 4

  private typealias Values = [(time: Timestamp, value: Double)]

  /// The history of a host: values by plan and line, and the last texts.
  private struct Found {
    var lines: [Int: [String: Values]] = [:]
    var users: (time: Timestamp, text: String)?
    var processes: (time: Timestamp, rows: [String])?
  }

  static func read(
    _ name: String, facts: [String: String], from store: Store, until end: Timestamp,
    hidden: Set<PageModel.Part>
  ) async throws -> HostModel {
    let from = end.before(span)
    var model = HostModel(name: name, from: from, to: end)
    let plans = self.plans.filter {
      !hidden.contains(.bmc) || !$0.measurement.hasPrefix("ipmi")
    }
    let wanted = Set(plans.map(\.measurement)).union(["users", "procstat"])
    let found = try await store.reduce(
      into: Found(), host: name, measurements: wanted, from: from, to: end
    ) { found, time, point in
      for (index, plan) in plans.enumerated() where plan.measurement == point.measurement {
        if let only = plan.only, point[tag: only.name] != only.value { continue }
        let series = plan.by.map { point[tag: $0] ?? "" } ?? ""
        // Telegraf's `interface=all` counts protocols.
        if plan.by == "interface", series == "all" || series == "lo" { continue }
        for field in plan.fields {
          guard let value = point[field: field.name]?.number else { continue }
          let line = [series, field.label].filter { !$0.isEmpty }.joined(separator: " ")
          found.lines[index, default: [:]][line, default: []].append((time, value * plan.scale))
        }
      }
      if point.measurement == "users", case .string(let list)? = point[field: "list"] {
        found.users = (time, list)
      }
      if point.measurement == "procstat", point[tag: "by"] == "cpu",
        case .string(let process)? = point[field: "process"]
      {
        let share = point[field: "cpu_usage"]?.number.map { " \(Format.fixed($0, 1)) %" } ?? ""
        if found.processes?.time != time { found.processes = (time, []) }
        found.processes?.rows.append(process + share)
      }
    }
    for (index, plan) in plans.enumerated() {
      guard let lines = found.lines[index], !lines.isEmpty else { continue }
      let chosen = lines.sorted { one, other in
        let (a, b) = (one.value.last?.value ?? 0, other.value.last?.value ?? 0)
        return a == b ? one.key < other.key : a > b
      }.prefix(mostLines).sorted { $0.key < $1.key }
      model.graphs.append(
        HostModel.Graph(
          title: plan.title, unit: plan.unit, latest: latest(chosen, plan.unit),
          lines: chosen.map { (name: $0.key, values: $0.value) }))
    }
    if !hidden.contains(.logins) {
      if let users = found.users {
        model.lists.append(("Logged in", [users.text.isEmpty ? "nobody" : users.text]))
      }
      if let last = facts["last_logins"], !last.isEmpty {
        model.lists.append(("Last log-ins", [last]))
      }
    }
    if let processes = found.processes {
      model.lists.append(("Processes by CPU", Array(processes.rows.prefix(8))))
    }
    model.facts = [facts["os"], facts["kernel"].map { "Linux \($0)" }].compactMap { $0 }
    return model
  }

  /// The last value of the only line.
  private static func latest(_ lines: [(key: String, value: Values)], _ unit: String) -> String? {
    guard lines.count == 1, let last = lines.first?.value.last else { return nil }
    return Format.measured(last.value, unit == "bit/s" ? "" : unit)
  }
}
