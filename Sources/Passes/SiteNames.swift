internal import Collectors
internal import Configuration
internal import Inventory
internal import Metrics
internal import Alerts
internal import Notifiers
internal import Probes
internal import Sinks

/// The names that a shell completes, for the hidden `scrape complete KIND`.
public enum SiteNames {
  /// The kinds of names.
  public enum Kind: String, CaseIterable, Sendable {
    case hosts, patterns, collectors, probes, checks, contacts, policies, sinks, reports

  }

  /// The names of a kind, each once; of a faulty or missing inventory those that could be read.
  public static func words(_ kind: Kind, of site: Site?) -> [String] {
    let found: [String] =
      switch kind {
      case .hosts: site?.inventory.hosts.map(\.name) ?? []
      case .patterns:
        ["all"] + (site?.inventory.groups.map(\.name) ?? [])
          + (site?.inventory.hosts.map(\.name) ?? [])
      case .collectors: Collectors.collectors.map { $0.name } + ["bmc", "probes"]
      case .probes: Probes.all.map { $0.name } + (site.map { modules(of: $0) } ?? [])
      case .checks:
        [CheckName.ssh.text, CheckName.bmc.text] + (site.map { services(of: $0) } ?? [])
      case .contacts: site?.contacts.map(\.name) ?? []
      case .policies: site?.policies.settings.map(\.name) ?? []
      case .sinks: site.map { sinks(of: $0) } ?? []
      case .reports: site?.reports.all.map(\.name) ?? []
      }
    var seen: Set<String> = []
    // A shell's list has a name per line, and no blank in a name.
    return found.filter { name in
      !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f }
        && seen.insert(name).inserted
    }
  }

  private static func modules(of site: Site) -> [String] {
    site.settings.sections["modules"]?.pairs?.compactMap(\.key.text) ?? []
  }

  private static func services(of site: Site) -> [String] {
    site.inventory.hosts.flatMap { site.probes[$0.name].map(\.service) }
  }

  private static func sinks(of site: Site) -> [String] {
    var findings = Findings()
    return Sinks.sinks(from: site.settings.sinks, secrets: false, &findings).map(\.name)
  }
}
