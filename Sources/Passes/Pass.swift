internal import Alerts
internal import Configuration
public import Engine
public import Metrics
internal import Notifiers
internal import Rules
public import Sinks
public import Store
internal import Hosts
public import Inventory
internal import Probes

/// One walk of the inventory: plan, gather, keep, deliver.
public struct Pass: Sendable {
  let site: Site
  /// The store, which the pass closes at its end.
  let store: Store
  let hosts: [Host]
  let sinks: [any Sink]
  let fanout: Int
  let watchdog: PassWatchdog
  /// The deadline of scraping; storing and delivering follow.
  let askBy: Deadline
  /// The deadline of the whole pass.
  let deadline: Deadline
  /// The last pass if it did not end in order.
  let unfinished: Lock.Unfinished?
  var only: Set<String>?
  /// Whether a person started it.
  var isByHand = false
  /// Whether accounts that rest are asked all the same.
  var ignoresRests = false
  /// The spool that it writes; nil for none.
  var spool: OwnSpool?

  public init(
    site: Site,
    store: Store,
    hosts: [Host],
    sinks: [any Sink],
    fanout: Int,
    watchdog: PassWatchdog,
    askBy: Deadline,
    deadline: Deadline,
    unfinished: Lock.Unfinished?,
    only: Set<String>? = nil,
    isByHand: Bool = false,
    ignoresRests: Bool = false,
    spool: OwnSpool? = nil
  ) {
    self.spool = spool
    self.site = site
    self.store = store
    self.hosts = hosts
    self.sinks = sinks
    self.fanout = fanout
    self.watchdog = watchdog
    self.askBy = askBy
    self.deadline = deadline
    self.unfinished = unfinished
    self.only = only
    self.isByHand = isByHand
    self.ignoresRests = ignoresRests
  }

  /// The result of a pass.
  public struct Report: Sendable {
    var start: Timestamp
    public var took: Duration = .zero
    public var readings: [HostReading] = []
    public var bmcs: [BMCReading] = []
    public var services: [ServiceReading] = []
    public var policies: [PolicyReading] = []
    /// Spools, and hosts behind them, that are not ok.
    public var spoolTroubles: [(host: String, severity: Severity, outcome: TargetOutcome)] = []
    /// What was fetched from spools.
    var pulls: [SpoolPull] = []
    /// Jump hosts that were not scraped themselves.
    public var jumps: [JumpReading] = []
    /// Rules that are crossed, by host: the check's name and its state.
    public var crossed: [(host: String, check: String, state: CheckState)] = []
    /// Services whose answers on several ways disagree.
    public var disagreeing:
      [(host: String, check: String, state: CheckState, services: Set<String>)] = []
    /// Hosts that are down, each with its effects.
    public var causes: [(cause: String, effects: [String])] = []
    /// For hosts that are not down, or have no check of their own, the cause of what fails behind a jump host.
    public var ways = Ways()
    /// The self-checks.
    public var own: SelfReading?
    /// The services of scrape.yml that are not ok.
    public var broken: [(name: String, state: GroupState)] = []
    /// The new troubles.
    public var news: NewTroubles?
    /// The number of hosts with nothing due.
    public var idle = 0
    public var points = 0
    public var deliveries: [(sink: String, delivery: Delivery)] = []
    /// Points that wait in the store for a sink, by sink.
    public var queued: [String: Int] = [:]
    public var warnings: [String] = []
    public var interrupted = false
    /// The store could not be written.
    public var storeFailure: String?

    /// Jump hosts that are down, by the names of hosts behind them.
    public struct Ways: Sendable {
      public var services: [String: String] = [:]
      public var bmcs: [String: String] = [:]
    }

    /// The results of all hosts, services and BMCs, and of the self-checks.
    var results: [HostResult] {
      get {
        readings.map(\.result) + bmcs.map(\.result) + services.map(\.result)
          + policies.map(\.result) + jumps.map(\.result) + (own.map { [$0.result] } ?? [])
      }
      set {
        var rest = newValue[...]
        for index in readings.indices { rest.popFirst().map { readings[index].result = $0 } }
        for index in bmcs.indices { rest.popFirst().map { bmcs[index].result = $0 } }
        for index in services.indices { rest.popFirst().map { services[index].result = $0 } }
        for index in policies.indices { rest.popFirst().map { policies[index].result = $0 } }
        for index in jumps.indices { rest.popFirst().map { jumps[index].result = $0 } }
        rest.popFirst().map { own?.result = $0 }
      }
    }
  }

  public func run(_ progress: any PassProgress) async -> Report {
    var report = Report(start: .now)
    let begun = Deadline.now
    let cpu = PassPoints.cpuSeconds
    let clock = OwnClock()
    var states: [String: HostState] = [:]
    Activity.step("loading the store")
    do {
      states = try await store.load(hosts.map(\.name) + [SelfReading.host])
    } catch {
      report.storeFailure = "\(error)"
    }
    // Hosts that come through a spool are asked by the monitor there.
    let own = hosts.filter { site.inventory.spool(of: $0.name) == nil }
    var plan = Plan(
      own, settings: site.settings, probes: site.probes, states: states, at: report.start,
      only: only)
    plan.policies = await policyTurns(own, states, into: &report)
    report.idle = plan.idle
    let late = plan.turns.filter { $0.lateness > site.settings.lateness }
    if let worst = late.map(\.lateness).max() {
      report.warnings.append(
        "\(fold(late.map(\.host.name))): asked \(Format.duration(worst)) later than due; "
          + "is the timer running, or the last pass too slow?")
    }
    let logins = LoginBook((try? await store.rests()) ?? [:], ignoringRests: ignoresRests)
    let limits = await SharedLimits(governor())
    var gatherer = await Gatherer(site, logins: logins, limits: limits)
    let jobs = Job.all(of: plan, site.inventory, &gatherer)
    let spools = only == nil ? spoolJobs(&gatherer) : []
    for turn in plan.bmcs { gatherer.prepare(bmcOf: turn.host) }
    report.warnings += gatherer.warnings
    let questions = SelfQuestions(site.own, jobs, plan.bmcs, jumps: gatherer.jumps)
    Activity.step("asking hosts")
    var answers = await questions.ask(on: gatherer.reactors[0]) {
      await gatherer.serving {
        await gather(
          jobs, plan.bmcs, spools, with: gatherer, into: &report, progress: progress)
      }
      report.jumps = await jumps(gatherer.jumps, in: report)
      await noteLosses(of: gatherer.jumps, in: &report)
      return report.isInDoubt(questions)
    }
    let known = states[SelfReading.host] ?? HostState()
    Activity.step("asking once more")
    answers = await questions.lookAgain(answers, report, known, on: gatherer.reactors[0])
    progress.end()
    report.own = SelfReading(questions, answers, clock: clock, known: known, in: &report)
    if report.own?.jump != .zero {
      for index in report.readings.indices { report.readings[index].result.dropClockEvents() }
    }
    report.own?.note(unfinished, known: known)
    if let unfinished { report.warnings.append(unfinished.text) }
    (report.causes, report.ways) = causes(report)
    // A manual or partial pass does not show that the timer runs.
    let isWhole = isWhole
    let ping = DeadManPing(
      site.own.deadMan, due: known.due[DeadManPing.name], at: report.start)
    let pings = isWhole && report.isGood && ping != nil
    if pings { report.own?.result.due[DeadManPing.name] = ping?.next }
    Activity.step("evaluating and storing")
    await keep(&report, logins, limits, on: gatherer.reactors[0], begun: begun, cpuSeconds: cpu)
    if pings, report.storeFailure == nil, let trouble = await ping?.send(on: gatherer.reactors[0]) {
      report.warnings.append(trouble)
    }
    if report.storeFailure == nil, !report.interrupted, !site.pages.isEmpty {
      Activity.step("writing pages")
      for folder in await PageWriter(site, store).write(at: .now) {
        if let failure = folder.failure {
          report.warnings.append("pages in \(folder.folder): \(failure)")
        }
      }
    }
    Activity.step("closing the store")
    await store.close()
    return report
  }

  /// The due policies. A file with faults costs its own policy.
  private func policyTurns(
    _ hosts: [Host], _ states: [String: HostState], into report: inout Report
  ) async -> [Plan.PolicyTurn] {
    guard !site.policies.isEmpty, only?.contains(PolicyReading.name) != false else { return [] }
    var findings = Findings()
    let book = PolicyBook(site.policies, &findings)
    do throws(ConfigurationErrors) { try findings.finish() } catch {
      report.warnings += error.errors.prefix(3).map { "policies: \($0.oneLine)" }
    }
    var turns = Plan.policyTurns(
      hosts, site.policies, book, states: states, at: report.start, only: only)
    guard !turns.isEmpty, let records = try? await store.policyRecords() else { return turns }
    for index in turns.indices {
      for record in records[turns[index].host.name] ?? []
      where turns[index].work.entries.contains(where: { $0.name == record.policy }) {
        turns[index].earlier[record.policy] = PolicyOutcome(record)
      }
    }
    return turns
  }

  /// Whether the pass covers all hosts and all due collectors.
  private var isWhole: Bool { only == nil && hosts.count == site.inventory.hosts.count }

  private func scope(_ report: Report) -> PassScope {
    !isWhole || report.interrupted ? .part : isByHand ? .hand : .timer
  }

  /// The governor with what earlier passes learned.
  private func governor() async -> Governor {
    let known = (try? await store.status()) ?? []
    let failing = known.filter { $0.outcome.target == CheckName.ssh.text && !$0.outcome.up }
    return Governor(
      (try? await store.governed()) ?? [:],
      caps: [.bmcs: Double(site.settings.bmcPerSubnet)], failing: Set(failing.map(\.host)))
  }

  /// Stores everything in one transaction, then delivers the queue of each sink.
  private func keep(
    _ report: inout Report, _ logins: LoginBook, _ limits: SharedLimits, on reactor: Reactor,
    begun: Deadline, cpuSeconds: Double
  ) async {
    let queues = try? await store.queues()
    var before: [String: Int] = [:]
    for waiting in queues ?? [] { before[waiting.sink] = waiting.dropped }
    var results = report.results
    let budget = Budget(series: site.settings.series, bytes: site.settings.bytes)
    let excesses = budget.apply(to: &results)
    for excess in excesses {
      report.warnings.append(
        "\(excess.host): \(Format.count(excess.dropped, "point")) beyond its budget were dropped, "
          + "most of them \(excess.measurement); a pass takes \(Format.count(budget.series)) series "
          + "and \(Format.bytes(Double(budget.bytes))) of a host (`series:` and `bytes:`)")
    }
    // After the budget: transitions are never dropped.
    var evaluator = Evaluator(
      site, store, CheckList(site), states: (try? await store.states()) ?? [:],
      jump: report.own?.jump ?? .zero)
    for index in results.indices {
      let isWhole = !excesses.contains { $0.host == results[index].batch.host }
      await evaluator.evaluate(&results[index], isWhole: isWhole)
    }
    report.results = results
    let intake = await takeSpools(&report, &evaluator, into: &results)
    results += await evaluateTogether(&evaluator, &report)
    let states = evaluator.states
    var alerting = Alerting(site.alerting, store, contacts: site.contacts, at: report.start)
    let incidents = await alerting.update(
      states,
      changes: Dictionary(
        results.map { ($0.batch.host, $0.transitions) }, uniquingKeysWith: { $0 + $1 }))
    report.news = NewTroubles(
      results, states: states, complaints: (try? await store.problems()) ?? [:], of: site,
      at: report.start)
    addOwnPoints(to: &results, report, queues, begun: begun, cpuSeconds: cpuSeconds)
    var batches = results.map(\.batch)
    report.points = batches.reduce(0) { $0 + $1.points.count }
    var queue: [String: [Payload]] = [:]
    var bounds: [String: QueueBounds] = [:]
    for sink in sinks where sink.isDurable {
      queue[sink.name] = sink.payloads(batches)
      bounds[sink.name] = sink.options.queue
    }
    let up = report.readings.count { $0.failure == nil }
    let summary = PassSummary(
      start: report.start, end: .now, hosts: report.readings.count, up: up,
      failed: report.readings.count - up,
      points: report.points, warnings: report.warnings, scope: scope(report))
    let output = await spoolOutput(results, states, intake, report)
    do {
      try await store.finish(
        summary, results, queue: queue, bounds: bounds, incidents: incidents,
        rests: logins.changes, limits: limits.records, spool: output,
        input: intake?.input ?? Store.SpoolInput(),
        policies: report.policies.flatMap(\.outcomes).map(\.record),
        collections: report.policies.compactMap(\.collection))
    } catch {
      report.storeFailure = "\(error)"
      // The next pass reads the spools again: only what is of this pass goes out without the store.
      batches = results.map(\.batch).filter { batch in
        intake?.results.contains { $0.batch.host == batch.host } != true
      }
      queue = [:]
    }
    if let spool, report.storeFailure == nil { report.warnings += await spool.write(store) }
    report.warnings += await store.notes()
    // Scraping ends before the deadline, so that the points can still be delivered.
    let limit =
      report.interrupted
      ? .after(.milliseconds(500))
      : min(.after(site.settings.deliveryTimeout), max(deadline, .after(.seconds(1))))
    Activity.step("delivering and notifying")
    async let deliveries = deliver(
      batches, queue, from: report.storeFailure == nil ? store : nil, on: reactor, by: limit)
    // Without the store every pass would send the same notifications again.
    let alarm = StoreAlarm(beside: site.storePath, at: report.start)
    if let failure = report.storeFailure {
      report.warnings += await alarm.send(failure, to: site.contacts, on: reactor, by: limit)
    } else if !report.interrupted {
      alarm.clear()
      await alerting.send(on: reactor, by: limit)
    }
    for notifier in site.contacts.flatMap(\.notifiers) { notifier.close() }
    report.warnings += alerting.warnings
    report.deliveries = await deliveries
    for waiting in (try? await store.queues()) ?? [] {
      report.queued[waiting.sink] = waiting.lines
      let dropped = waiting.dropped - (before[waiting.sink] ?? 0)
      if dropped > 0 {
        report.warnings.append(
          "\(waiting.sink): \(Format.count(dropped, "point")) dropped that waited too long or were "
            + "too many")
      }
    }
    report.took = Deadline.now.since(begun)
  }

  /// Adds the points of the pass itself, and of the queues as they were before it.
  private func addOwnPoints(
    to results: inout [HostResult], _ report: Report, _ queues: [Store.QueueStatus]?,
    begun: Deadline, cpuSeconds: Double
  ) {
    guard let own = results.firstIndex(where: { $0.batch.host == SelfReading.host }) else { return }
    let names = sinks.filter(\.isDurable).map(\.name)
    if let queues { results[own].batch.points += PassPoints.sinks(names, queues, at: .now) }
    let queued = queues?.reduce(0) { $0 + (names.contains($1.sink) ? $1.lines : 0) }
    let now = Deadline.now
    results[own].batch.points.append(
      PassPoints.pass(
        report, scope: scope(report), points: results.reduce(0) { $0 + $1.batch.points.count },
        queued: queued, took: now.since(begun), left: deadline.since(now),
        cpuSeconds: PassPoints.cpuSeconds - cpuSeconds))
  }

  /// The results of jump hosts that the pass used and did not scrape.
  private func jumps(
    _ targets: [JumpReading.Target], in report: Report
  ) async -> [JumpReading] {
    let read = Set(report.readings.map(\.result.batch.host))
    var readings: [JumpReading] = []
    for target in targets where !read.contains(target.name) {
      if let reading = await JumpReading(of: target, at: report.start) { readings.append(reading) }
    }
    return readings
  }

  /// Jump hosts that were scraped and failed afterwards, as what is behind them has seen.
  private func noteLosses(of targets: [JumpReading.Target], in report: inout Report) async {
    for target in targets {
      guard
        let index = report.readings.firstIndex(where: { $0.result.batch.host == target.name }),
        report.readings[index].failure == nil,
        let failure = await JumpReading(of: target, at: report.start)?.failure
      else { continue }
      report.readings[index].lose(failure)
    }
  }

  /// Effects of outages: hosts on a hypervisor, or behind a switch or jump host, that is down itself.
  private func causes(
    _ report: Report
  ) -> (causes: [(cause: String, effects: [String])], ways: Report.Ways) {
    let all =
      report.readings.map { ($0.result, $0.failure) } + report.jumps.map { ($0.result, $0.failure) }
    let down = Set(
      all.filter { result, failure in
        result.isEvaluated && failure.severity(.critical) == .critical
      }.map(\.0.batch.host))
    let causes = Topology(site.inventory).causes(of: down)
    var roots: [String: String] = [:]
    for (cause, effects) in causes {
      for host in [cause] + effects { roots[host] = cause }
    }
    var ways = Report.Ways()
    for host in hosts where !down.contains(host.name) && !roots.isEmpty {
      func cause(_ host: Host) -> String? {
        site.inventory.steps(to: host).reversed().lazy.compactMap { roots[$0.name] }.first
      }
      if host.jumpHost != nil { ways.services[host.name] = cause(host) }
      if host.jumpHostOfBMC != nil { ways.bmcs[host.name] = cause(host.asBMC) }
    }
    return (causes.filter { !$0.effects.isEmpty }, ways)
  }

  /// Evaluates the summaries of all services and the services of scrape.yml; returns their results.
  private func evaluateTogether(
    _ evaluator: inout Evaluator, _ report: inout Report
  ) async -> [HostResult] {
    var results: [HostResult] = []
    let asked = Set(report.results.map(\.batch.host))
    for host in hosts where asked.contains(host.name) {
      for (check, state) in evaluator.crossed(of: host.name) {
        report.crossed.append((host.name, check, state))
      }
      for (check, state, services) in evaluator.disagreeing(of: host.name) {
        report.disagreeing.append((host.name, check, state, services))
      }
    }
    report.broken = evaluator.services.filter { $0.state != .ok && $0.state != .noData }
    var availability =
      report.services.isEmpty
      ? nil : await SLAWindow.load(site.rules.sla, from: store, at: report.start)
    let summaries = evaluator.summaries(report.services, &availability, at: report.start)
    var all = HostResult(
      batch: PointBatch(host: Pseudo.all, tags: [], time: report.start, points: summaries))
    all.isOfBoot = false
    // Counts of a window grow only with observations.
    if !summaries.isEmpty { SLAWindow.keep(availability, in: &all) }
    if hosts.count == site.inventory.hosts.count {
      all.batch.points += topology(evaluator, report)
    }
    if !all.batch.points.isEmpty { results.append(all) }
    if let services = await evaluator.evaluateServices(summaries, at: report.start) {
      results.append(services)
    }
    for (check, state) in evaluator.crossed(of: Pseudo.services) {
      report.crossed.append(("services", check, state))
    }
    return results
  }

  private func topology(_ evaluator: Evaluator, _ report: Report) -> [Point] {
    let unevaluated = Set(report.results.filter { !$0.isEvaluated }.map(\.batch.host))
    return TopologyPoints(
      hosts, scores: evaluator.scoresByHost(report.services, unevaluated: unevaluated),
      states: evaluator.states
    ).points
  }

  /// Writes the queues to all sinks in parallel; a sink that hangs does not delay the others.
  private func deliver(
    _ batches: [PointBatch], _ queue: [String: [Payload]], from store: Store?, on reactor: Reactor,
    by limit: Deadline
  ) async -> [(sink: String, delivery: Delivery)] {
    await withTaskGroup(of: (Int, Delivery).self) { group in
      for (index, sink) in sinks.enumerated() {
        group.addTask(executorPreference: reactor.executor) {
          let delivery = await Activity.named("sink \(sink.name)") {
            await reactor.open { reactor in
              if let store, sink.isDurable {
                await sink.drain(store, on: reactor, by: limit)
              } else {
                await sink.deliver(
                  queue[sink.name] ?? sink.payloads(batches), on: reactor, by: limit)
              }
            }
          }
          sink.close()
          return (index, delivery)
        }
      }
      var deliveries = sinks.map { (sink: $0.name, delivery: Delivery()) }
      for await (index, delivery) in group { deliveries[index].delivery = delivery }
      return deliveries
    }
  }
}
