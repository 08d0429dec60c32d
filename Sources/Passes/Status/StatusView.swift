internal import Alerts
internal import Configuration
internal import Inventory
public import Metrics
public import Rules
internal import Sinks
public import Store
internal import Probes

/// The states of all checks, from the store: the data of `scrape status`.
public struct StatusView: Sendable {
  /// One check at the last pass.
  public struct Check: Sendable {
    public var host: String
    /// `ssh`, `bmc`, `service https`, `rule disk full{path=/}`.
    public var name: String
    public var severity: Severity
    public var since: Timestamp
    var lastOK: Timestamp?
    /// Whether it was ever ok. For rules the store has no time: an ok that lasts is not written again.
    var wasOK = false
    /// The pending severity within its patience.
    public var pending: Severity?
    public var isFlapping = false
    public var reason: Reason?
    public var message: String
    public var status: TargetStatus?
    public var problems: [CollectorProblem] = []
    /// Who acknowledged it, and why: `ana: PSU is on its way`.
    public var acknowledgement: String?
    /// The end of its silence; the maximum in a maintenance window.
    public var silenced: Timestamp?
    /// The cause of this effect.
    public var cause: Alert.Key?

    var isWell: Bool { severity == .ok && problems.isEmpty && pending == nil }
    var key: Alert.Key { Alert.Key(host, name) }
  }

  public internal(set) var checks: [Check]
  /// The services of scrape.yml.
  public internal(set) var services: [(name: String, state: GroupState)]
  /// Hosts that no pass has scraped.
  public internal(set) var never: [String]
  public let last: LastPass
  /// The number of hosts with a session, and of those that are up.
  public let sessions: Int
  public let up: Int
  private let states: [String: [String: CheckState]]
  private let feed: AlertFeed

  /// How long before the last pass something was asked that faulty files may still have.
  private static let memory = Duration.seconds(86_400)

  /// All hosts, or those that match the pattern. With `isPartial` parts of the files are missing: hosts that
  /// were asked within a day before the last pass are shown whatever the files say.
  public init(
    _ site: Site, _ store: Store, of pattern: String?, isPartial: Bool = false, at now: Timestamp
  ) async throws {
    last = try await LastPass(in: store, at: now)
    let all = try await store.status()
    let known = try await store.states()
    let latest = last.pass?.end ?? now
    /// The hosts that the store knows, whatever the files say.
    let stored = Set(
      all.filter { isPartial && $0.time.after(Self.memory) > latest }.map(\.host)
    ).subtracting(Pseudo.withChecks)
    var hosts = Set(site.inventory.hosts.map(\.name)).union(stored)
    // The self-checks belong to no host, and show with any.
    let watch = CheckList(site)
    let strangers = site.inventory.strangers
    var shown = hosts.union(Pseudo.withChecks).union(strangers)
    if let pattern, strangers.contains(pattern) {
      hosts = []
      shown = [pattern]
    } else if let pattern {
      do { hosts = Set(try site.inventory.select(pattern).map(\.name)) } catch {
        guard isPartial else { throw error }
        hosts = []
      }
      hosts.formUnion(stored.filter { Glob(pattern).matches($0) })
      shown = hosts
    }
    // Ignore checks that are no longer monitored.
    let isAsked = { (host: String, check: String) in
      shown.contains(host) && (stored.contains(host) || watch.has(check, of: host))
    }
    let statuses = all.filter { isAsked($0.host, $0.outcome.target) }
    let problems = try await store.problems()
    let evaluator = Evaluator(site, store, watch, states: known)
    feed = AlertFeed(
      evaluator.states, of: site.alerting, changes: [:], before: [:],
      acknowledgements: try await store.acknowledgements(), silences: try await store.silences(),
      at: now)
    states = evaluator.states
    // Without all hosts they would look broken.
    services = isPartial ? [] : evaluator.services
    never = isPartial ? [] : hosts.subtracting(statuses.map(\.host)).sorted()
    sessions =
      isPartial
      ? statuses.count { $0.outcome.target == CheckName.ssh.text }
      : hosts.count { watch.has(CheckName.ssh.text, of: $0) }
    up = statuses.count {
      $0.outcome.target == CheckName.ssh.text && $0.outcome.up && hosts.contains($0.host)
    }
    let alerts = Dictionary(
      feed.alerts.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    checks = Self.checks(statuses, problems, known).filter { isAsked($0.host, $0.name) }
    for index in checks.indices {
      let check = checks[index]
      let alert =
        alerts[check.key] ?? Alert(check.key, severity: check.severity, since: check.since)
      checks[index].acknowledgement = alert.acknowledgement
      checks[index].silenced = feed.silenced(alert)
      checks[index].cause = alert.cause
    }
  }

  /// Targets with their problems, then rules, by host.
  private static func checks(
    _ statuses: [TargetStatus], _ problems: [String: [CollectorProblem]],
    _ states: [String: [String: CheckState]]
  ) -> [Check] {
    var checks = statuses.map { status in
      let name = status.outcome.target
      let state = states[status.host]?[name]
      let isBMC = name == BMCReading.name
      var check = Check(
        host: status.host, name: name,
        severity: state?.severity ?? (status.outcome.up ? .ok : .unknown),
        since: state?.since ?? status.since, lastOK: status.lastUp, pending: state?.pending,
        isFlapping: state?.isFlapping ?? false, reason: status.outcome.reason,
        message: status.outcome.message ?? "", status: status)
      if CheckName(name).service == nil {
        check.problems = (problems[status.host] ?? []).filter {
          BMCReading.isPart($0.collector) == isBMC
        }
      }
      return check
    }
    for (host, all) in states {
      for (name, state) in all
      where CheckName(name).rule != nil || CheckName(name).paths != nil {
        checks.append(
          Check(
            host: host, name: name, severity: state.severity, since: state.since,
            lastOK: nil, wasOK: state.lastOK != nil, pending: state.pending,
            isFlapping: state.isFlapping, reason: state.reason, message: state.message))
      }
    }
    return checks.sorted {
      ($1.severity, $0.name, $0.host) < ($0.severity, $1.name, $1.host)
    }
  }

  // MARK: Troubles

  /// Whether there is no trouble of at least this severity.
  public func isWell(from least: Severity?) -> Bool {
    troubles(from: least ?? .unknown, verbose: false).isEmpty
  }

  /// The troubles of at least this severity, folded by kind; `verbose` includes ok.
  public func troubles(from least: Severity, verbose: Bool) -> [Trouble] {
    var groups = TroubleGroups<Trouble.Kind, Trouble.Part>()
    // A shown cause replaces its effects.
    let shown = Set(checks.filter { $0.severity >= least }.map(\.key))
    for check in checks {
      if let cause = check.cause, shown.contains(cause), check.severity != .ok {
        groups.hide(check.key, behind: cause)
        continue
      }
      let isBad = check.severity != .ok && check.severity >= least
      if isBad || verbose && check.isWell
        || check.severity == .ok && check.pending.map({ $0 >= least }) == true
      {
        groups.add(part(of: check), to: kind(of: check), as: check.key)
      }
      guard least == .unknown, check.severity == .ok || verbose else { continue }
      for problem in check.problems {
        let (mark, why) = mark(nil, check.silenced)
        groups.add(
          Trouble.Part(host: check.host, message: problem.detail),
          to: Trouble.Kind(
            .unknown, check: problem.collector, reason: problem.reason, mark: mark, why: why))
      }
    }
    for (name, state) in services where state != .ok {
      if let (part, kind) = trouble(service: name, state, from: least) {
        groups.add(part, to: kind)
      }
    }
    if least == .unknown {
      for host in never {
        groups.add(
          Trouble.Part(host: host, message: "never asked"),
          to: Trouble.Kind(.unknown, check: ""))
      }
    }
    return Self.joined(groups.groups.map(Trouble.init))
  }

  /// Folds equal complaints of several collectors on the same hosts, such as one missing tool.
  private static func joined(_ all: [Trouble]) -> [Trouble] {
    struct Complaint: Hashable {
      var kind: Trouble.Kind
      var words: Set<String>
      var hosts: Set<String>
    }
    var order: [Complaint] = []
    var groups: [Complaint: [Trouble]] = [:]
    for trouble in all {
      var kind = trouble.kind
      // Complaints have no time.
      if trouble.since == nil { kind.check = "" }
      let complaint = Complaint(
        kind: kind, words: Set(trouble.parts.map(\.message)), hosts: Set(trouble.hosts))
      if groups[complaint] == nil { order.append(complaint) }
      groups[complaint, default: []].append(trouble)
    }
    return order.flatMap { complaint -> [Trouble] in
      let group = groups[complaint] ?? []
      guard group.count > 1, group.allSatisfy({ $0.since == nil }), var first = group.first else {
        return group
      }
      first.kind.check = group.map(\.kind.check).sorted().joined(separator: ",")
      return [first]
    }
  }

  private func kind(of check: Check) -> Trouble.Kind {
    let (mark, why) = mark(check.acknowledgement, check.silenced)
    let name = CheckName(check.name).withoutSeries.text
    return Trouble.Kind(
      check.severity, check: name, reason: check.severity == .ok ? nil : check.reason,
      pending: check.pending, mark: check.isWell ? nil : mark, why: check.isWell ? nil : why)
  }

  private func part(of check: Check) -> Trouble.Part {
    var part = Trouble.Part(
      host: check.host, since: check.since, lastOK: check.lastOK, isFlapping: check.isFlapping,
      message: check.severity == .ok && check.pending == nil ? "" : check.message)
    part.isNeverOK = check.severity != .ok && check.lastOK == nil && !check.wasOK
    part.instance = CheckName(check.name).series
    if let cause = check.cause {
      part.message += part.message.isEmpty ? "" : ", "
      part.message += "because of \(cause.host)"
    }
    return part
  }

  private func trouble(
    service name: String, _ state: GroupState, from least: Severity
  ) -> (part: Trouble.Part, kind: Trouble.Kind)? {
    let severity = state.severity ?? .unknown
    guard severity >= least else { return nil }
    let check = CheckName.service(name).text
    let known = states[Pseudo.services]?[check]
    let alert = feed.alerts.first { $0.key == Alert.Key(Pseudo.services, check) }
    let (mark, why) = mark(alert?.acknowledgement, alert.flatMap { feed.silenced($0) })
    let message = known?.message ?? ""
    let prefix = "\(state.rawValue): "
    let part = Trouble.Part(
      host: check, since: known?.since,
      message: message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : "")
    return (part, Trouble.Kind(severity, word: state.rawValue, check: "", mark: mark, why: why))
  }

  /// The mark of an acknowledged or silenced check.
  private func mark(
    _ acknowledgement: String?, _ silenced: Timestamp?
  ) -> (mark: String?, why: String?) {
    var marks: [String] = []
    var why: String?
    if let acknowledgement {
      let parts = acknowledgement.split(separator: ":", maxSplits: 1)
      marks.append("acked by \(parts.first ?? "")")
      if parts.count > 1 { why = String(parts[1].drop { $0 == " " }) }
    }
    if let silenced {
      marks.append(
        silenced.nanoseconds == .max ? "maintenance" : "silenced until \(Format.time(silenced))")
    }
    return (marks.isEmpty ? nil : marks.joined(separator: ", "), why)
  }
}
