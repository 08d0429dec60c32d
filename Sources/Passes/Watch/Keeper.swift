internal import Probes
internal import Alerts
internal import Engine
internal import Hosts
internal import Inventory
internal import Metrics
internal import Notifiers
internal import Rules
internal import Sinks
internal import Store

/// Evaluates and stores what the watch has gathered, with the steps of a pass: at most one batch a second.
///
/// The states of all checks stay in memory between batches; each batch is one transaction of the store.
struct Keeper: Sendable {
  /// What a batch is besides the results.
  struct Order: Sendable {
    /// Whether self-checks, summaries and own points are due.
    var isRound = false
    /// Whether alerts are to be updated; false while their delivery runs.
    var alerts = false
    /// Whether reminders and reports may be due.
    var reminds = false
    /// Whether the batch is the last one.
    var isLast = false
    /// What is wrong with the files.
    var fault: String?
    var figures: WatchFigures
  }

  /// What came of a batch.
  struct Outcome: Sendable {
    var news: NewTroubles?
    /// The hosts that are ok again, by check.
    var recovered: [String: Set<String>] = [:]
    var hasTransitions = false
    /// Whether the batch held the place of alerts.
    var hadAlerts = false
    var warnings: [String] = []
    var storeFailure: String?
    /// For the sinks without a queue; for all where the store failed.
    var batches: [PointBatch] = []
    /// The notifications to send.
    var alerting: Alerting?
    var points = 0
    var hosts = 0
    var up = 0
    /// Whether a dead-man ping is due and everything is as it should be.
    var ping: DeadManPing?
    var isRound = false
  }

  private(set) var era: Era
  private let means: Era.Means
  private var evaluator: Evaluator
  /// What is known of the monitor itself.
  private var own: HostState
  /// The pass of the store that the batches belong to, and its begin.
  private var pass: Int64?
  private var begun: Timestamp
  private var points = 0
  private var warnings: [String] = []
  /// The latest results of services since the last round, by host.
  private var services: [String: ServiceReading] = [:]
  /// The last outcomes of each target, for the self-checks.
  private var outcomes: [String: (at: Deadline, result: HostResult)] = [:]
  private var unfinished: Lock.Unfinished?
  /// Transitions that no alert has seen yet.
  private var unseen: [String: [CheckTransition]] = [:]
  /// Of each host that was scraped since the last round, whether its batch came.
  private var up: [String: Int64?] = [:]
  private var cpu = PassPoints.cpuSeconds
  private var roundBegun = Deadline.now
  private var droppedBefore: [String: Int] = [:]

  init(_ era: Era, _ means: Era.Means, unfinished: Lock.Unfinished?, own: HostState) async {
    self.era = era
    self.means = means
    self.unfinished = unfinished
    self.own = own
    begun = .now
    evaluator = Evaluator(
      era.site, means.store, CheckList(era.site), states: (try? await means.store.states()) ?? [:])
  }

  /// Goes on with other files.
  mutating func enter(_ era: Era) async {
    self.era = era
    evaluator = Evaluator(
      era.site, means.store, CheckList(era.site),
      states: (try? await means.store.states()) ?? evaluator.states)
    services = services.filter { era.hosts[$0.key] != nil }
    outcomes = outcomes.filter { era.hosts[$0.value.result.batch.host] != nil }
  }

  /// Evaluates and stores a batch.
  mutating func keep(_ report: Pass.Report, _ order: Order) async -> Outcome {
    var report = report
    var outcome = Outcome()
    outcome.isRound = order.isRound
    let pass = era.pass
    let store = means.store
    await examine(&report, order)
    var results = report.results
    let excesses = pass.cut(&results, into: &report)
    await pass.evaluate(&results, beyond: excesses, &evaluator)
    report.results = results
    let hasSpools = !report.pulls.isEmpty || order.isRound && era.spools.isEmpty
    let intake = hasSpools ? await pass.takeSpools(&report, &evaluator, into: &results) : nil
    results += await evaluateTogether(report, order, results)
    for result in results where !result.transitions.isEmpty {
      unseen[result.batch.host, default: []] += result.transitions
      outcome.hasTransitions = true
      for change in result.transitions where change.to == .ok && change.from != .ok {
        outcome.recovered[CheckName(change.name).label, default: []].insert(result.batch.host)
      }
    }
    var incidents: [Store.KeptIncident] = []
    outcome.hadAlerts = order.alerts
    if order.alerts, order.isRound || order.reminds || !unseen.isEmpty {
      var alerting = Alerting(
        era.site.alerting, store, contacts: era.site.contacts, at: report.start)
      incidents = await alerting.update(evaluator.states, changes: unseen)
      unseen = [:]
      outcome.alerting = alerting
    }
    if outcome.hasTransitions || results.contains(where: { !$0.problems.isEmpty }) {
      outcome.news = NewTroubles(
        results, states: evaluator.states, complaints: (try? await store.problems()) ?? [:],
        of: era.site, at: report.start)
    }
    for reading in report.readings {
      up[reading.result.batch.host] = .some(reading.failure.up)
    }
    let queues = order.isRound ? try? await store.queues() : nil
    if order.isRound { addOwnPoints(to: &results, report, order, queues) }
    let batches = results.map(\.batch)
    outcome.points = batches.reduce(0) { $0 + $1.points.count }
    let (queue, bounds) = pass.queue(of: batches)
    let output = await pass.spoolOutput(results, evaluator.states, intake, report, isPart: true)
    count(&outcome)
    warnings = Array((warnings + report.warnings).suffix(20))
    points += outcome.points
    let isNew = order.isRound || self.pass == nil
    let logged = report.warnings.count
    if isNew { (begun, points) = (report.start, outcome.points) }
    let summary = PassSummary(
      start: begun, end: .now, hosts: outcome.hosts, up: outcome.up,
      failed: outcome.hosts - outcome.up, points: points, warnings: warnings,
      scope: pass.isWhole ? .timer : .part)
    if isNew { warnings = [] }
    do {
      self.pass = try await store.finish(
        summary, results, queue: queue, bounds: bounds, incidents: incidents,
        rests: order.isRound || order.isLast ? means.logins.changes : [:],
        limits: order.isRound || order.isLast ? means.limits.records : [:], spool: output,
        input: intake?.input ?? Store.SpoolInput(),
        policies: report.collections.flatMap(\.outcomes).map(\.record),
        collections: report.collections.flatMap(\.collections), continued: isNew ? nil : self.pass,
        isOpen: true)
      evaluator.settle()
      outcome.batches = pass.sinks.contains { !$0.isDurable } ? batches : []
    } catch {
      outcome.storeFailure = "\(error)"
      outcome.alerting = nil
      // Spools are read again: only what is of this machine goes out without the store.
      outcome.batches = batches.filter { batch in
        intake?.results.contains { $0.batch.host == batch.host } != true
      }
      self.pass = nil
    }
    if let spool = pass.spool, outcome.storeFailure == nil {
      report.warnings += await spool.write(store)
    }
    report.warnings += await store.notes()
    report.warnings += drops(queues)
    if outcome.storeFailure == nil { await report.logWarnings(after: logged, in: store) }
    outcome.warnings = report.warnings
    if order.isRound {
      services = [:]
      let isGood =
        outcome.storeFailure == nil && report.own?.verdict.isCutOff != true
        && order.figures.skipped == 0
      if isGood, pass.isWhole {
        outcome.ping = DeadManPing(
          era.site.own.deadMan, due: own.due[DeadManPing.name], at: report.start)
        if let next = outcome.ping?.next { own.due[DeadManPing.name] = next }
      }
    }
    return outcome
  }

  /// Makes the self-checks, if they are due or something of the batch is in doubt.
  private mutating func examine(_ report: inout Pass.Report, _ order: Order) async {
    let now = Deadline.now
    let fresh = report.results
    let names = Set(fresh.map(Self.key))
    report.context = outcomes.filter {
      now.since($0.value.at) < Self.memory && !names.contains($0.key)
    }.map(\.value.result)
    for result in fresh {
      var known = HostResult(
        batch: PointBatch(host: result.batch.host, tags: [], time: result.batch.time))
      known.outcomes = result.outcomes
      outcomes[Self.key(result)] = (now, known)
    }
    let questions = era.questions
    let isDoubtful = report.proofs(questions).silent > 0
    guard order.isRound || isDoubtful else { return }
    if order.isRound { outcomes = outcomes.filter { now.since($0.value.at) < Self.memory } }
    let clock = OwnClock()
    let reactor = means.reactors[0]
    let isInDoubt = isDoubtful && report.isInDoubt(questions)
    var answers = SelfQuestions.Answers()
    if isInDoubt { answers = await questions.ask(on: reactor) }
    if isDoubtful {
      answers = await questions.lookAgain(answers, report, own, on: reactor)
    }
    await era.pass.noteLosses(of: era.gatherer.jumps, in: &report)
    if order.isRound { report.jumps = await era.pass.jumps(era.gatherer.jumps, in: report) }
    report.own = SelfReading(questions, answers, clock: clock, known: own, in: &report)
    if let jump = report.own?.jump, jump != .zero {
      for index in report.readings.indices { report.readings[index].result.dropClockEvents() }
      evaluator.shift(by: jump)
    }
    report.own?.note(unfinished, known: own)
    unfinished = nil
    report.own?.note(configurationFault: order.fault)
    report.own?.note(order.figures)
    if let next = own.due[DeadManPing.name] { report.own?.result.due[DeadManPing.name] = next }
    if let result = report.own?.result { own.take(result) }
  }

  /// How long the answer of a target tells something about the network.
  private static let memory = Duration.seconds(60)

  private static func key(_ result: HostResult) -> String {
    "\(result.batch.host)\n\(result.outcomes.first.map { CheckName($0.target).service == nil ? $0.target : "" } ?? "")"
  }

  /// Evaluates what concerns all hosts: the services of scrape.yml when a state changed, the summaries in
  /// each round.
  private mutating func evaluateTogether(
    _ report: Pass.Report, _ order: Order, _ results: [HostResult]
  ) async -> [HostResult] {
    for reading in report.services {
      let host = reading.result.batch.host
      services[host] = services[host].map { reading.over($0) } ?? reading
    }
    if order.isRound {
      var whole = report
      whole.services = services.values.sorted { $0.result.batch.host < $1.result.batch.host }
      return await era.pass.evaluateTogether(&evaluator, &whole)
    }
    guard results.contains(where: { !$0.transitions.isEmpty }) else { return [] }
    return await evaluator.evaluateServices([], at: report.start).map { [$0] } ?? []
  }

  private mutating func addOwnPoints(
    to results: inout [HostResult], _ report: Pass.Report, _ order: Order,
    _ queues: [Store.QueueStatus]?
  ) {
    let (now, used) = (Deadline.now, PassPoints.cpuSeconds)
    let length = now.since(roundBegun)
    let isDone = era.pass.addOwnPoints(to: &results, queues) { _, queued in
      var own = [order.figures.point(over: length, cpuSeconds: used - cpu)]
      // None before the first round has ended.
      if pass != nil {
        own.append(
          PassPoints.pass(
            up: up.values + [Int64?](repeating: nil, count: order.figures.skipped),
            idle: max(0, era.hosts.count - up.count), scope: era.pass.isWhole ? .timer : .part,
            points: points, queued: queued, took: length, left: nil, cpuSeconds: used - cpu))
      }
      return own
    }
    if isDone { (cpu, roundBegun, up) = (used, now, [:]) }
  }

  /// The hosts with a session, and those of them that are up.
  private func count(_ outcome: inout Outcome) {
    for name in era.hosts.keys {
      guard let state = evaluator.states[name]?[CheckName.ssh.text] else { continue }
      outcome.hosts += 1
      if state.severity == .ok { outcome.up += 1 }
    }
  }

  /// Points that were dropped from queues since the last round.
  private mutating func drops(_ queues: [Store.QueueStatus]?) -> [String] {
    guard let queues else { return [] }
    var lines: [String] = []
    for queue in queues {
      if let before = droppedBefore[queue.sink], queue.dropped > before {
        lines.append(
          "\(queue.sink): \(Format.count(queue.dropped - before, "point")) dropped that waited too "
            + "long or were too many")
      }
      droppedBefore[queue.sink] = queue.dropped
    }
    return lines
  }
}

extension ServiceReading {
  /// This reading with the services of an earlier one that it does not have.
  fileprivate func over(_ earlier: ServiceReading) -> ServiceReading {
    var reading = self
    let names = Set(services.map(\.service))
    reading.services += earlier.services.filter { !names.contains($0.service) }
    return reading
  }
}
