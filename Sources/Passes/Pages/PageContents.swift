internal import Alerts
internal import Inventory
internal import Metrics
internal import Pages
internal import Policies
internal import Probes
internal import Rules
internal import Store

/// Fills the pages of one audience: with its hosts, as they were `delay` ago.
struct PageContents {
  let source: PageSource
  let settings: PageSettings
  private let shown: Set<String>
  private var model: PageModel
  /// Hosts with a change since the pass before, whose pages are written first.
  private(set) var changed: Set<String> = []

  private static let mostEvents = 300
  private static let mostChanges = 300

  init(_ source: PageSource, _ settings: PageSettings) {
    self.source = source
    self.settings = settings
    shown = Set(settings.hosts ?? source.site.inventory.hosts.map(\.name))
    model = PageModel(
      title: settings.title, time: source.now.before(settings.delay), freshness: "",
      isLate: false, refresh: .seconds(15))
  }

  private var site: Site { source.site }
  /// The time of what is shown.
  private var then: Timestamp { source.now.before(settings.delay) }
  private func hides(_ part: PageModel.Part) -> Bool { settings.hidden.contains(part) }
  private var isWhole: Bool { settings.hosts == nil }
  private func shows(_ host: String) -> Bool {
    shown.contains(host) || isWhole && Pseudo.withChecks.contains(host)
  }

  mutating func pages() -> Pages {
    var view = source.view
    let transitions = source.transitions.filter { shows($0.host) }
    restrict(&view, transitions)
    if let before = source.passes.dropFirst().first?.start.before(settings.delay) {
      changed = Set(
        transitions.prefix { $0.transition.time > before }.filter { $0.transition.time <= then }
          .map(\.host))
      for (host, times) in source.policyTimes where times.values.contains(where: { $0 > before }) {
        changed.insert(host)
      }
    }
    model.hidden = settings.hidden
    model.delay = settings.delay
    model.isLate = view.last.isLate
    model.freshness = view.last.shortWords
    model.refresh = min(.seconds(300), max(.seconds(2), view.last.interval ?? .seconds(15)))
    model.announcements = PageAnnouncement.shown(settings.announcements, at: source.now)
    addHosts(view)
    addServices(view, transitions)
    model.troubles = view.shownTroubles.map { trouble in
      var trouble = trouble
      trouble.hosts.removeAll { !shown.contains($0) }
      return trouble
    }
    if !hides(.events) { model.events = events(transitions) }
    if !hides(.changes) { model.changes = changes(transitions) }
    if !hides(.incidents) { model.incidents = incidents }
    if isWhole, !hides(.monitor) { model.figures = figures(view) }
    if !hides(.policies) { addPolicies() }
    return Pages(model, fold: { fold($0) })
  }

  // MARK: What this audience may see, and when

  /// Leaves the checks of this audience, with their states of then.
  private func restrict(_ view: inout StatusView, _ transitions: [Store.KeptTransition]) {
    let later = transitions.prefix { $0.transition.time > then }
    // The oldest change after then says what was; they are newest first.
    var before: [Key: CheckTransition] = [:]
    for kept in later { before[Key(kept.host, kept.transition.name)] = kept.transition }
    var words: [Key: CheckTransition] = [:]
    for kept in transitions.dropFirst(later.count) {
      let key = Key(kept.host, kept.transition.name)
      if before[key] != nil, words[key] == nil { words[key] = kept.transition }
    }
    view.checks = view.checks.compactMap { check in
      let isOwn = shown.contains(check.host) || isWhole && Pseudo.withChecks.contains(check.host)
      guard isOwn, !isWithheld(check.name, of: check.host) else { return nil }
      var check = check
      if let cause = check.cause, !shown.contains(cause.host) { check.cause = nil }
      if settings.delay > .zero {
        let key = Key(check.host, check.name)
        check.acknowledgement = nil
        check.silenced = nil
        check.pending = nil
        check.problems = []
        check.isFlapping = false
        if let change = before[key] {
          check.severity = change.from
          check.since = change.since ?? change.time
          check.reason = words[key]?.reason
          check.message = change.from == .ok ? "" : words[key]?.message ?? ""
        } else if check.since > then {
          check.severity = .unknown
          check.message = ""
        }
      }
      if hides(.messages) {
        check.message = ""
        check.problems = check.problems.map {
          CollectorProblem(collector: $0.collector, reason: $0.reason, detail: "")
        }
        check.acknowledgement = check.acknowledgement.map { _ in "the operator" }
      }
      return check
    }
    if !isWhole || settings.delay > .zero { view.services = [] }
    view.never = view.never.filter(shown.contains)
  }

  private struct Key: Hashable {
    var host: String
    var check: String
    init(_ host: String, _ check: String) { (self.host, self.check) = (host, check) }
  }

  /// Whether a check is of a part that this audience does not see.
  private func isWithheld(_ check: String, of host: String) -> Bool {
    guard hides(.bmc) || hides(.policies) else { return false }
    let name = CheckName(check)
    if hides(.bmc), check == BMCReading.name { return true }
    if hides(.policies), name.policy != nil { return true }
    guard let rule = name.rule else { return false }
    return site.rules.rules(for: host).contains {
      guard $0.name == rule else { return false }
      let measurement = $0.selector.measurement
      return hides(.bmc) && measurement.hasPrefix("ipmi")
        || hides(.policies) && measurement.hasPrefix("policy")
    }
  }

  // MARK: Parts of the model

  private mutating func addHosts(_ view: StatusView) {
    let states = HostStates(
      view.checks,
      isUp: settings.delay == .zero
        ? { $0.status?.outcome.up ?? false } : { $0.severity == .ok || $0.severity == .minor })
    for host in site.inventory.hosts where shown.contains(host.name) {
      let parents = [host.on, host.hops.last?.name, host.behind].compactMap { $0 }
      var entry = PageModel.Host(
        name: host.name, group: host.group,
        address: hides(.addresses) ? nil : host.connection == .local ? "local" : host.address,
        parent: parents.first(where: shown.contains))
      let check = states.worst[host.name]
      entry.worst = check?.severity
      entry.isUp = states.up.contains(host.name)
      if let check, check.severity != .ok { entry.message = check.brief }
      model.hosts.append(entry)
    }
  }

  private mutating func addServices(
    _ view: StatusView, _ transitions: [Store.KeptTransition]
  ) {
    var changes: [Key: [StateHistory.Change]] = [:]
    let week = then.before(StateHistory.week)
    for kept in transitions {
      let change = kept.transition
      guard change.time <= then, change.time >= week else { continue }
      guard CheckName(change.name).service != nil else { continue }
      changes[Key(kept.host, change.name), default: []].append(
        StateHistory.Change(time: change.time, from: change.from, since: change.since))
    }
    let weights = site.rules.weights
    var places: [String: Int] = [:]
    for (index, host) in model.hosts.enumerated() { places[host.name] = index }
    let list = source.checks
    var all = ScopeSum()
    var scopes: [Tag: ScopeSum] = [:]
    let tags = scopeTags
    for check in view.checks.sorted(by: { ($0.host, $0.name) < ($1.host, $1.name) }) {
      guard let name = CheckName(check.name).service, let place = places[check.host],
        let type = list.services[check.host]?[name]
      else { continue }
      let history = StateHistory(
        now: check.severity, since: check.since,
        changes: changes[Key(check.host, check.name)] ?? [], at: then,
        worth: { weights.worth(of: $0) })
      let isUp =
        settings.delay == .zero
        ? check.status?.outcome.up ?? (check.severity == .ok) : check.severity == .ok
      model.services.append(
        PageModel.Service(
          host: check.host, name: name, type: type, severity: check.severity, isUp: isUp,
          message: [check.reason?.rawValue ?? "", check.message].filter { !$0.isEmpty }
            .joined(separator: ": "), history: history))
      model.hosts[place].services.add(check.severity, isUp: isUp)
      guard !list.isUncounted(name, of: check.host) else { continue }
      all.add(check.severity, isUp, history)
      for tag in tags[check.host] ?? [] {
        scopes[tag, default: ScopeSum()].add(check.severity, isUp, history)
      }
    }
    model.score = all.score.value(weights)
    model.scores = all.values(until: then)
    guard !hides(.scores) else { return }
    model.scopes = scopes.map { tag, sum in
      PageModel.Scope(
        kind: tag.name, name: tag.value, count: sum.count, score: sum.score.value(weights),
        sla: sla(of: tag), values: sum.values(until: then))
    }.sorted { ($0.kind, $1.score ?? -1, $0.name) < ($1.kind, $0.score ?? -1, $1.name) }
  }

  /// The tags by which services are counted: the group of each host, and those of `scores: {by: …}`.
  private var scopeTags: [String: [Tag]] {
    guard !hides(.scores) else { return [:] }
    var tags: [String: [Tag]] = [:]
    for host in site.inventory.hosts where shown.contains(host.name) {
      tags[host.name] =
        [Tag("group", host.group)] + host.tags.filter { site.rules.tags.contains($0.name) }
    }
    return tags
  }

  /// The availability of a scope, which counts hosts that others may not see.
  private func sla(of tag: Tag) -> Double? {
    guard isWhole, settings.delay == .zero else { return nil }
    let scope = tag.name == "group" ? "group" : "tag_\(tag.name)"
    return source.sla?.percent(Availability.scope([Tag("scope", scope), tag]), at: source.now)
  }

  // MARK: Events

  private func events(_ transitions: [Store.KeptTransition]) -> [Shown.Event] {
    merged(
      transitions.lazy.filter { isShown($0) }.prefix(Self.mostEvents),
      source.happenings.lazy.filter { isShown($0) }.prefix(Self.mostEvents), most: Self.mostEvents)
  }

  /// What is another thing than it was: results of policies, keys, reboots, clocks, entries of BMCs' logs, ports
  /// that are open anew. States that come and go are events.
  private func changes(_ transitions: [Store.KeptTransition]) -> [Shown.Event] {
    merged(
      transitions.lazy.filter {
        isShown($0) && $0.transition.reason.map(Self.reasonsOfChange.contains) == true
      }.prefix(Self.mostChanges),
      source.happenings.lazy.filter { isShown($0) && $0.happening.kind != .login }
        .prefix(Self.mostChanges), most: Self.mostChanges)
  }

  private func merged(
    _ changes: some Sequence<Store.KeptTransition>, _ others: some Sequence<Store.KeptHappening>,
    most: Int
  ) -> [Shown.Event] {
    let all =
      changes.map { Shown.Event($0, withMessage: !hides(.messages)) }
      + others.map { Shown.Event($0, withMessage: !hides(.messages)) }
    return Array(all.sorted { $0.time > $1.time }.prefix(most))
  }

  private static let reasonsOfChange: Set<Reason> = [
    .hostKeyChanged, .hostKeyRevoked, .newListener, .faultyConfiguration,
  ]

  private func isShown(_ kept: Store.KeptTransition) -> Bool {
    kept.transition.time <= then && shows(kept.host)
      && !isWithheld(kept.transition.name, of: kept.host)
  }

  private func isShown(_ kept: Store.KeptHappening) -> Bool {
    guard kept.happening.time <= then, shows(kept.host) else { return false }
    return switch kept.happening.kind {
    case .login: !hides(.logins)
    case .sel: !hides(.bmc)
    case .policy: !hides(.policies)
    case .host, .spool: true
    }
  }

  /// The events of one host, which go back further than those of all.
  func events(of host: String, in store: Store) async throws -> [Shown.Event] {
    guard !hides(.events) else { return [] }
    return merged(
      try await store.transitions(of: host, limit: 100).lazy.filter { isShown($0) },
      try await store.happenings(of: host, limit: 100).lazy.filter { isShown($0) }, most: 100)
  }

  // MARK: Incidents and the monitor

  private var incidents: [Shown.Incident] {
    source.incidents.compactMap { incident -> Shown.Incident? in
      guard incident.opened <= then else { return nil }
      let members = incident.members.filter { member in
        let key = member.alert.key
        return (shown.contains(key.host) || isWhole) && member.alert.since <= then
          && !isWithheld(key.check, of: key.host)
      }
      guard !members.isEmpty else { return nil }
      var found = Shown.Incident(incident, of: members)
      if found.closed.map({ $0 > then }) == true { found.closed = nil }
      for index in found.lines.indices {
        if found.lines[index].until.map({ $0 > then }) == true { found.lines[index].until = nil }
        if hides(.messages) { found.lines[index].message = "" }
        if hides(.messages) || settings.delay > .zero { found.lines[index].acknowledgement = nil }
      }
      return found
    }.sorted { $0.opened > $1.opened }
  }

  private func figures(_ view: StatusView) -> [Shown.Figure] {
    var figures: [Shown.Figure] = []
    if let last = view.last.pass ?? source.passes.first {
      figures.append(.init("pass took", Format.duration(last.end.since(last.start))))
      figures.append(.init("points", Format.count(last.points)))
      if !last.warnings.isEmpty {
        figures.append(.init("warnings", Format.count(last.warnings.count), isBad: true))
      }
    }
    if let interval = view.last.interval { figures.append(.init("every", Format.age(interval))) }
    return figures + source.queues.map { Shown.Figure($0) }
  }

  // MARK: Policies

  /// The counts of policies then, and their scores over a week.
  private mutating func addPolicies() {
    guard !source.policyScores.isEmpty else { return }
    let week = then.before(StateHistory.week)
    var scores: [String: PolicyCurve] = [:]
    var latest: [Key: Store.PolicyScore] = [:]
    for score in source.policyScores where score.time <= then && shown.contains(score.host) {
      latest[Key(score.host, score.policy)] = score
      scores[score.policy, default: PolicyCurve(from: week, to: then)].add(score)
    }
    for host in model.hosts {
      for policy in site.policies.of(host.name) {
        guard let score = latest[Key(host.name, policy.name)] else { continue }
        let counts = score.counts
        let evaluated = source.policyTimes[host.name]?[policy.name] ?? score.time
        model.policies.append(
          PageModel.Policy(
            host: host.name, policy: policy.name, time: min(evaluated, then),
            passed: counts.passed, failed: counts.failed, unknown: counts.unknown,
            notApplicable: counts.notApplicable,
            score: PolicyResult.score(passed: counts.passed, failed: counts.failed),
            severity: counts.failed > 0
              ? max(policy.severity, .minor) : counts.unknown > 0 ? .unknown : .ok))
      }
    }
    for policy in site.policies.used {
      guard var curve = scores[policy.name] else { continue }
      model.policyScores.append((policy.name, curve.values()))
    }
  }

  /// The checks that are not passed, of the hosts of this audience; none where what is shown is older.
  func findings(
    _ all: [String: [String: [Store.PolicyFinding]]]
  ) -> [String: [String: [PageModel.Finding]]] {
    var found: [String: [String: [PageModel.Finding]]] = [:]
    guard !hides(.policies) else { return [:] }
    for (host, policies) in all where shown.contains(host) {
      let own = Set(site.policies.of(host).map(\.name))
      for (policy, findings) in policies where own.contains(policy) {
        guard let time = source.policyTimes[host]?[policy], time <= then else { continue }
        found[host, default: [:]][policy] = findings.map { finding in
          PageModel.Finding(
            check: finding.id, title: finding.title,
            isFailed: finding.verdict == CheckVerdict.failed.rawValue,
            why: hides(.messages) ? "" : finding.why)
        }
      }
    }
    return found
  }

  /// When a policy of some shown host was last evaluated.
  var lastPolicy: Timestamp? {
    source.policyTimes.lazy.filter { shown.contains($0.key) }.flatMap(\.value.values)
      .filter { $0 <= then }.max()
  }
}

/// The mean score of one policy over its hosts, in slots.
private struct PolicyCurve {
  private static let count = 168

  private let from: Timestamp
  private let length: Duration
  /// The sum of scores and the number of hosts in each slot.
  private var slots = [(sum: Double, count: Double)](repeating: (0, 0), count: count)
  private var last: (host: String, slot: Int, score: Double?)?

  init(from: Timestamp, to: Timestamp) {
    self.from = from
    length = to.since(from) / Self.count
  }

  /// Scores of a host come in order of time, one host after the other.
  mutating func add(_ score: Store.PolicyScore) {
    let seconds = Double(score.time.nanoseconds &- from.nanoseconds) / 1e9
    let width = max(1, Double(length.components.seconds))
    let slot = min(Self.count, max(0, Int(seconds / width)))
    close(before: last?.host == score.host ? slot : Self.count)
    let value = PolicyResult.score(passed: score.counts.passed, failed: score.counts.failed)
    last = (score.host, slot, value.map(Double.init))
  }

  private mutating func close(before end: Int) {
    guard let last, let score = last.score, last.slot < end else { return }
    for slot in last.slot..<end {
      slots[slot].sum += score
      slots[slot].count += 1
    }
  }

  mutating func values() -> [(time: Timestamp, value: Double)] {
    close(before: Self.count)
    last = nil
    return slots.enumerated().filter { $1.count > 0 }.map { slot, entry in
      (from.after(length * slot + length / 2), entry.sum / entry.count)
    }
  }
}

/// The score of some services, now and in the slots of the last 24 hours.
private struct ScopeSum {
  private(set) var score = Score()
  private(set) var count = Shown.Count()
  private var worth = [(sum: Double, count: Int)](repeating: (0, 0), count: StateHistory.count)

  mutating func add(_ severity: Severity, _ isUp: Bool, _ history: StateHistory) {
    score.add(severity, isUp: isUp)
    count.add(severity, isUp: isUp)
    for (slot, value) in history.worth.enumerated() {
      guard let value else { continue }
      worth[slot].sum += value
      worth[slot].count += 1
    }
  }

  /// A slot stands in its middle.
  func values(until end: Timestamp) -> [(time: Timestamp, value: Double)] {
    let length = StateHistory.span / StateHistory.count
    let start = end.before(StateHistory.span)
    return worth.enumerated().filter { $1.count > 0 }.map { slot, one in
      (start.after(length * slot + length / 2), 100 * one.sum / Double(one.count))
    }
  }
}

extension Score.Weights {
  fileprivate func worth(of severity: Severity) -> Double {
    switch severity {
    case .ok: 1
    case .minor: minor
    case .major: major
    case .critical: critical
    case .unknown: 0
    }
  }
}
