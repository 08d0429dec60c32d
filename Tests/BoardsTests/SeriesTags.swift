import Metrics

/// The tags that keep the series of a measurement apart, so that a mean over them is that of nothing: the round trips
/// of two addresses, two sensors of one name.
enum SeriesTags {
  /// By measurement the tags that name a series (`a|b`: one of them is enough), and the other ones, which follow from
  /// them or change with the state.
  static let all: [String: (keys: String, others: String)] = [
    "conntrack": ("host", "cpu"), "cpu": ("host cpu", ""),
    "disk": ("host path", "device fstype mode"),
    "diskio": ("host name", ""),
    "docker_container_status": ("host container_name", docker),
    "docker_container_health": ("host container_name", docker),
    "docker_container_cpu": ("host container_name", docker + " cpu"),
    "docker_container_mem": ("host container_name", docker),
    "ethtool": ("host interface", ""), "gpu_health": ("host", ""),
    "ipmi_chassis": ("host", ""), "ipmi_power": ("host source", ""),
    "ipmi_sensor": ("host name entity_id", "server unit status_code status_desc"),
    "kubernetes_pod_container": (
      "host namespace pod_name container_name", "node_name image version phase state readiness"
    ),
    "libvirt_state": ("host domain_name", ""), "libvirt_cpu": ("host domain_name", ""),
    "libvirt_balloon": ("host domain_name", ""), "logins": ("host", ""), "mem": ("host", ""),
    "net": ("host interface", ""), "netstat": ("host", ""), "nstat": ("host name", ""),
    "nvidia_smi": ("host index", "name arch uuid pstate compute_mode"),
    "openvpn": ("host file", ""), "openvpn_client": ("host file common_name", ""),
    "ping": ("host path", "url"), "policy": ("host policy", ""),
    "policy_check": ("host policy check", ""), "pressure": ("host resource type", ""),
    "processes": ("host", ""), "procstat": ("host by rank", ""), "scrape": ("host target", ""),
    "scrape_pass": ("host scope", ""), "scrape_sink": ("host sink", ""),
    "service": ("host service", "probe port path"),
    "smart_device": ("host device serial_no|device_type", "model"),
    "sockstat": ("host family", ""), "swap": ("host", ""), "system": ("host", ""),
    "topology_edge": ("id", "source target"), "topology_node": ("id", "group"),
    "users": ("host", ""), "wireguard_peer": ("host device public_key", ""),
  ]
  private static let docker =
    "engine_host server_version container_image container_version container_status"
  /// The further tags of `service_summary` by its scope.
  private static let scopes = [
    "all": "", "type": "type", "group": "group", "group_type": "group type",
  ]

  /// What a statement mixes; `fixed` are the variables that have one value where its panel stands.
  static func faults(of statement: Statement, _ catalog: Catalog, _ fixed: Set<String>) -> [String]
  {
    let base = statement.base
    guard base.calls > 0, catalog.fields(of: statement.measurement) != nil else { return [] }
    let name = statement.measurement
    let keys: String
    if name == "service_summary" {
      guard let scope = base.pins["scope"] else { return ["mixes scopes of service_summary"] }
      keys = scopes[scope] ?? String(scope.dropFirst("tag_".count))
    } else {
      guard let entry = all[name] else { return ["SeriesTags does not know \(name)"] }
      keys = entry.keys
      let known = Set((keys + " " + entry.others).split { " |".contains($0) }.map(String.init))
      let declared = catalog.entries.filter { $0.measurement.name == name }
        .flatMap { $0.measurement.tags.map(\.name) }
      if let tag = declared.first(where: { !known.contains($0) }) {
        return ["SeriesTags does not know the tag \(tag) of \(name)"]
      }
    }
    return keys.split(separator: " ").compactMap { key in
      let isApart = key.split(separator: "|").map(String.init).contains { tag in
        base.tags.contains(tag) || base.pins[tag] != nil
          || base.chosen[tag].map(fixed.contains) == true
      }
      return isApart ? nil : "mixes series of \(name) that differ in \(key)"
    }
  }
}
