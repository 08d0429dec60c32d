internal import Configuration
internal import Engine
internal import Hosts
public import Inventory
public import Metrics
public import Policies
public import Store

/// The results of the policies of one host: points, states, what the store keeps.
public struct PolicyReading: Sendable {
  /// The name of all of them in `--only`.
  public static let name = "policies"

  public var result: HostResult
  public var outcomes: [PolicyOutcome] = []
  /// What was read, for replay, and the facts.
  var collections: [Store.Collection] = []

  /// The limit of evaluating the policies of one host: what is not decided by then is unknown.
  static let time = Duration.seconds(10)
  /// Evaluation takes a core; it must not hold up a reactor.
  private static let evaluators = BlockingPool(name: "policies", threads: 2)

  /// Evaluates the policies of a turn, and compares the facts, on the host's answer.
  init(
    _ answer: HostAnswer?, of turn: Plan.PolicyTurn, at time: Timestamp, on reactor: Reactor
  ) async {
    let host = turn.host
    result = HostResult(batch: PointBatch(host: host.name, tags: host.pointTags, time: time))
    result.isOfBoot = false
    await evaluate(answer?.collected(turn.work.needs), of: turn, at: time, on: reactor)
    if let facts = turn.facts { await compare(answer, facts, of: host, at: time, on: reactor) }
  }

  private mutating func evaluate(
    _ collected: HostCollection?, of turn: Plan.PolicyTurn, at time: Timestamp, on reactor: Reactor
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
        let end = ContinuousClock.now + Self.time
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
        items: Self.items(collected)))
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

  /// A collection as the store keeps it: the account, then the items.
  static func items(_ collected: HostCollection) -> [[UInt8]] {
    [Array("u\(collected.user.map(String.init) ?? "")".utf8)]
      + collected.keptRecords.map(\.bytes)
  }

  /// Evaluates a policy on a kept collection.
  public static func evaluate(
    _ entry: PolicyBook.Entry, on kept: Store.Collection
  ) -> PolicyOutcome {
    let result = entry.policy.evaluate(collected(kept), allowed: entry.allowed, time: time)
    return PolicyOutcome(result, of: entry.name, on: kept.host, at: kept.last)
  }

  /// A kept collection.
  public static func collected(_ collection: Store.Collection) -> HostCollection {
    let user = collection.items.first { $0.first == UInt8(ascii: "u") }.flatMap {
      Int(String(decoding: $0.dropFirst(), as: UTF8.self))
    }
    return HostCollection(
      user: user, records: collection.items.compactMap { HostCollection.Record(bytes: $0) })
  }
}

extension Plan {
  /// The due policies of one host.
  public struct PolicyTurn: Sendable {
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
  static func policyTurns(
    _ hosts: [Host], of site: Site, _ book: PolicyBook, _ store: Store, states: [String: HostState],
    at now: Timestamp, only: Set<String>?, pace: Pace = .passes
  ) -> [PolicyTurn] {
    let isAsked = !book.isEmpty && only?.contains(PolicyReading.name) != false
    guard isAsked || site.facts != nil else { return [] }
    var made: [[String]: PolicyBook.Work] = [:]
    return hosts.compactMap { host in
      var due: [String: Timestamp] = [:]
      let all = isAsked ? site.policies.of(host.name) : []
      let entries = all.compactMap { settings -> PolicyBook.Entry? in
        guard let entry = book[settings.name] else { return nil }
        if only != nil { return entry }
        let key = PolicyTurn.key(settings.name)
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
      var turn = PolicyTurn(host: host, work: work, due: due)
      turn.facts = facts
      return turn
    }
  }
}

extension HostAnswer {
  /// What the host sent for its policies; nil if it sent nothing.
  func collected(_ needs: Needs) -> HostCollection? {
    guard let section = sections[PolicyReading.name] else { return nil }
    let parts = section.parts
    let ends = parts.dropFirst().map(\.start) + [section.output.count]
    return HostCollection(
      needs,
      parts: zip(parts, ends).map { part, end in
        let end = min(max(end, part.start), section.output.count)
        return HostCollection.Part(
          title: part.title, content: Array(section.output[min(part.start, end)..<end]))
      },
      isCut: section.overflowed, isWhole: section.status != nil, failure: failure?.detail)
  }
}
