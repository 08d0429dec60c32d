public import Configuration

extension Settings {
  /// Adds a fault for each host whose profile does not exist.
  public func checkProfiles(of inventory: Inventory, _ findings: inout Findings) {
    for host in inventory.hosts where profiles[host.profile] == nil {
      if let node = host[variable: "profile"] {
        findings.add(unknown("profile", node, among: profiles.keys.sorted()))
      } else {
        findings.add(ConfigurationError("unknown profile \"\(host.profile)\"", at: host.mark))
      }
    }
  }
}
