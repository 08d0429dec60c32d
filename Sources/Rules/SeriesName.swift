internal import Metrics

/// The names of series: the tags that identify a series of a measurement, and the labels for people.
///
/// Other tags describe a state (`mode`, `pstate`, `status_code`, `ActivityState`) or repeat the name. As
/// part of a check's name they would start its patience, hysteresis, chart and alert anew at each change.
public enum SeriesName {
  /// The identifying tags by measurement; for others all tags count.
  private static let identity: [String: [String]] = [
    "cpu": ["cpu"], "disk": ["path"], "diskio": ["name"], "dns_query": ["server", "domain"],
    "filestat": ["file"], "gpu_health": [], "http_response": ["server", "method"],
    "ipmi_power": ["source"], "ipmi_sensor": ["name", "entity_id"], "mdstat": ["Name"],
    "net": ["interface"], "net_response": ["server", "port", "protocol"], "nvidia_smi": ["index"],
    "nvidia_smi_mig": ["uuid", "gpu_index", "compute_index"], "ping": ["url"],
    "service": ["service"], "x509_cert": ["source"],
  ]

  /// Whether the tag is part of the name of a measurement's series.
  static func has(_ tag: String, of measurement: String) -> Bool {
    if measurement == Selector.together { return tag != "scope" }
    return identity[measurement]?.contains(tag) ?? true
  }

  /// The label of a name such as `path=/` or `entity_id=7.1,name=inlet_temp`: the values alone, `/`,
  /// `inlet_temp 7.1`; `GPU 0` for an index.
  public static func label(_ name: String) -> String {
    let parts = parts(of: name)
    guard parts.count > 1 || parts.first?.tag != "index" else {
      return "GPU \(parts.first?.value ?? "")"
    }
    let (first, rest) = (parts.filter { $0.tag == "name" }, parts.filter { $0.tag != "name" })
    return (first + rest).map(\.value).joined(separator: " ")
  }

  /// The tags of a name. A value may hold commas: a part begins where a tag's name and `=` follow.
  private static func parts(of name: String) -> [(tag: String, value: String)] {
    var parts: [(tag: String, value: String)] = []
    for piece in name.split(separator: ",", omittingEmptySubsequences: false) {
      let equals = piece.firstIndex(of: "=")
      let tag = equals.map { piece[..<$0] } ?? ""
      let isTag =
        !tag.isEmpty
        && tag.utf8.allSatisfy {
          (0x61...0x7a).contains($0 | 0x20) || (0x30...0x39).contains($0) || $0 == 0x5f
        }
      if let equals, isTag {
        parts.append((String(tag), String(piece[piece.index(after: equals)...])))
      } else if parts.isEmpty {
        parts.append(("", String(piece)))
      } else {
        parts[parts.count - 1].value += ",\(piece)"
      }
    }
    return parts
  }
}
