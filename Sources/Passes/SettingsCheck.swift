internal import Configuration
internal import Inventory
internal import Probes

extension Settings {
  /// Refuses hosts whose profile is not there, and probes that cannot be asked.
  func check(_ inventory: Inventory) throws(ConfigurationErrors) {
    var findings = Findings()
    check(inventory, &findings)
    try findings.finish()
  }

  /// The same with all faults as findings.
  func check(_ inventory: Inventory, _ findings: inout Findings) {
    var probes = ProbeReader(modules: sections["modules"], &findings)
    for host in inventory.hosts { _ = probes.plans(of: host, &findings) }
    for host in inventory.hosts where profiles[host.profile] == nil {
      if let node = host[variable: "profile"] {
        findings.add(unknown("profile", node, among: profiles.keys.sorted()))
      } else {
        findings.add(ConfigurationError("unknown profile \"\(host.profile)\"", at: host.mark))
      }
    }
  }
}
