public import Configuration
public import Inventory

/// The probes of all hosts, read once, and the modules of scrape.yml.
public struct ProbeBook: Sendable {
  /// Reads further entries, such as that of `scrape probe`.
  public let reader: ProbeReader
  private let plans: [String: [ProbePlan]]

  /// A book without hosts and modules.
  public init() {
    var findings = Findings()
    reader = ProbeReader(modules: nil, &findings)
    plans = [:]
  }

  /// Reads the modules and the `probes:` of each host.
  public init(_ hosts: [Host], modules: Node?, _ findings: inout Findings) {
    let addresses = hosts.reduce(into: Set<String>()) { $0.formUnion($1.addresses.keys) }
    var reader = ProbeReader(modules: modules, addresses: addresses, &findings)
    var plans: [String: [ProbePlan]] = [:]
    for host in hosts {
      let own = reader.plans(of: host, &findings)
      if !own.isEmpty { plans[host.name] = own }
    }
    self.reader = reader
    self.plans = plans
  }

  /// The probes of a host, in the order of the inventory.
  public subscript(host: String) -> [ProbePlan] { plans[host] ?? [] }
}
