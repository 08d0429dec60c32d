internal import Alerts
internal import Engine
internal import Hosts
internal import Inventory
internal import Metrics
internal import Notifiers
internal import Rules
internal import Sinks
internal import Store

/// The end of a pass: results are evaluated, stored, delivered and alerted.
extension Pass {
  /// Stores everything in one transaction, then delivers the queue of each sink.
  func keep(
    _ report: inout Report, _ logins: LoginBook, _ limits: SharedLimits, on reactor: Reactor,
    begun: Deadline, cpuSeconds: Double
  ) async {
    let queues = try? await store.queues()
    var before: [String: Int] = [:]
    for waiting in queues ?? [] { before[waiting.sink] = waiting.dropped }
    var results = report.results
    let excesses = cut(&results, into: &report)
    var evaluator = Evaluator(
      site, store, CheckList(site), states: (try? await store.states()) ?? [:],
      jump: report.own?.jump ?? .zero)
    if let own = results.indices.last, results[own].batch.host == SelfReading.host {
      // A pass that runs has read its configuration; the watch may have kept an older one.
      results[own].confirmConfiguration(where: evaluator.states[SelfReading.host])
    }
    await evaluate(&results, beyond: excesses, &evaluator)
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
    addOwnPoints(to: &results, queues) { points, queued in
      let now = Deadline.now
      let point = PassPoints.pass(
        up: report.readings.map(\.failure.up), idle: report.idle, scope: scope(report),
        points: points, queued: queued, took: now.since(begun), left: deadline.since(now),
        cpuSeconds: PassPoints.cpuSeconds - cpuSeconds)
      return [point]
    }
    var batches = results.map(\.batch)
    report.points = batches.reduce(0) { $0 + $1.points.count }
    var (queue, bounds) = queue(of: batches)
    let up = report.readings.count { $0.failure == nil }
    let summary = PassSummary(
      start: report.start, end: .now, hosts: report.readings.count, up: up,
      failed: report.readings.count - up,
      points: report.points, warnings: report.warnings, scope: scope(report))
    let output = await spoolOutput(results, states, intake, report)
    let logged = report.warnings.count
    do {
      try await store.finish(
        summary, results, queue: queue, bounds: bounds, incidents: incidents,
        rests: logins.changes, limits: limits.records, spool: output,
        input: intake?.input ?? Store.SpoolInput(),
        policies: report.collections.flatMap(\.outcomes).map(\.record),
        collections: report.collections.flatMap(\.collections))
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
    if report.storeFailure == nil { await report.logWarnings(after: logged, in: store) }
    report.took = Deadline.now.since(begun)
  }

  /// Drops the points of each host beyond its budget.
  func cut(_ results: inout [HostResult], into report: inout Report) -> [Budget.Excess] {
    let budget = Budget(series: site.settings.series, bytes: site.settings.bytes)
    let excesses = budget.apply(to: &results)
    for excess in excesses {
      report.warnings.append(
        "\(excess.host): \(Format.count(excess.dropped, "point")) beyond its budget were dropped, "
          + "most of them \(excess.measurement); a pass takes \(Format.count(budget.series)) series "
          + "and \(Format.bytes(Double(budget.bytes))) of a host (`series:` and `bytes:`)")
    }
    return excesses
  }

  /// Evaluates each result, after the budget: transitions are never dropped.
  func evaluate(
    _ results: inout [HostResult], beyond excesses: [Budget.Excess], _ evaluator: inout Evaluator
  ) async {
    for index in results.indices {
      let isWhole = !excesses.contains { $0.host == results[index].batch.host }
      await evaluator.evaluate(&results[index], isWhole: isWhole)
    }
  }

  /// The payloads of each sink with a queue, and the bounds of these queues.
  func queue(
    of batches: [PointBatch]
  ) -> (queue: [String: [Payload]], bounds: [String: QueueBounds]) {
    var queue: [String: [Payload]] = [:]
    var bounds: [String: QueueBounds] = [:]
    for sink in sinks where sink.isDurable {
      queue[sink.name] = sink.payloads(batches)
      bounds[sink.name] = sink.options.queue
    }
    return (queue, bounds)
  }

  /// Adds points of the monitor itself: of the queues as they were before, then those that `more` gives for
  /// the number of points in all, and of those that wait. False without a result of its own.
  @discardableResult
  func addOwnPoints(
    to results: inout [HostResult], _ queues: [Store.QueueStatus]?,
    _ more: (_ points: Int, _ queued: Int?) -> [Point]
  ) -> Bool {
    guard let own = results.firstIndex(where: { $0.batch.host == SelfReading.host }) else {
      return false
    }
    let names = sinks.filter(\.isDurable).map(\.name)
    if let queues { results[own].batch.points += PassPoints.sinks(names, queues, at: .now) }
    let count = results.reduce(0) { $0 + $1.batch.points.count }
    results[own].batch.points += more(count, PassPoints.waiting(for: names, queues))
    return true
  }

  /// The results of jump hosts that the pass used and did not scrape.
  func jumps(
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
  func noteLosses(of targets: [JumpReading.Target], in report: inout Report) async {
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
  func causes(
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
  func evaluateTogether(
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

extension Pass.Report {
  /// Logs the warnings that came after the transaction of the pass; the first ones are in it.
  func logWarnings(after first: Int, in store: Store) async {
    let late = warnings.dropFirst(first)
    guard !late.isEmpty else { return }
    try? await store.log(late.map { .warning($0, at: .now) })
  }
}
