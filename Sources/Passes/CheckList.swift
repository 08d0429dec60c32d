internal import Inventory
internal import Metrics
internal import Rules
internal import Sinks
internal import Probes

/// The checks that the current inventory and settings define.
///
/// The store may have others: of a host, a probe or a rule that was removed since.
public struct CheckList: Sendable {
  private let rules: RuleBook
  private let hosts: Set<String>
  private let sessions: Set<String>
  /// Jump hosts: a pass that uses one knows whether it is up.
  private let jumps: Set<String>
  private let bmcs: Set<String>
  /// Services that are not asked because of a jump host, by host.
  private let unasked: [String: Set<String>]
  /// The services that are asked on several ways, by host.
  private let ways: [String: [ServiceWays]]
  private let own: SelfSettings
  private let policies: PolicyList
  /// Hosts that come through a spool: their monitor says which checks they have.
  private let spooled: Set<String>
  /// Hosts with the check `spool`.
  private let carriers: Set<String>
  /// The kind of each service (`http`), by host and service.
  public let services: [String: [String: String]]
  /// Services that do not count in `service_summary`, by host.
  let uncounted: [String: Set<String>]
  /// The patience of services that have their own, by host and service.
  private let patience: [String: [String: Patience]]

  public init(_ site: Site) {
    rules = site.rules
    own = site.own
    policies = site.policies
    let all = site.inventory.hosts
    spooled = site.inventory.spools.reduce(into: []) { $0.formUnion($1.hosts) }
    carriers = Set(site.inventory.spools.map(\.carrier.name))
    hosts = Set(all.map(\.name))
    jumps = all.reduce(into: []) { names, host in
      if host.jumpHost != nil { names.formUnion(site.inventory.steps(to: host).map(\.name)) }
    }
    var unasked: [String: Set<String>] = [:]
    sessions = Set(
      all.filter { site.settings.profiles[$0.profile]?.tasks.isEmpty == false }.map(\.name))
    bmcs = Set(all.filter { $0.bmc != nil }.map(\.name))
    var services: [String: [String: String]] = [:]
    var patience: [String: [String: Patience]] = [:]
    var uncounted: [String: Set<String>] = [:]
    var ways: [String: [ServiceWays]] = [:]
    for host in all {
      let several = ServiceWays.all(site.probes[host.name], of: host)
      if !several.isEmpty { ways[host.name] = several }
      for plan in site.probes[host.name] where !plan.lacksAddress {
        services[host.name, default: [:]][plan.service] = plan.kind
        patience[host.name, default: [:]][plan.service] = plan.patience
        if !plan.isCounted { uncounted[host.name, default: []].insert(plan.service) }
        if !plan.reaches(host) { unasked[host.name, default: []].insert(plan.service) }
      }
    }
    self.services = services
    self.patience = patience
    self.uncounted = uncounted
    self.unasked = unasked
    self.ways = ways
  }

  /// Whether the service does not count in `service_summary`.
  func isUncounted(_ service: String, of host: String) -> Bool {
    uncounted[host]?.contains(service) == true
  }

  /// Whether the check is still defined.
  public func has(_ check: String, of host: String) -> Bool {
    if host == Pseudo.services {
      if let rule = CheckName(check).rule { return rules.has(rule, for: host) }
      return rules.services.contains { CheckName(check).service == $0.name }
    }
    if host == SelfReading.host { return own.has(check) }
    if jumps.contains(host), check == CheckName.ssh.text { return true }
    guard hosts.contains(host) else { return false }
    if check == CheckName.spool.text { return spooled.contains(host) || carriers.contains(host) }
    if spooled.contains(host) { return true }
    if let service = CheckName(check).service {
      return services[host]?[service] != nil && unasked[host]?.contains(service) != true
    }
    if let rule = CheckName(check).rule { return rules.has(rule, for: host) }
    if CheckName(check).paths != nil {
      return ways[host]?.contains { $0.check.text == check } == true
    }
    if let name = CheckName(check).policy {
      return policies.of(host).contains { $0.name == name && $0.severity != .ok }
    }
    if check == BMCReading.name { return bmcs.contains(host) }
    return sessions.contains(host)
  }

  /// Whether the check of a rule is about a policy that the host has.
  func hasPolicy(of host: String, in check: String) -> Bool {
    policies.of(host).contains { check.contains("policy=\($0.name)") }
  }

  /// The services of a host that are asked on several ways.
  func ways(of host: String) -> [ServiceWays] { ways[host] ?? [] }

  /// Whether a jump host keeps some services of the host from being asked.
  public func hasUnasked(_ host: String) -> Bool { unasked[host]?.isEmpty == false }

  /// The patience of a target or service of a host. Self-checks have none.
  func patience(of check: String, host: String) -> Patience {
    guard host != SelfReading.host, check != CheckName.spool.text else { return .none }
    let own = CheckName(check).service.flatMap { patience[host]?[$0] }
    return own ?? rules.patience
  }

  /// Whether any check matches: `web*/https`. Checks of rules depend on a host's data and always match.
  public func meets(_ need: (host: String, name: String)) -> Bool {
    let (place, check) = (Glob(need.host), Glob(need.name))
    return hosts.contains { host in
      guard place.matches(host) else { return false }
      var names = Set(services[host]?.keys.map(\.self) ?? [])
      if sessions.contains(host) { names.insert(CheckName.ssh.text) }
      if bmcs.contains(host) { names.insert(BMCReading.name) }
      return CheckName(need.name).rule != nil || names.contains { check.matches($0) }
    }
  }
}
