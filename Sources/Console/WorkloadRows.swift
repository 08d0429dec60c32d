internal import Metrics

/// The rows of `scrape host` for what runs on a host besides its system: containers, machines, pods, tunnels;
/// and for tracked connections and the health of disks.
///
/// A row counts what is well; what is not is named, at most four of a kind.
struct WorkloadRows {
  private let points: [Point]

  init(_ points: [Point]) { self.points = points }

  var all: [HostReport.Row] {
    containers + machines + pods + tunnels + connections + disks
  }

  /// Names of a kind in a row.
  private static let mostNames = 4
  /// Disks with faults that have a row.
  private static let mostDisks = 8

  private func all(_ measurement: String) -> [Point] {
    points.filter { $0.measurement == measurement }
  }

  private func number(_ point: Point, _ field: String) -> Double? { point[field: field]?.number }

  /// A host's number, which may be any, as a whole one.
  private func whole(_ value: Double) -> Int { Int(exactly: value.rounded()) ?? .max }

  private func text(_ point: Point, _ field: String) -> String? {
    if case .string(let text)? = point[field: field] { text } else { nil }
  }

  /// The first names, and how many more there are.
  private func list(_ names: [String]) -> String {
    let shown = names.prefix(Self.mostNames).joined(separator: " · ")
    let rest = names.count - Self.mostNames
    return rest > 0 ? "\(shown) · and \(Format.count(rest)) more" : shown
  }

  /// `5  running 3  exited 2`, the most frequent first.
  private func counted(_ words: [String]) -> String {
    var counts: [String: Int] = [:]
    for word in words { counts[word, default: 0] += 1 }
    let parts = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
      "\($0.key) \(Format.count($0.value))"
    }
    return ([Format.count(words.count)] + parts).joined(separator: "  ")
  }

  private var containers: [HostReport.Row] {
    let states = all("docker_container_status")
    guard !states.isEmpty else {
      // The engine may not be asked: the kernel still knows them.
      let known = all("docker_container_cpu").count
      return known > 0 ? [("containers", Printable("\(Format.count(known)) running"))] : []
    }
    var rows: [HostReport.Row] = [
      ("containers", Printable(counted(states.map { $0[tag: "container_status"] ?? "?" })))
    ]
    let ill = all("docker_container_health").filter { text($0, "health_status") == "unhealthy" }
    if !ill.isEmpty {
      rows.append(("", faulty("unhealthy", ill.map { $0[tag: "container_name"] ?? "?" })))
    }
    return rows
  }

  private func faulty(_ word: String, _ names: [String]) -> Printable {
    "\(Terminal.paint(word, .red, on: 1)): \(list(names))"
  }

  private var machines: [HostReport.Row] {
    let points = all("libvirt_state")
    guard !points.isEmpty else { return [] }
    let words = [
      "unknown", "running", "blocked", "paused", "shutting down", "shut off", "crashed",
      "suspended",
    ]
    func word(_ point: Point) -> String {
      guard let index = number(point, "state").map(whole), words.indices.contains(index)
      else { return "unknown" }
      return words[index]
    }
    var rows: [HostReport.Row] = [("machines", Printable(counted(points.map(word))))]
    let crashed = points.filter { word($0) == "crashed" }.map { $0[tag: "domain_name"] ?? "?" }
    if !crashed.isEmpty { rows.append(("", faulty("crashed", crashed))) }
    return rows
  }

  private var pods: [HostReport.Row] {
    let points = all("kubernetes_pod_container")
    guard !points.isEmpty else { return [] }
    let pods = Set(points.map { [$0[tag: "namespace"] ?? "", $0[tag: "pod_name"] ?? ""] })
    var rows: [HostReport.Row] = [
      (
        "pods",
        Printable(
          "\(Format.count(pods.count))  containers "
            + counted(points.map { $0[tag: "readiness"] ?? "unknown" }))
      )
    ]
    // One that has ended well is no fault.
    let ill = points.filter {
      $0[tag: "readiness"] != "ready" && $0[tag: "phase"] != "Succeeded"
    }
    if !ill.isEmpty {
      let names = ill.map { point in
        let reason = text(point, "state_reason") ?? point[tag: "state"] ?? "?"
        return "\(point[tag: "pod_name"] ?? "?")/\(point[tag: "container_name"] ?? "?") \(reason)"
      }
      rows.append(("", faulty("unready", names)))
    }
    return rows
  }

  private var tunnels: [HostReport.Row] {
    var rows: [HostReport.Row] = []
    let peers = all("wireguard_peer")
    for point in all("wireguard_device").prefix(Self.mostNames) {
      let name = point[tag: "name"] ?? "?"
      let own = peers.filter { $0[tag: "device"] == name }
      // A session with traffic is renewed within 3 minutes.
      let fresh = own.count { (number($0, "handshake_age_s") ?? .infinity) <= 180 }
      let count = number(point, "peers").map(whole) ?? own.count
      rows.append(
        (
          rows.isEmpty ? "wireguard" : "",
          Printable(
            "\(name)  \(Format.count(count, "peer"))  \(Format.count(fresh)) with a handshake in the last 3 min"
          )
        ))
    }
    for (index, point) in all("openvpn").prefix(Self.mostNames).enumerated() {
      let clients = number(point, "clients").map { Format.count(whole($0), "client") }
      let age = number(point, "updated_age_s").map {
        "written \(Format.age(.seconds(whole($0)))) ago"
      }
      let file = point[tag: "file"]?.split(separator: "/").last.map(String.init)
      rows.append(
        (
          index == 0 ? "openvpn" : "",
          Printable([file, clients, age].compactMap { $0 }.joined(separator: "  "))
        ))
    }
    return rows
  }

  private var connections: [HostReport.Row] {
    for point in all("conntrack") {
      guard let count = number(point, "ip_conntrack_count") else { continue }
      let most = number(point, "ip_conntrack_max").map { " of \(Format.count(whole($0)))" } ?? ""
      let used = number(point, "used_percent").map { "  \(Format.fixed($0, 1)) %" } ?? ""
      return [("conntrack", Printable("\(Format.count(whole(count)))\(most)\(used)"))]
    }
    return []
  }

  // MARK: Disks

  /// Fields that are 0 on a disk without faults.
  private static let faults = [
    ("reallocated_sectors_count", "reallocated"), ("pending_sector_count", "pending"),
    ("uncorrectable_sector_count", "uncorrectable"), ("media_errors", "media errors"),
    ("grown_defects", "grown defects"), ("critical_warning", "critical warning"),
  ]

  private var disks: [HostReport.Row] {
    let points = all("smart_device")
    var (well, rows, more): ([Point], [HostReport.Row], Int) = ([], [], 0)
    for point in points {
      guard let row = row(of: point) else {
        well.append(point)
        continue
      }
      if rows.count < Self.mostDisks { rows.append(("", row)) } else { more += 1 }
    }
    if more > 0 { rows.append(("", Printable("and \(Format.count(more)) more with faults"))) }
    if !well.isEmpty {
      let heat = well.compactMap { number($0, "temp_c") }
      let range = [heat.min(), heat.max()].compactMap { $0.map { Format.fixed($0, 0) } }
      let degrees = Set(range).count == 1 ? range[0] : range.joined(separator: "–")
      let temperature = range.isEmpty ? "" : "  \(degrees) °C"
      let first: Printable =
        "\(Format.count(well.count, "disk")) \(Terminal.paint("✓", .green, on: 1))\(temperature)"
      rows.insert(("", first), at: 0)
    }
    if !rows.isEmpty { rows[0].name = "smart" }
    return rows
  }

  /// A disk with faults; nil of one without any.
  private func row(of point: Point) -> Printable? {
    var parts: [Printable] = []
    if case .boolean(false)? = point[field: "health_ok"] {
      parts.append(Terminal.paint("failing", .red, on: 1))
    }
    for (field, word) in Self.faults {
      if let value = number(point, field), value > 0 {
        parts.append("\(word) \(Format.fixed(value, 0))")
      }
    }
    if let wear = number(point, "percentage_used"), wear >= 100 {
      parts.append("worn \(Format.fixed(wear, 0)) %")
    }
    guard !parts.isEmpty else { return nil }
    let about = [
      point[tag: "device"], point[tag: "model"].map { Format.clip($0, 24) },
      number(point, "temp_c").map { "\(Format.fixed($0, 0)) °C" },
    ].compactMap { $0.map { Printable($0) } }
    return (about + parts).joined(separator: "  ")
  }
}
