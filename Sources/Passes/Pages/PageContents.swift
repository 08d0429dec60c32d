internal import Alerts
internal import Engine
internal import Inventory
internal import Metrics
internal import Pages
internal import Probes
internal import Rules
internal import Store

/// Fills the pages of one audience from the store: with its hosts, as they were `delay` ago.
struct PageContents {
  let site: Site
  let store: Store
  let settings: PageSettings
  let now: Timestamp
  private let shown: Set<String>
  private var model: PageModel
  /// Hosts with a change since the pass before, whose pages are written first.
  private(set) var changed: Set<String> = []

  /// More transitions are not read: what is older is shown as not known.
  private static let mostTransitions = 10_000
  private static let mostEvents = 300

  init(_ site: Site, _ store: Store, _ settings: PageSettings, at now: Timestamp) {
    self.site = site
    self.store = store
    self.settings = settings
    self.now = now
    shown = Set(settings.hosts ?? site.inventory.hosts.map(\.name))
    model = PageModel(
      title: settings.title, time: now.before(settings.delay), freshness: "", isLate: false,
      refresh: .seconds(15))
  }

  /// The time of what is shown.
  private var then: Timestamp { now.before(settings.delay) }
  private func hides(_ part: PageModel.Part) -> Bool { settings.hidden.contains(part) }
  private var isWhole: Bool { settings.hosts == nil }

  mutating func pages() async throws -> Pages {
    var view = try await StatusView(site, store, of: nil, at: now)
    let transitions = try await store.transitions(limit: Self.mostTransitions).filter {
      shown.contains($0.host) || isWhole && Pseudo.withChecks.contains($0.host)
    }
    restrict(&view, transitions)
    let passes = try await store.passes(2)
    if let before = passes.dropFirst().first?.start.before(settings.delay) {
      changed = Set(
        transitions.prefix { $0.transition.time > before }.filter { $0.transition.time <= then }
          .map(\.host))
    }
    model.hidden = settings.hidden
    model.delay = settings.delay
    model.isLate = view.last.isLate
    model.freshness = view.last.shortWords
    model.refresh = min(.seconds(300), max(.seconds(2), view.last.interval ?? .seconds(15)))
    model.announcement = announcement()
    addHosts(view)
    addServices(view, transitions)
    model.troubles = troubles(view)
    model.events = events(transitions)
    if !hides(.incidents) { model.incidents = try await incidents() }
    if isWhole, !hides(.monitor) { model.figures = try await figures(view, passes) }
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
      guard isOwn, !hides(.bmc) || !isOfBMC(check) else { return nil }
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

  private func isOfBMC(_ check: StatusView.Check) -> Bool {
    let name = CheckName(check.name)
    if check.name == BMCReading.name { return true }
    guard let rule = name.rule else { return false }
    return site.rules.rules(for: check.host).contains {
      $0.name == rule && $0.selector.measurement.hasPrefix("ipmi")
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
    let list = CheckList(site)
    var score = Score()
    var worth = [(sum: Double, count: Int)](repeating: (0, 0), count: StateHistory.count)
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
      score.add(check.severity, isUp: isUp)
      for (slot, value) in history.worth.enumerated() {
        guard let value else { continue }
        worth[slot] = (worth[slot].sum + value, worth[slot].count + 1)
      }
    }
    model.score = score.value(weights)
    // A slot stands in its middle.
    let length = StateHistory.span / StateHistory.count
    let start = then.before(StateHistory.span)
    for (slot, one) in worth.enumerated() where one.count > 0 {
      model.scores.append(
        (start.after(length * slot + length / 2), 100 * one.sum / Double(one.count)))
    }
  }

  private func troubles(_ view: StatusView) -> [PageModel.Trouble] {
    Trouble.sorted(view.troubles(from: .unknown, verbose: false), by: .severity).map { trouble in
      let hosts = Set(trouble.hosts)
      let isOfMany = hosts.count != 1
      return PageModel.Trouble(
        severity: trouble.kind.severity, names: trouble.names, check: trouble.kind.check,
        message: trouble.message, since: trouble.since, effects: trouble.effects,
        mark: nil, host: isOfMany ? nil : hosts.first.flatMap { shown.contains($0) ? $0 : nil }
      ).marked(trouble.kind.mark)
    }
  }

  private func events(_ transitions: [Store.KeptTransition]) -> [PageModel.Event] {
    guard !hides(.events) else { return [] }
    var events: [PageModel.Event] = []
    for kept in transitions where kept.transition.time <= then {
      let change = kept.transition
      if hides(.bmc), change.name == BMCReading.name { continue }
      events.append(
        PageModel.Event(
          time: change.time, severity: change.to, host: kept.host,
          text: change.words(withMessage: !hides(.messages))))
      if events.count == Self.mostEvents { break }
    }
    return events
  }

  private func incidents() async throws -> [PageModel.Incident] {
    try await store.incidents(all: 60).compactMap { kept -> PageModel.Incident? in
      guard let incident = Incident(kept.body), incident.opened <= then else { return nil }
      let members = incident.members.filter { member in
        let key = member.alert.key
        return (shown.contains(key.host) || isWhole) && member.alert.since <= then
          && !(hides(.bmc) && key.check == BMCReading.name)
      }
      guard !members.isEmpty else { return nil }
      let lines = members.map { member in
        PageModel.Incident.Line(
          host: member.alert.key.host, check: CheckName(member.alert.key.check).label,
          worst: member.worst, from: member.alert.since,
          until: member.until.flatMap { $0 <= then ? $0 : nil },
          message: hides(.messages) ? "" : member.alert.message,
          acknowledgement: hides(.messages) || settings.delay > .zero
            ? nil : member.alert.acknowledgement)
      }
      let isOver = incident.closed.map { $0 <= then } ?? false
      return PageModel.Incident(
        id: kept.id, severity: lines.map(\.worst).max() ?? .unknown,
        names: fold(Set(lines.map(\.host)).sorted()), opened: incident.opened,
        closed: isOver ? incident.closed : nil, lines: lines)
    }.sorted { $0.opened > $1.opened }
  }

  private func figures(
    _ view: StatusView, _ passes: [PassSummary]
  ) async throws -> [PageModel.Figure] {
    var figures: [PageModel.Figure] = []
    if let last = view.last.pass ?? passes.first {
      figures.append(.init("pass took", Format.duration(last.end.since(last.start))))
      figures.append(.init("points", Format.count(last.points)))
      if !last.warnings.isEmpty {
        figures.append(.init("warnings", Format.count(last.warnings.count), isBad: true))
      }
    }
    if let interval = view.last.interval { figures.append(.init("every", Format.age(interval))) }
    for queue in try await store.queues() {
      figures.append(
        .init(
          queue.sink, queue.lines == 0 ? "ok" : "\(Format.count(queue.lines)) waiting",
          isBad: queue.trouble != nil))
    }
    return figures
  }

  /// The text of the announcement's file, with its blanks as one.
  private func announcement() -> String {
    guard let path = settings.announcement,
      let bytes = try? SmallFile.read(path, limit: 16_384)
    else { return "" }
    return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
      .joined(separator: " ")
  }
}

extension PageModel.Trouble {
  fileprivate func marked(_ mark: String?) -> PageModel.Trouble {
    var copy = self
    copy.mark = mark
    return copy
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
