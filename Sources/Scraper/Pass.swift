internal import Configuration
internal import Engine
internal import Metrics
internal import Sinks
internal import Targets

/// One walk of the inventory: plan, gather, keep, deliver.
struct Pass {
  let site: Site
  let hosts: [Host]
  let sinks: [any Sink]
  let fanout: Int
  /// The whole pass ends by it, whatever the hosts do.
  let deadline: Deadline
  var only: Set<String>?

  /// What a pass came to.
  struct Report: Sendable {
    var start: Timestamp
    var took: Duration = .zero
    var readings: [HostReading] = []
    var bmcs: [BMCReading] = []
    /// Hosts of which nothing was due.
    var idle = 0
    var points = 0
    var deliveries: [(sink: String, delivery: Delivery)] = []
    /// Points that wait in the store for a sink, by sink.
    var queued: [String: Int] = [:]
    var warnings: [String] = []
    var interrupted = false
    /// The store could not be written.
    var storeFailure: String?
  }

  func run(_ progress: Progress) async -> Report {
    var report = Report(start: .now)
    let begun = Deadline.now
    let store = site.store()
    var states: [String: HostState] = [:]
    do {
      states = try await store.load(hosts.map(\.name))
    } catch {
      report.storeFailure = "\(error)"
    }
    let plan = Plan(hosts, settings: site.settings, states: states, at: report.start, only: only)
    report.idle = plan.idle
    let late = plan.turns.filter { $0.lateness > site.settings.lateness }
    if let worst = late.map(\.lateness).max() {
      report.warnings.append(
        "\(fold(late.map(\.host.name))): asked \(Figure.duration(worst)) later than due; "
          + "is the timer running, or the last pass too slow?")
    }
    var gatherer = await Gatherer(site)
    let jobs = plan.turns.map { ($0, Reach($0.host, &gatherer)) }
    report.warnings += gatherer.warnings
    await gather(jobs, plan.bmcs, with: gatherer, into: &report, progress: progress)
    progress.end()
    await keep(&report, in: store, on: gatherer.reactors[0], begun: begun)
    await store.close()
    return report
  }

  private enum Event: Sendable {
    case read(HostReading)
    case bmc(Plan.BMCTurn, BMCReading)
    case signal
    case nothing
  }

  /// Asks all hosts and BMCs, as many at once as their fan-outs allow, in an order that nobody can
  /// foresee.
  private func gather(
    _ jobs: [(Plan.Turn, Reach)], _ bmcs: [Plan.BMCTurn], with gatherer: Gatherer,
    into report: inout Report, progress: Progress
  ) async {
    let reactors = gatherer.reactors
    var readings: [HostReading] = []
    var bmcReadings: [BMCReading] = []
    var interrupted = false
    let jobs = jobs.shuffled()
    var queue = BMCQueue(
      bmcs, fanout: site.settings.bmcFanout, perSubnet: site.settings.bmcPerSubnet)
    progress.begin(jobs.count + bmcs.count)
    let interrupt = Interrupt()
    defer { interrupt.end() }
    // Each host's task stays on its reactor, parsing included: a batch is parsed in a tenth of a
    // millisecond, and handing it to another thread and back would cost as much.
    await withTaskGroup(of: Event.self) { group in
      group.addTask { await interrupt.wait(on: reactors[0]) ? .signal : .nothing }
      group.addTask {
        await progress.tick(on: reactors[0])
        return .nothing
      }
      var started = 0
      var next = 0
      func start() {
        guard next < jobs.count, !interrupted else { return }
        let (turn, reach) = jobs[next]
        let reactor = reactors[next % reactors.count]
        next += 1
        started += 1
        group.addTask(executorPreference: reactor.executor) {
          .read(await read(turn, reach, on: reactor, progress: progress))
        }
      }
      func startBMCs() {
        while !interrupted, let turn = queue.next() {
          let reactor = reactors[started % reactors.count]
          started += 1
          group.addTask(executorPreference: reactor.executor) {
            .bmc(turn, await read(turn, with: gatherer, on: reactor, progress: progress))
          }
        }
      }
      for _ in 0..<fanout { start() }
      startBMCs()
      while readings.count + bmcReadings.count < jobs.count + bmcs.count,
        let event = await group.next()
      {
        switch event {
        case .read(let reading):
          readings.append(reading)
          start()
        case .bmc(let turn, let reading):
          bmcReadings.append(reading)
          queue.ended(turn)
          startBMCs()
        case .signal:
          // Those under way end at once and say so; what has come is kept.
          interrupted = true
          group.cancelAll()
        case .nothing: break
        }
        if interrupted && readings.count + bmcReadings.count == started { break }
      }
      group.cancelAll()
    }
    // Told in the order of the inventory, whoever was asked first.
    let places = Dictionary(
      hosts.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    func precedes(_ a: HostResult, _ b: HostResult) -> Bool {
      places[a.batch.host] ?? 0 < places[b.batch.host] ?? 0
    }
    report.readings = readings.sorted { precedes($0.result, $1.result) }
    report.bmcs = bmcReadings.sorted { precedes($0.result, $1.result) }
    report.interrupted = interrupted
  }

  private func read(
    _ turn: Plan.BMCTurn, with gatherer: Gatherer, on reactor: Reactor, progress: Progress
  ) async -> BMCReading {
    let name = "\(turn.host.name) bmc"
    let start = Deadline.now
    progress.started(name)
    defer { progress.ended(name) }
    var answer = BMCAnswer(time: .now)
    answer.memory = turn.memory
    do throws(TargetError) {
      if deadline.isPast { throw .notReached }
      let target = try gatherer.bmc(turn.settings, of: turn.host)
      answer = await reactor.open { reactor in
        await target.ask(
          remembering: turn.memory, byHand: turn.byHand, on: reactor, by: deadline)
      }
    } catch {
      answer.failure = error
    }
    return BMCReading(answer, of: turn, took: Deadline.now.since(start))
  }

  private func read(
    _ turn: Plan.Turn, _ reach: Reach, on reactor: Reactor, progress: Progress
  ) async -> HostReading {
    let start = Deadline.now
    progress.started(turn.host.name)
    if deadline.isPast {
      var answer = HostAnswer(time: .now)
      answer.failure = .notReached
      return HostReading(answer, to: turn.batch, of: turn, took: .zero)
    }
    let limit = turn.profile.deadline.map { min(deadline, start.advanced(by: $0)) } ?? deadline
    let batch = turn.batch
    let answers = await reach.ask([batch], on: reactor, by: limit)
    let took = Deadline.now.since(start)
    let reading = HostReading(answers[0], to: batch, of: turn, took: took)
    progress.ended(turn.host.name)
    return reading
  }

  /// Keeps everything in one transaction, then delivers what waits for each sink.
  private func keep(
    _ report: inout Report, in store: Store, on reactor: Reactor, begun: Deadline
  ) async {
    var before: [String: Int] = [:]
    for waiting in (try? await store.queues()) ?? [] { before[waiting.sink] = waiting.dropped }
    let results = report.readings.map(\.result) + report.bmcs.map(\.result)
    let batches = results.map(\.batch)
    report.points = batches.reduce(0) { $0 + $1.points.count }
    var queue: [String: [Payload]] = [:]
    for sink in sinks where sink.isDurable { queue[sink.name] = sink.encode(batches) }
    let up = report.readings.count { $0.failure == nil }
    let summary = PassSummary(
      start: report.start, end: .now, hosts: report.readings.count, up: up,
      failed: report.readings.count - up,
      points: report.points, warnings: report.warnings)
    do {
      try await store.finish(summary, results, queue: queue)
    } catch {
      report.storeFailure = "\(error)"
    }
    report.warnings += await store.notes()
    // Delivery has time of its own: a pass that used up its deadline still brings its points home.
    let limit = max(deadline, .after(.seconds(5)))
    for sink in sinks {
      let payloads =
        sink.isDurable && report.storeFailure == nil
        ? nil : queue[sink.name] ?? sink.encode(batches)
      let delivery = await reactor.open { reactor in
        if let payloads {
          await sink.deliver(payloads, on: reactor, by: limit)
        } else {
          await sink.drain(store, on: reactor, by: limit)
        }
      }
      report.deliveries.append((sink.name, delivery))
      sink.close()
    }
    for waiting in (try? await store.queues()) ?? [] {
      report.queued[waiting.sink] = waiting.lines
      let dropped = waiting.dropped - (before[waiting.sink] ?? 0)
      if dropped > 0 {
        report.warnings.append(
          "\(waiting.sink): \(Figure.count(dropped)) points waited too long or were too many, and "
            + "were dropped")
      }
    }
    report.took = Deadline.now.since(begun)
  }
}

extension TargetError {
  static let notReached = TargetError(
    .notReached, "the pass ended before its turn; raise --deadline or --fanout")
}
