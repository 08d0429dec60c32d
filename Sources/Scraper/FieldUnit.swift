internal import Metrics
internal import Rules

/// The unit that a field is written in, as docs/metrics.md tells: `%`, `ms`, `B`, `°C`.
enum FieldUnit {
  /// Empty where it is a count, a state, or not known.
  static func of(_ measurement: String, _ field: String, tags: [Tag] = []) -> String {
    let tag = tags.first { $0.name == "unit" }?.value ?? ""
    switch measurement {
    case "ipmi_sensor": return field == "value" ? sensors[tag] ?? spelt(tag) : ""
    case "nagios": return plugins[tag] ?? tag
    case "nvidia_smi", "nvidia_smi_mig", "nvidia_smi_process": return gpu(field)
    case "pressure": return field == "total" ? "µs" : "%"
    case "service_summary" where field == "score": return "%"
    default: break
    }
    if let unit = single["\(measurement).\(field)"] { return unit }
    if bytes[measurement]?.contains(field) == true { return "B" }
    if ends(field, "percent") || ends(field, "_util") || ends(field, "Pct")
      || starts(field, "percent_") || starts(field, "usage_")
    {
      return "%"
    }
    if ends(field, "_ms") { return "ms" }
    if ends(field, "_s") || measurement.hasSuffix("_response") && ends(field, "_time") {
      return "s"
    }
    if ends(field, "_bytes") { return "B" }
    return field == "watts" || ends(field, "_watts") ? "W" : ""
  }

  /// The unit of a window's figure over a field in that unit.
  static func of(_ function: Window.Function, _ unit: String) -> String {
    switch function {
    case .min, .max, .avg, .delta: unit
    case .count: ""
    case .rate: unit.isEmpty ? "1/s" : "\(unit)/s"
    case .timeToFull: "s"
    }
  }

  private static func ends(_ field: String, _ end: String) -> Bool { field.hasSuffix(end) }

  private static func starts(_ field: String, _ start: String) -> Bool { field.hasPrefix(start) }

  /// Fields whose names do not tell it.
  private static let single = [
    "system.uptime": "s", "x509_cert.expiry": "s", "x509_cert.age": "s",
    "net.recv_rate": "B/s", "net.sent_rate": "B/s", "net.speed": "Mbit/s",
    "procstat.cpu_usage": "%", "procstat.memory_usage": "%", "procstat.cpu_time_user": "s",
    "procstat.cpu_time_system": "s", "diskio.io_await": "ms", "diskio.io_svctm": "ms",
    "diskio.read_time": "ms", "diskio.write_time": "ms", "diskio.io_time": "ms",
    "diskio.weighted_io_time": "ms", "mdstat.BlocksSyncedFinishTime": "min",
    "mdstat.BlocksSyncedSpeed": "KiB/s", "http_response.connect_time": "s",
    "ipmi_chassis.power_on_hours": "h",
  ]

  private static let bytes: [String: Set<String>] = [
    "mem": [
      "total", "free", "available", "used", "buffered", "cached", "active", "inactive", "shared",
      "mapped", "slab", "sreclaimable", "sunreclaim", "dirty", "write_back", "write_back_tmp",
      "page_tables", "commit_limit", "committed_as", "swap_total", "swap_free", "swap_cached",
      "huge_page_size", "vmalloc_total", "vmalloc_used", "vmalloc_chunk", "high_total",
      "high_free", "low_total", "low_free",
    ],
    "swap": ["total", "used", "free", "in", "out"],
    "disk": ["total", "free", "used"],
    "net": ["bytes_recv", "bytes_sent"],
    "procstat": ["memory_rss", "memory_vms"],
    "http_response": ["content_length"],
    "scrape": ["bytes"],
  ]

  /// FreeIPMI's words, as the tag has them.
  private static let sensors = [
    "degrees_c": "°C", "degrees_f": "°F", "degrees_k": "K", "volts": "V", "amps": "A",
    "watts": "W", "rpm": "RPM", "percent": "%", "hz": "Hz", "joules": "J", "seconds": "s",
    "milliseconds": "ms", "minutes": "min", "hours": "h", "days": "d",
  ]

  /// A unit without a sign of its own, as people write it.
  private static func spelt(_ word: String) -> String {
    String(word.map { $0 == "_" ? " " : $0 })
  }

  /// Units of perfdata (Monitoring Plugins Development Guidelines); `c` is a counter.
  private static let plugins = ["us": "µs", "c": "", "KB": "kB"]

  private static func gpu(_ field: String) -> String {
    if starts(field, "memory_") || field == "used_memory" { return "MiB" }
    if starts(field, "temperature_") { return "°C" }
    if starts(field, "utilization_") || field == "fan_speed" { return "%" }
    if starts(field, "power_") || field == "module_power_draw" { return "W" }
    return starts(field, "clocks_current_") ? "MHz" : ""
  }
}
