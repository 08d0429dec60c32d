internal import Alerts
internal import Configuration
public import Metrics
internal import Rules
internal import Sinks
public import Store
internal import IPMI
internal import Inventory
internal import Probes

/// Evaluates the results of a pass: states, transitions, and the summaries of services.
public struct Evaluator: Sendable {
  private let book: RuleBook
  private let store: Store
  private var known: [String: [String: CheckState]]
  /// Checks in the store that are no longer monitored, by host.
  private var stale: [String: [String]] = [:]
  private let groups: [String: String]
  /// The host tags that make scopes of summaries.
  private let tags: [String: [Tag]]
  private let watch: CheckList
  /// All states after the pass, by host and check.
  public internal(set) var states: [String: [String: CheckState]]

  public init(
    _ site: Site, _ store: Store, _ watch: CheckList, states: [String: [String: CheckState]],
    jump: Duration = .zero
  ) {
    book = site.rules
    self.store = store
    self.watch = watch
    known = states
    self.states = states
    for (host, all) in states {
      let gone = all.keys.filter { !watch.has($0, of: host) }
      guard !gone.isEmpty else { continue }
      stale[host] = gone.sorted()
      for name in gone { self.states[host]?[name] = nil }
    }
    groups = Dictionary(
      site.inventory.hosts.map { ($0.name, $0.group) }, uniquingKeysWith: { first, _ in first })
    let names = site.rules.tags
    tags = Dictionary(
      site.inventory.hosts.map { host in
        (host.name, host.tags.filter { !$0.value.isEmpty && names.contains($0.name) })
      }, uniquingKeysWith: { first, _ in first })
    if jump != .zero { shift(by: jump) }
  }

  /// All that was evaluated is stored: what changes from now on is to be stored next.
  mutating func settle() { known = states }

  /// Keeps the age of pending states when the clock was set.
  mutating func shift(by jump: Duration) {
    for host in states.keys { states[host]?.shift(by: jump) }
  }

  /// Evaluates the services of scrape.yml, each as one check, and the rules on summaries; nil without
  /// either.
  mutating func evaluateServices(_ summaries: [Point], at time: Timestamp) async -> HostResult? {
    var result = HostResult(
      batch: PointBatch(host: Pseudo.services, tags: [Tag("host", Pseudo.services)], time: time))
    let gone = stale.removeValue(forKey: Pseudo.services) ?? []
    for name in gone {
      end(name, known[Pseudo.services]?[name], "it is no longer monitored", in: &result)
    }
    let services = services
    for (name, state) in services {
      guard let severity = state.severity else {
        // The inventory lost all that the service needs: its state is unknown.
        let check = CheckName.service(name).text
        if let old = states[Pseudo.services]?[check] {
          end(check, old, "nothing that it needs is monitored any more", in: &result)
          states[Pseudo.services]?[check] = nil
        }
        continue
      }
      let words = ([state.rawValue] + broken(name)).joined(separator: ": ")
      observe(CheckName.service(name).text, severity, nil, words, .none, in: &result)
    }
    // Rules read the summaries; the report stores them.
    result.batch.points = summaries
    for rule in book.rules where rule.selector.measurement == Selector.together {
      await apply(rule, to: &result, isWhole: !summaries.isEmpty)
    }
    result.batch.points = []
    if states[Pseudo.services]?.isEmpty != false && result.gone.isEmpty { return nil }
    for (index, transition) in result.transitions.enumerated() {
      result.batch.points.append(Self.point(transition, index))
    }
    return result
  }

  /// The needs of a service that are not ok, as text: `web[1-3]/https`.
  private func broken(_ service: String) -> [String] {
    let needs = book.services.first { $0.name == service }?.needs.flatMap(\.checks) ?? []
    var hosts: [String: Set<String>] = [:]
    for (host, all) in states where !Pseudo.withChecks.contains(host) {
      for (check, state) in all where state.severity != .ok {
        let name = CheckName(check).service ?? check
        let isNeeded = needs.contains {
          matches(host, anyOf: [$0.host]) && matches(name, anyOf: [$0.name])
        }
        if isNeeded { hosts[name, default: []].insert(host) }
      }
    }
    let words = hosts.sorted { $0.key < $1.key }.map { "\(fold($0.value.sorted()))/\($0.key)" }
    return words.isEmpty ? [] : [words.joined(separator: ", ")]
  }

  /// Evaluates one result: its targets and services, and the rules on its points. Adds a point per
  /// transition. If the result is not whole, missing series do not end their checks.
  mutating func evaluate(_ result: inout HostResult, isWhole: Bool = true) async {
    let host = result.batch.host
    for name in stale.removeValue(forKey: host) ?? [] {
      end(name, known[host]?[name], "it is no longer monitored", in: &result)
    }
    for outcome in result.outcomes {
      // Without a result the state stays: an interrupted pass is no outage.
      guard let severity = outcome.severity else { continue }
      observe(
        outcome.target, severity, outcome.reason, outcome.message ?? "",
        watch.patience(of: outcome.target, host: host), in: &result)
    }
    compare(&result)
    if result.isEvaluated {
      var there: Set<String> = []
      for index in result.batch.points.indices {
        there.insert(result.batch.points[index].measurement)
      }
      let rules = book.rules(for: host)
      // By place, as most rules have nothing to look at.
      for index in rules.indices
      where there.contains(rules[index].selector.measurement) || rules[index].isComplete {
        await apply(rules[index], to: &result, isWhole: isWhole)
      }
    }
    // Distinct times: a database would overwrite one of two equal points.
    for (index, transition) in result.transitions.enumerated() {
      result.batch.points.append(Self.point(transition, index))
    }
  }

  /// Takes the states of a host over as another monitor evaluated them, with its transitions. A state
  /// that changed without a transition, because passes are missing, gets one.
  mutating func adopt(_ result: inout HostResult) {
    let host = result.batch.host
    let own = CheckName.spool.text
    let old = states[host] ?? [:]
    let new = result.states
    for name in old.keys.sorted() where new[name] == nil && name != own {
      let ended = result.transitions.contains { $0.name == name && $0.to == .ok }
      if ended {
        result.gone.append(name)
      } else {
        end(name, old[name], "it is no longer there", in: &result)
      }
    }
    for (name, state) in new.sorted(by: { $0.key < $1.key }) {
      let last = result.transitions.last { $0.name == name }?.to
      let before = last ?? old[name]?.severity ?? .ok
      guard before != state.severity else { continue }
      let change = CheckTransition(
        name, from: before, to: state.severity, time: state.since, since: old[name]?.since,
        isFlapping: state.isFlapping, reason: state.reason, message: state.message)
      result.transitions.append(change)
      result.batch.points.append(Self.point(change, 0))
    }
    states[host] = new.merging(old.filter { $0.key == own }) { first, _ in first }
    result.states = new.filter { name, state in
      state != known[host]?[name] && !(state.isQuiet && known[host]?[name]?.isQuiet == true)
    }
  }

  /// Compares the states of services that are asked on several ways.
  ///
  /// The states have waited for their `for:` already.
  private mutating func compare(_ result: inout HostResult) {
    let host = result.batch.host
    let asked = Set(result.outcomes.filter { $0.severity != nil }.map(\.target))
    for ways in watch.ways(of: host) {
      let checks = ways.services.map { CheckName.service($0).text }
      guard checks.contains(where: asked.contains) else { continue }
      let (severity, message) = ways.comparison { service in
        states[host]?[CheckName.service(service).text].map {
          ServiceWays.Answer($0.severity, $0.reason, $0.message)
        }
      }
      observe(
        ways.check.text, severity, severity == .ok ? nil : .pathsDisagree, message, .none,
        in: &result)
    }
  }

  private mutating func apply(
    _ rule: Rule, to result: inout HostResult, isWhole: Bool
  ) async {
    let host = result.batch.host
    let selector = rule.selector
    let isComplete = rule.isComplete
    var past: [String: [SeriesHistory.Value]]?
    var seen: Set<String> = []
    // Series without the value.
    var bare: Set<String> = []
    var isThere = false
    let covered = selector.measurement == "x509_cert" ? Self.certificates(result) : []
    // By place: every rule looks at every point, and copies of them would cost more than the looks.
    for index in result.batch.points.indices
    where result.batch.points[index].measurement == selector.measurement {
      let point = result.batch.points[index]
      // Several collectors may write different fields of one measurement.
      if point[field: selector.field] != nil { isThere = true }
      guard selector.matches(point, tags: result.batch.tags) else { continue }
      let instance = selector.instance(of: point)
      let check = CheckName.rule(rule.name, series: instance).text
      guard let last = selector.value(of: point, tags: result.batch.tags) else {
        bare.insert(check)
        continue
      }
      guard seen.insert(check).inserted else { continue }
      var value: Double? = last
      if let window = rule.window {
        if past == nil { past = await history(window, rule, of: result.batch) }
        value = window.figure(
          (past?[instance] ?? []) + [(point.time ?? result.batch.time, last)])
      }
      guard let value else { continue }
      let now = states[host]?[check]?.severity ?? .ok
      var severity = rule.severity(of: value, now: now)
      // The service's own state covers it: one trouble, one alert.
      if covered.contains(where: { point[tag: "source"]?.hasSuffix(":\($0)") == true }) {
        severity = .ok
      }
      var words = "\(selector.measurement).\(selector.field) "
      var unit = selector.unit.sign(point.tags)
      if let window = rule.window {
        words += "\(window.function.rawValue) over \(window.length.text) "
        unit = window.function.unit(unit)
      }
      words += value.isFinite ? Format.measured(value, unit) : "never"
      if let threshold = rule.threshold(for: severity) { words += ", threshold \(threshold.text)" }
      // The message of the point is better than a number.
      if severity != .ok, case .string(let message)? = point[field: "message"], !message.isEmpty {
        words = "\(message) (\(words))"
      }
      observe(check, severity, nil, words, rule.patience, in: &result)
    }
    // An unmounted file system ends its check; one that this pass did not read does not.
    guard isWhole, isComplete || isThere else { return }
    let stem = CheckName.rule(rule.name, series: "").text
    let opening = "\(stem){"
    let gone = (states[host] ?? [:]).keys.filter { name in
      guard name == stem || name.hasPrefix(opening), !seen.contains(name) else { return false }
      // A policy that was not due is there all the same.
      if selector.measurement == "policy", watch.hasPolicy(of: host, in: name) { return false }
      return bare.contains(name) == isComplete
    }
    for name in gone.sorted() {
      end(name, states[host]?[name], "it is no longer there", in: &result)
      states[host]?[name] = nil
    }
  }

  /// The ports of services whose state is that of their certificate.
  private static func certificates(_ result: HostResult) -> Set<String> {
    let named = Set(
      result.outcomes.filter { $0.reason?.isOfCertificate == true }
        .compactMap { CheckName($0.target).service })
    return Set(
      result.batch.points.filter { point in
        point.measurement == "service" && named.contains(point[tag: "service"] ?? "")
      }.compactMap { $0[tag: "port"] })
  }

  /// Ends a check; adds a transition to ok if it was not ok.
  private func end(
    _ check: String, _ state: CheckState?, _ message: String, in result: inout HostResult
  ) {
    if let state, state.severity != .ok {
      result.transitions.append(
        CheckTransition(
          check, from: state.severity, to: .ok, time: result.batch.time, since: state.since,
          message: message))
    }
    result.gone.append(check)
  }

  /// The stored history of all series of the rule by name, in one read.
  private func history(
    _ window: Window, _ rule: Rule, of batch: PointBatch
  ) async -> [String: [SeriesHistory.Value]] {
    let from = batch.time.before(window.length)
    return await SeriesHistory.byName(
      rule.selector, host: batch.host, tags: batch.tags, in: store, from: from, to: batch.time
    ).mapValues(\.values)
  }

  private mutating func observe(
    _ check: String, _ severity: Severity, _ reason: Reason?, _ message: String,
    _ patience: Rule.Patience, in result: inout HostResult
  ) {
    let host = result.batch.host
    let time = result.batch.time
    let message = message.visible
    var state: CheckState
    let outcome: CheckState.Outcome
    let before = states[host]?[check]
    if let before {
      state = before
      outcome = state.observe(severity, at: time, patience: patience)
    } else {
      (state, outcome) = CheckState.first(severity, at: time, patience: patience)
    }
    state.reason = severity == .ok ? nil : reason
    state.message = severity == .ok ? "" : message
    if let change = outcome.change {
      result.transitions.append(
        CheckTransition(
          check, from: change.from, to: state.severity, time: time,
          since: before == nil ? nil : change.since, isFlapping: state.isFlapping,
          reason: reason, message: message))
    }
    states[host, default: [:]][check] = state
    // An ok state that stays ok is not written again: the time of the pass stands in for `lastOK`.
    if state != known[host]?[check], !(state.isQuiet && known[host]?[check]?.isQuiet == true) {
      result.states[check] = state
    }
  }

  private static func point(_ transition: CheckTransition, _ index: Int) -> Point {
    var point = Point(
      "event", tags: [Tag("source", "check"), Tag("severity", transition.to.rawValue)],
      time: Timestamp(nanoseconds: transition.time.nanoseconds &+ Int64(index)))
    point.string("subject", transition.name)
    point.string("text", transition.text)
    point.string("from", transition.from.rawValue)
    point.integer("over", transition.to == .ok ? Int64(1) : 0)
    return point
  }

  /// The crossed rules of a host, by the label of the check.
  func crossed(of host: String) -> [(check: String, state: CheckState)] {
    (states[host] ?? [:]).filter { CheckName($0.key).rule != nil && $0.value.severity != .ok }
      .sorted { $0.key < $1.key }.map { (CheckName($0.key).label, $0.value) }
  }

  /// The services of a host whose answers disagree: the check, its state, and the services.
  func disagreeing(
    of host: String
  ) -> [(check: String, state: CheckState, services: Set<String>)] {
    watch.ways(of: host).compactMap { ways in
      guard let state = states[host]?[ways.check.text], state.severity != .ok else { return nil }
      return (ways.check.text, state, Set(ways.services))
    }
  }

  // MARK: Together

  /// All services that were ever checked and count in summaries. One that this pass did not check has its last state, and nothing
  /// in `isUp`.
  private func checked(
    _ readings: [ServiceReading]
  ) -> [(host: String, probe: String, severity: Severity, isUp: Bool?)] {
    var found: [(host: String, probe: String, severity: Severity, isUp: Bool?)] = []
    var asked: [String: Set<String>] = [:]
    for reading in readings {
      let host = reading.result.batch.host
      asked[host] = Set(reading.services.map(\.service))
      let uncounted = watch.uncounted[host] ?? []
      for service in reading.services where !uncounted.contains(service.service) {
        let target = CheckName.service(service.service).text
        var severity = states[host]?[target]?.severity ?? service.verdict.severity
        // Unknown while the scraper is cut off.
        if reading.isUnevaluated(service) { severity = .unknown }
        found.append((host, service.probe, severity, service.verdict.isUp))
      }
    }
    for (host, services) in watch.services {
      for (service, probe) in services
      where asked[host]?.contains(service) != true
        && watch.uncounted[host]?.contains(service) != true
      {
        guard let state = states[host]?[CheckName.service(service).text] else { continue }
        // Nothing is known of a host whose spool is stale.
        let isStale = states[host]?[CheckName.spool.text].map { $0.severity != .ok } == true
        found.append((host, probe, isStale ? .unknown : state.severity, nil))
      }
    }
    return found
  }

  /// The counts of each host: of its services or, where it has none, of its targets `ssh` and `bmc`, which
  /// are unknown for the hosts in `unevaluated`.
  func scoresByHost(_ readings: [ServiceReading], unevaluated: Set<String>) -> [String: Score] {
    var scores: [String: Score] = [:]
    for service in checked(readings) {
      scores[service.host, default: Score()].add(service.severity, isUp: service.isUp)
    }
    for (host, checks) in states where watch.services[host]?.isEmpty != false {
      for target in [CheckName.ssh.text, BMCReading.name] {
        guard let state = checks[target] else { continue }
        let severity = unevaluated.contains(host) ? .unknown : state.severity
        scores[host, default: Score()].add(severity, isUp: nil)
      }
    }
    return scores
  }

  /// The summaries of services: all, by probe, by group, by both, and by tags. Services that this pass did
  /// not check, as with `--limit`, count with their last state. The counts are added to `availability`.
  func summaries(
    _ readings: [ServiceReading], _ availability: inout Availability?, at time: Timestamp
  ) -> [Point] {
    guard !readings.isEmpty else { return [] }
    var scores: [[Tag]: Score] = [:]
    for service in checked(readings) {
      let group = Tag("group", groups[service.host] ?? "ungrouped")
      let type = Tag("type", service.probe)
      let others = (self.tags[service.host] ?? []).map { [$0] }
      for tags in [[], [type], [group], [group, type]] + others {
        scores[tags, default: Score()].add(service.severity, isUp: service.isUp)
      }
    }
    return scores.sorted { "\($0.key)" < "\($1.key)" }.map { tags, score in
      var scope = tags.isEmpty ? "all" : tags.map(\.name).joined(separator: "_")
      if let tag = tags.first, book.tags.contains(tag.name) { scope = "tag_\(tag.name)" }
      let tags = [Tag("scope", scope)] + tags
      let name = Availability.scope(tags)
      availability?.add(name, at: time, score.counts)
      return score.point(
        tags: tags, book.weights, sla: availability?.percent(name, at: time))
    }
  }

  /// The state of each service of scrape.yml.
  public var services: [(name: String, state: GroupState)] {
    if book.services.isEmpty { return [] }
    var checks: [String: [String: Severity]] = [:]
    for (host, all) in states where host != Pseudo.services {
      for (name, state) in all {
        // Needs name a service without the prefix of its check.
        checks[host, default: [:]][CheckName(name).service ?? name] = state.severity
      }
    }
    let found = BusinessService.states(of: book.services, checks: checks)
    return book.services.map { ($0.name, found[$0.name] ?? .noData) }
  }
}

extension [String: CheckState] {
  /// Shifts the begin of pending states.
  fileprivate mutating func shift(by jump: Duration) {
    for name in keys where self[name]?.pending != nil {
      guard let since = self[name]?.pendingSince else { continue }
      self[name]?.pendingSince = since.after(jump)
    }
  }
}

extension Rule {
  /// Whether a missing field means that its target is ok: a `scrape` point covers one target. The host's own
  /// clock and boot are excepted, as not every batch reads them.
  fileprivate var isComplete: Bool {
    selector.measurement == "scrape" && selector.field != "clock_offset_s"
      && selector.field != "since_reboot_s" || selector.field == "dropped"
  }
}

extension CheckState {
  /// Whether only the time of the last observation can have changed.
  fileprivate var isQuiet: Bool {
    severity == .ok && seen == .ok && pending == nil && changes == 0 && !isFlapping
  }
}
