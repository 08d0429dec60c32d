public import Metrics
public import Rules
public import Store
public import Inventory

/// The alerts after a pass, as routes and incidents see them: each with its cause, its acknowledgement
/// and its silence.
public struct AlertFeed: Sendable {
  public internal(set) var alerts: [Alert] = []
  /// The number of services that an alert makes unreachable.
  private(set) var effects: [Alert.Key: Int] = [:]
  /// Acknowledgements that ended: the check is ok, or worse than acknowledged.
  private(set) var outdated: [Store.Acknowledgement] = []
  private let silences: [Silenced]
  private let maintenance: [AlertBook.Maintenance]
  private let now: Timestamp

  /// A silence with the hosts that it matches.
  private struct Silenced {
    var hosts: Set<String>
    var check: String?
    var until: Timestamp
  }

  /// `changes` are those of this pass, by host; `before` holds the severities before the last change.
  public init(
    _ states: [String: [String: CheckState]], of setup: AlertSetup,
    changes: [String: [CheckTransition]],
    before: [String: [String: Severity]], acknowledgements: [Store.Acknowledgement],
    silences: [Store.Silence], at now: Timestamp
  ) {
    self.now = now
    maintenance = setup.alerts.maintenance.filter { $0.holds(now) }
    let inventory = setup.inventory
    // They are no hosts of the inventory, and have checks.
    let others = Pseudo.withChecks.union(inventory.strangers)
    self.silences = silences.filter { $0.from <= now && now < $0.until }.map { silence in
      var hosts = Self.hosts(silence.hosts, inventory)
      if ["all", "*"].contains(silence.hosts) { hosts.formUnion(others) }
      if others.contains(silence.hosts) { hosts = [silence.hosts] }
      return Silenced(hosts: hosts, check: silence.check, until: silence.until)
    }
    let (roots, ways) = Self.roots(states, inventory)
    let known = Dictionary(
      acknowledgements.map { (Alert.Key($0.host, $0.check), $0) },
      uniquingKeysWith: { first, _ in first })
    let hosts = Dictionary(
      inventory.hosts.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    for (name, checks) in states {
      for (check, state) in checks where state.severity != .ok || state.isFlapping {
        if Self.notifiesNobody(name, check, state.reason) { continue }
        let key = Alert.Key(name, check)
        var alert = Alert(
          key, group: hosts[name]?.group ?? "", severity: state.severity, reason: state.reason,
          message: state.message, since: state.since, isFlapping: state.isFlapping,
          tags: hosts[name]?.pointTags ?? [])
        alert.from =
          changes[name]?.last { $0.name == check }?.from ?? before[name]?[check] ?? .ok
        alert.wasOK = state.lastOK != nil
        if let root = roots[name], root != key,
          check == CheckName.ssh.text || isReached(check, root.host != name)
        {
          alert.cause = root
          if check != CheckName.ssh.text { effects[root, default: 0] += 1 }
        } else if roots[name] == nil, let root = ways[name],
          state.isOfJumpHost || CheckName(check).paths != nil && state.message.contains(": via ")
        {
          // A host without a session, or with services that are asked on another way, too.
          alert.cause = root
          effects[root, default: 0] += 1
        } else if let cause = Self.way(of: check, checks, setup.ways[name]) {
          alert.cause = Alert.Key(name, cause)
        }
        if check == CheckName.spool.text {
          alert.cause = Self.cause(ofSpool: name, states, roots, inventory)
        }
        if let word = known[key], state.severity <= word.severity {
          alert.acknowledgement = word.why.isEmpty ? word.who : "\(word.who): \(word.why)"
        }
        alerts.append(alert)
      }
    }
    outdated = acknowledgements.filter { word in
      let state = states[word.host]?[word.check]
      return (state?.severity ?? .ok) == .ok && state?.isFlapping != true
        || (state?.severity ?? .ok) > word.severity
    }
  }

  /// Whether the trouble is shown and stored, but is no alert: a pass that somebody killed. An incident
  /// of it would absorb alerts of the same minute.
  private static func notifiesNobody(_ host: String, _ check: String, _ reason: Reason?) -> Bool {
    host == Pseudo.scraper && check == "pass" && reason == .vanished
  }

  /// The hosts of a silence. It goes on for the others when the inventory loses one of them.
  private static func hosts(_ pattern: String, _ inventory: Inventory) -> Set<String> {
    Set(inventory.remaining(pattern).map(\.name))
  }

  /// The check that stands for the answers of a service on several ways: that which compares them, if
  /// they disagree; else that of the way inside, for the others.
  private static func way(
    of check: String, _ states: [String: CheckState], _ ways: [String: AlertSetup.Ways]?
  ) -> String? {
    guard let ways = ways?[check], let state = states[check] else { return nil }
    if let all = states[ways.check], all.severity != .ok { return ways.check }
    guard check != ways.inside, let inside = states[ways.inside], inside.severity != .ok,
      inside.severity >= state.severity
    else { return nil }
    return ways.inside
  }

  /// Why nothing is known of a host that comes through a spool: the spool, or the outage of the host on
  /// which it is.
  private static func cause(
    ofSpool host: String, _ states: [String: [String: CheckState]], _ roots: [String: Alert.Key],
    _ inventory: Inventory
  ) -> Alert.Key? {
    let spool = CheckName.spool.text
    let carrier = inventory.spool(of: host)?.carrier.name ?? host
    if let root = roots[carrier], states[host]?[spool]?.reason == .stale { return root }
    guard carrier != host, states[carrier]?[spool]?.severity == .critical else { return nil }
    return Alert.Key(carrier, spool)
  }

  /// Whether a check cannot run while its host, or what the host is behind, is down.
  private func isReached(_ check: String, _ isBehind: Bool) -> Bool {
    CheckName(check).service != nil || CheckName(check).paths != nil
      || check == CheckName.bmc.text && isBehind
  }

  /// For each host that is down, the alert that causes all others of that host; for each other one, that
  /// of a jump host on its way that is down.
  private static func roots(
    _ states: [String: [String: CheckState]], _ inventory: Inventory
  ) -> (down: [String: Alert.Key], ways: [String: Alert.Key]) {
    // A switch may have services only: it is down when all of them are.
    func main(_ host: String) -> Alert.Key? {
      let checks = states[host] ?? [:]
      let name = CheckName.ssh.text
      if let session = checks[name] {
        return session.severity == .critical ? Alert.Key(host, name) : nil
      }
      let services = checks.filter { CheckName($0.key).service != nil }
      guard let first = services.keys.min(),
        services.values.allSatisfy({ $0.severity == .critical })
      else { return nil }
      return Alert.Key(host, first)
    }
    var mains: [String: Alert.Key] = [:]
    // Jump hosts without an entry in the inventory have a check, too.
    for host in states.keys where !Pseudo.withChecks.contains(host) { mains[host] = main(host) }
    var roots = mains
    for (cause, effects) in Topology(inventory).causes(of: Set(mains.keys)) {
      for effect in effects { roots[effect] = mains[cause] }
    }
    var ways: [String: Alert.Key] = [:]
    for host in inventory.hosts where host.jumpHost != nil && roots[host.name] == nil {
      ways[host.name] =
        inventory.steps(to: host).reversed().lazy.compactMap { roots[$0.name] }.first
    }
    return (roots, ways)
  }

  /// The end of the silence of the alert; nil if it is not silenced.
  public func silenced(_ alert: Alert) -> Timestamp? {
    let own = silenced(alert.key)
    // A silence of a switch holds for all that is behind it.
    return own ?? alert.cause.flatMap { silenced($0) }
  }

  private func silenced(_ key: Alert.Key) -> Timestamp? {
    func holds(_ hosts: Set<String>?, _ check: String?) -> Bool {
      hosts?.contains(key.host) != false && (check.map { CheckName(key.check).matches($0) } ?? true)
    }
    if maintenance.contains(where: { holds($0.hosts, $0.check) }) {
      return Timestamp(nanoseconds: .max)
    }
    return silences.filter { holds($0.hosts, $0.check) }.map(\.until).max()
  }
}

extension CheckState {
  /// Whether a jump host on the way failed, not the target: see `TargetError.isOfJumpHost`.
  fileprivate var isOfJumpHost: Bool { reason == .unreachable && message.hasPrefix("via ") }
}

extension Topology {
  /// The hosts that each host of the inventory, and each jump host without an entry, depends on.
  public init(_ inventory: Inventory) {
    let machines = Dictionary(
      inventory.hosts.filter { $0.jumpHost == nil }.map { ($0.address, $0.name) },
      uniquingKeysWith: { first, _ in first })
    var needs: [String: [String]] = [:]
    for host in inventory.hosts {
      let way = inventory.steps(to: host).map(\.name)
      // The nearest jump host first; it has its own in turn.
      needs[host.name] = [host.on, host.behind].compactMap { $0 } + way.reversed()
      for (place, step) in inventory.steps(to: host).enumerated()
      where inventory.host(step.name) == nil {
        // Another port of a host is no other machine.
        let machine = place == 0 ? machines[step.host.address] : nil
        needs[step.name] = Array(way[..<place].reversed()) + [machine].compactMap(\.self)
      }
    }
    self.init(needs)
  }
}
