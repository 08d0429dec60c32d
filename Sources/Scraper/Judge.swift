internal import Configuration
internal import Metrics
internal import Rules
internal import Sinks
internal import Targets

/// Turns what a pass saw into states: what counts now, what changed, and how services are together.
struct Judge {
  private let book: RuleBook
  private let store: Store
  private let known: [String: [String: CheckState]]
  private let groups: [String: String]
  /// All states after the pass, by host and check.
  private(set) var states: [String: [String: CheckState]]

  init(_ site: Site, _ store: Store, states: [String: [String: CheckState]]) {
    book = site.rules
    self.store = store
    known = states
    self.states = states
    groups = Dictionary(
      site.inventory.hosts.map { ($0.name, $0.group) }, uniquingKeysWith: { first, _ in first })
  }

  /// The name of a rule's check on one series.
  static func check(_ rule: String, _ instance: String) -> String {
    instance.isEmpty ? "rule \(rule)" : "rule \(rule){\(instance)}"
  }

  /// Judges one result: its targets and services, and the rules on its points. Points for what changed
  /// are added to it.
  mutating func judge(_ result: inout HostResult) async {
    let host = result.batch.host
    for outcome in result.outcomes {
      // Of what was not learnt nothing changes: a pass that was interrupted is no outage.
      guard let severity = outcome.severity else { continue }
      let words = [outcome.reason, outcome.message].compactMap { $0 }.joined(separator: ": ")
      observe(outcome.target, severity, words, .none, in: &result)
    }
    for rule in book.rules(for: host) { await apply(rule, to: &result) }
    // Two that change in one pass must not take each other's place in the database.
    for (index, transition) in result.transitions.enumerated() {
      result.batch.points.append(Self.point(transition, index))
    }
  }

  private mutating func apply(_ rule: Rule, to result: inout HostResult) async {
    let host = result.batch.host
    var seen: Set<String> = []
    var isThere = false
    for point in result.batch.points where point.measurement == rule.selector.measurement {
      isThere = true
      guard let last = rule.selector.value(of: point, tags: result.batch.tags) else { continue }
      let check = Self.check(rule.name, rule.selector.instance(of: point))
      guard seen.insert(check).inserted else { continue }
      var value: Double? = last
      if let window = rule.window {
        value = await figure(window, rule, point, last, of: result.batch)
      }
      guard let value else { continue }
      let now = states[host]?[check]?.severity ?? .ok
      let severity = rule.severity(of: value, now: now)
      var words = "\(rule.selector.measurement).\(rule.selector.field) "
      if let window = rule.window {
        words += "\(window.function.rawValue) over \(window.length.text) "
      }
      words += Figure.short(value)
      if let threshold = rule.threshold(for: severity) { words += ", threshold \(threshold.text)" }
      observe(check, severity, words, rule.patience, in: &result)
    }
    // A file system that was unmounted is no trouble any more; one that was not asked for is.
    guard isThere else { return }
    let stem = Self.check(rule.name, "")
    for name in states[host]?.keys.sorted() ?? []
    where !seen.contains(name) && (name == stem || name.hasPrefix("\(stem){")) {
      if let state = states[host]?[name], state.severity != .ok {
        result.transitions.append(
          CheckTransition(
            name, from: state.severity, to: .ok, time: result.batch.time, since: state.since,
            message: "it is no longer there"))
      }
      states[host]?[name] = nil
      result.gone.append(name)
    }
  }

  private func figure(
    _ window: Window, _ rule: Rule, _ point: Point, _ last: Double, of batch: PointBatch
  ) async -> Double? {
    let from = Timestamp(nanoseconds: batch.time.nanoseconds &- window.length.nanoseconds)
    let past =
      (try? await store.history(
        host: batch.host, measurement: rule.selector.measurement, field: rule.selector.field,
        tags: point.tags, from: from, to: batch.time)) ?? []
    var values = past.compactMap { time, value -> (time: Timestamp, value: Double)? in
      switch value {
      case .integer(let integer): (time, Double(integer))
      case .float(let float): (time, float)
      case .boolean(let flag): (time, flag ? 1 : 0)
      case .string: nil
      }
    }
    values.append((point.time ?? batch.time, last))
    return window.figure(values)
  }

  private mutating func observe(
    _ check: String, _ severity: Severity, _ message: String, _ patience: Rule.Patience,
    in result: inout HostResult
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
    state.message = severity == .ok ? "" : message
    if let change = outcome.change {
      result.transitions.append(
        CheckTransition(
          check, from: change.from, to: state.severity, time: time,
          since: before == nil ? nil : change.since, isFlapping: state.isFlapping,
          message: message))
    }
    states[host, default: [:]][check] = state
    // What is well and stays so is not written again: `lastOK` is then the pass's own time.
    if state != known[host]?[check], !(state.isQuiet && known[host]?[check]?.isQuiet == true) {
      result.states[check] = state
    }
  }

  private static func point(_ transition: CheckTransition, _ index: Int) -> Point {
    var point = Point(
      "event", tags: [Tag("source", "check"), Tag("severity", transition.to.rawValue)],
      time: Timestamp(nanoseconds: transition.time.nanoseconds &+ Int64(index)))
    point.string("subject", transition.name)
    point.string("text", transition.message)
    point.string("from", transition.from.rawValue)
    point.integer("over", transition.to == .ok ? Int64(1) : 0)
    return point
  }

  // MARK: Together

  /// How the services of this pass are together: all, by probe, by group, and by both.
  func summaries(_ readings: [ServiceReading]) -> [Point] {
    var scores: [[Tag]: Score] = [:]
    for reading in readings {
      let group = Tag("group", groups[reading.result.batch.host] ?? "ungrouped")
      for service in reading.services {
        let type = Tag("type", service.probe)
        let severity =
          states[reading.result.batch.host]?[ServiceReading.target(service.service)]?.severity
          ?? service.verdict.severity
        for tags in [[], [type], [group], [group, type]] {
          scores[tags, default: Score()].add(severity, isUp: service.verdict.isUp)
        }
      }
    }
    return scores.sorted { "\($0.key)" < "\($1.key)" }.map { tags, score in
      let scope = tags.isEmpty ? "all" : tags.map(\.name).joined(separator: "_")
      return score.point(tags: [Tag("scope", scope)] + tags, book.weights)
    }
  }

  /// How each service of scrape.yml is.
  var services: [(name: String, state: GroupState)] {
    var checks: [String: [String: Severity]] = [:]
    for (host, all) in states {
      for (name, state) in all {
        // A probe's service is named as in the inventory.
        checks[host, default: [:]][ServiceReading.service(name) ?? name] = state.severity
      }
    }
    let found = BusinessService.states(of: book.services, checks: checks)
    return book.services.map { ($0.name, found[$0.name] ?? .noData) }
  }
}

extension CheckState {
  /// Whether nothing but the time of its last observation can have changed.
  fileprivate var isQuiet: Bool {
    severity == .ok && seen == .ok && pending == nil && changes == 0 && !isFlapping
  }
}
