internal import Configuration
internal import Engine
internal import Facts
internal import Hosts
public import Inventory
public import Metrics
internal import Policies
internal import Store

/// What was collected of one host for its policies and as its facts: points, states, what the store keeps.
public struct CollectionReading: Sendable {
  public var result: HostResult
  public var outcomes: [PolicyOutcome] = []
  /// What was read, for replay, and the facts.
  var collections: [Store.Collection] = []

  /// Evaluation takes a core; it must not hold up a reactor.
  private static let evaluators = BlockingPool(name: "policies", threads: 2)

  /// Evaluates the policies of a turn, and compares the facts, on the host's answer.
  init(
    _ answer: HostAnswer?, of turn: Plan.CollectionTurn, at time: Timestamp, on reactor: Reactor
  ) async {
    let host = turn.host
    result = HostResult(batch: PointBatch(host: host.name, tags: host.pointTags, time: time))
    result.isOfBoot = false
    await evaluate(answer?.collected(turn.work.needs), of: turn, at: time, on: reactor)
    if let facts = turn.facts { await compare(answer, facts, of: host, at: time, on: reactor) }
  }

  private mutating func evaluate(
    _ collected: HostCollection?, of turn: Plan.CollectionTurn, at time: Timestamp,
    on reactor: Reactor
  ) async {
    let host = turn.host
    guard !turn.work.entries.isEmpty else { return }
    guard let collected else {
      // Due at the next pass.
      for name in turn.due.keys { result.due[name] = time }
      return
    }
    result.due = turn.due
    let entries = turn.work.entries
    let results = await reactor.open { reactor in
      await Self.evaluators.finish(on: reactor) {
        let end = ContinuousClock.now + PolicyReading.time
        return entries.map { entry in
          entry.policy.evaluate(
            collected, allowed: entry.allowed, time: max(.zero, end - .now))
        }
      }
    }
    for (entry, found) in zip(entries, results) {
      let outcome = PolicyOutcome(found, of: entry.name, on: host.name, at: time)
      outcomes.append(outcome)
      result.batch.points.append(outcome.point)
      result.batch.points += outcome.changes(from: turn.earlier[entry.name])
      if entry.settings.severity != .ok {
        result.outcomes.append(outcome.target(entry.settings.severity))
      }
    }
    collections.append(
      Store.Collection(
        host: host.name, time: time, policies: entries.map(\.name).sorted(),
        items: PolicyReading.items(collected)))
  }

  private mutating func compare(
    _ answer: HostAnswer?, _ turn: Plan.FactTurn, of host: Host, at time: Timestamp,
    on reactor: Reactor
  ) async {
    guard let answer, answer.sections[FactReading.name] != nil else {
      if turn.due != nil { result.due[FactReading.name] = time }
      return
    }
    result.due[FactReading.name] = turn.due
    let earlier = await turn.store.lastFacts(of: host.name)
    let reading = await reactor.open { reactor in
      await Self.evaluators.finish(on: reactor) {
        answer.facts().map { FactReading($0, of: host.name, after: earlier, at: time) }
      }
    }
    guard let reading else { return }
    result.batch.points += reading.points
    collections.append(reading.collection)
  }
}

extension Plan {
  /// The due policies and facts of one host.
  public struct CollectionTurn: Sendable {
    public var host: Host
    public var work: PolicyBook.Work
    /// The next due time of each, by its key in the host's memory.
    var due: [String: Timestamp]
    /// The last results, by policy.
    var earlier: [String: PolicyOutcome] = [:]
    /// The facts, in the same session.
    var facts: FactTurn?

    static func key(_ policy: String) -> String { "policy \(policy)" }
  }

  /// The due policies and facts of all hosts.
  static func collectionTurns(
    _ hosts: [Host], of site: Site, _ book: PolicyBook, _ store: Store, states: [String: HostState],
    at now: Timestamp, only: Set<String>?, pace: Pace = .passes
  ) -> [CollectionTurn] {
    let isAsked = !book.isEmpty && only?.contains(PolicyReading.name) != false
    guard isAsked || site.facts != nil else { return [] }
    var made: [[String]: PolicyBook.Work] = [:]
    return hosts.compactMap { host in
      var due: [String: Timestamp] = [:]
      let all = isAsked ? site.policies.of(host.name) : []
      let entries = all.compactMap { settings -> PolicyBook.Entry? in
        guard let entry = book[settings.name] else { return nil }
        if only != nil { return entry }
        let key = CollectionTurn.key(settings.name)
        let schedule = Schedule(every: settings.every)
        switch pace.clock(schedule, of: host, due: states[host.name]?.due[key], at: now) {
        case .always: return entry
        case .now(let next, _):
          due[key] = next
          return entry
        case .later: return nil
        }
      }
      let facts = factTurn(
        host, site.facts, store, states[host.name], at: now, only: only, pace: pace)
      guard !entries.isEmpty || facts != nil else { return nil }
      let key = entries.map(\.name) + [host.become.rawValue]
      let work =
        made[key] ?? PolicyBook.Work(entries, become: host.become == .sudo ? .sudo : .none)
      made[key] = work
      var turn = CollectionTurn(host: host, work: work, due: due)
      turn.facts = facts
      return turn
    }
  }
}
