internal import Metrics

/// A figure of a host that pages and the live view draw: which fields of which measurement, and by which tag its lines
/// differ.
struct HostFigure: Sendable {
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
  /// Whether the fields are counters: the rate per second is drawn.
  var isCounted = false

  static let all = [
    HostFigure(
      title: "CPU", unit: "%", measurement: "cpu", fields: [("usage_active", "")],
      only: Tag("cpu", "cpu-total")),
    HostFigure(title: "Load", unit: "", measurement: "system", fields: [("load1", "")]),
    HostFigure(title: "Memory", unit: "%", measurement: "mem", fields: [("used_percent", "")]),
    HostFigure(title: "Swap", unit: "%", measurement: "swap", fields: [("used_percent", "")]),
    HostFigure(
      title: "File systems", unit: "%", measurement: "disk", fields: [("used_percent", "")],
      by: "path"),
    HostFigure(
      title: "Disk utilisation", unit: "%", measurement: "diskio", fields: [("io_util", "")],
      by: "name"),
    HostFigure(
      title: "Disk traffic", unit: "B/s", measurement: "diskio",
      fields: [("read_bytes", "read"), ("write_bytes", "written")], by: "name", isCounted: true),
    HostFigure(
      title: "Traffic", unit: "bit/s", measurement: "net",
      fields: [("recv_rate", "in"), ("sent_rate", "out")], by: "interface", scale: 8),
    HostFigure(
      title: "TCP sockets", unit: "", measurement: "netstat",
      fields: [("tcp_established", "established"), ("tcp_time_wait", "TIME-WAIT")]),
    HostFigure(
      title: "GPU utilisation", unit: "%", measurement: "nvidia_smi",
      fields: [("utilization_gpu", "")], by: "index"),
    HostFigure(
      title: "GPU memory", unit: "B", measurement: "nvidia_smi", fields: [("memory_used", "")],
      by: "index", scale: 1_048_576),
    HostFigure(
      title: "GPU temperature", unit: "°C", measurement: "nvidia_smi",
      fields: [("temperature_gpu", "")], by: "index"),
    HostFigure(
      title: "GPU power", unit: "W", measurement: "nvidia_smi", fields: [("power_draw", "")],
      by: "index"),
    HostFigure(
      title: "Power", unit: "W", measurement: "ipmi_power", fields: [("watts", "")], by: "source"),
    HostFigure(
      title: "Temperatures", unit: "°C", measurement: "ipmi_sensor", fields: [("value", "")],
      only: Tag("unit", "degrees_c"), by: "name"),
    HostFigure(
      title: "Fans", unit: "rpm", measurement: "ipmi_sensor", fields: [("value", "")],
      only: Tag("unit", "rpm"), by: "name"),
    HostFigure(
      title: "Latency of services", unit: "ms", measurement: "service",
      fields: [("latency_ms", "")], by: "service"),
  ]

  /// The places of the figures of each measurement.
  static let places = Dictionary(grouping: all.indices, by: { all[$0].measurement })

  /// What is read of each measurement: the series with that tag, or all.
  static let series: [String: Tag?] = {
    var series: [String: Tag?] = places.mapValues { places in
      places.count == 1 ? places.first.flatMap { all[$0].only } : nil
    }
    for name in ["users", "procstat"] { series[name] = .some(nil) }
    return series
  }()

  var isOfBMC: Bool { measurement.hasPrefix("ipmi") }

  /// The name of a line in what is kept of a day.
  func key(_ line: String) -> String { "\(title)\u{1F}\(line)" }

  /// The name of the series of a point; nil if it is none of this figure's.
  func line(of point: Point) -> String? {
    if let only, point[tag: only.name] != only.value { return nil }
    let series = by.flatMap { point[tag: $0] } ?? ""
    // Telegraf's `interface=all` counts protocols.
    if by == "interface", series == "all" || series == "lo" { return nil }
    return series
  }
}
