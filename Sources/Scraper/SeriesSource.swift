internal import Metrics
internal import Rules
internal import Targets

/// What writes a measurement: without it on a host, no rule on that measurement can ever fire there.
enum SeriesSource {
  /// Any of these collectors.
  case collectors([String])
  /// Any probe of these kinds.
  case probes([String])
  case bmc
  /// The scraper itself, for every host.
  case scraper

  /// The source of a measurement or, where they differ, of one of its fields; nil for what is unknown,
  /// as the measurements of other people's plugins are.
  static func of(_ measurement: String, field: String = "") -> SeriesSource? {
    switch measurement {
    case "cpu", "disk", "diskio", "kernel", "logins", "mdstat", "mem", "net", "netstat", "nstat",
      "pressure", "processes", "swap", "users", "gpu_health":
      return .collectors([measurement == "gpu_health" ? "gpu" : measurement])
    case "system":
      return .collectors(field.hasPrefix("n_u") ? ["users"] : ["system"])
    case "login": return .collectors(["logins"])
    case "procstat": return .collectors(["processes"])
    case "nvidia_smi", "nvidia_smi_mig", "nvidia_smi_process": return .collectors(["gpu"])
    case "ipmi_chassis", "ipmi_power", "ipmi_sensor": return .bmc
    case "dns_query": return .probes(["dns"])
    case "filestat": return .probes(["file"])
    case "http_response": return .probes(["http", "https"])
    case "nagios", "nagios_state": return .probes(["exec"])
    case "ntp": return .probes(["ntp"])
    case "ping": return .probes(["icmp"])
    case "ports": return .probes(["ports"])
    case "service": return .probes([])
    // Whatever has a port and may show a certificate.
    case "net_response", "x509_cert": return .probes([])
    case "event", "scrape", "scrape_doctor", "service_summary": return .scraper
    default: return nil
    }
  }

  /// Whether a host has it. No kinds of probes are any probe.
  func isThere(_ host: Host, tasks: [String], probes: Set<String>) -> Bool {
    switch self {
    case .collectors(let names): names.contains(where: tasks.contains)
    case .probes(let kinds):
      kinds.isEmpty ? !probes.isEmpty : kinds.contains(where: probes.contains)
    case .bmc: host.bmc != nil
    case .scraper: true
    }
  }

  /// What to add, for the hint.
  var cure: String {
    switch self {
    case .collectors(let names):
      "give their profile the collector \(names.joined(separator: " or "))"
    case .probes(let kinds):
      kinds.isEmpty
        ? "give them `probes:`" : "give them a probe \(kinds.joined(separator: " or "))"
    case .bmc: "give them a `bmc:`"
    case .scraper: "nothing to do"
    }
  }
}
