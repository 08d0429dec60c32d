internal import Engine
internal import Metrics
internal import Sinks
internal import Hosts
internal import IPMI
internal import Inventory
internal import Probes

/// Scrapes hosts, services and BMCs in parallel, each in its own task.
extension Pass {
  /// The work for one host: its batch and its probes.
  struct Job: Sendable {
    var host: Host
    var turn: Plan.Turn?
    var probes: Plan.ProbeTurn?
    var policies: Plan.PolicyTurn?
    var reach: Reach
    /// Whether the host was slow at the last pass: see HostLanes.swift.
    var wasSlow = false
    /// The limits that it shares with others.
    var shares: [Governor.Key] = []

    static func all(
      of plan: Plan, _ inventory: Inventory, _ gatherer: inout Gatherer
    ) -> [Job] {
      let probes = Dictionary(
        plan.probes.map { ($0.host.name, $0) }, uniquingKeysWith: { first, _ in first })
      let policies = Dictionary(
        plan.policies.map { ($0.host.name, $0) }, uniquingKeysWith: { first, _ in first })
      var jobs = plan.turns.map { turn in
        Job(
          host: turn.host, turn: turn, probes: probes[turn.host.name],
          policies: policies[turn.host.name],
          reach: Reach(turn.host, &gatherer), wasSlow: plan.slow.contains(turn.host.name))
      }
      var asked = Set(jobs.map(\.host.name))
      for host in plan.probes.map(\.host) + plan.policies.map(\.host)
      where asked.insert(host.name).inserted {
        jobs.append(
          Job(
            host: host, probes: probes[host.name], policies: policies[host.name],
            reach: Reach(host, &gatherer), wasSlow: plan.slow.contains(host.name)))
      }
      for index in jobs.indices {
        let host = jobs[index].host
        let keys = host.shares(route: host.jumpHost == nil ? [] : inventory.route(to: host))
        // A host without a session makes no handshake.
        jobs[index].shares =
          jobs[index].turn == nil && jobs[index].policies == nil
          ? keys.filter { $0.kind != .handshakes } : keys
      }
      return jobs
    }
  }

  private enum Event: Sendable {
    case read(Int, HostReading?, ServiceReading?, PolicyReading?)
    /// The time to check for slow hosts.
    case second
    /// Another handshake may begin.
    case turn
    case bmc(BMCReading)
    case spool(SpoolPull)
    case signal
    case nothing
  }

  /// Scrapes all hosts and BMCs in random order, at most as many at once as their fan-outs allow.
  func gather(
    _ jobs: [Job], _ bmcs: [Plan.BMCTurn], _ spools: [SpoolJob], with gatherer: Gatherer,
    into report: inout Report, progress: any PassProgress
  ) async {
    let reactors = gatherer.reactors
    var readings: [HostReading] = []
    var services: [ServiceReading] = []
    var policies: [PolicyReading] = []
    var bmcReadings: [BMCReading] = []
    var interrupted = false
    let kit = gatherer.kit
    var lanes = HostLanes(jobs.map(\.wasSlow), fanout: fanout)
    var queue = BMCQueue(bmcs, fanout: site.settings.bmcFanout)
    let limits = gatherer.limits ?? SharedLimits(Governor())
    progress.begin(jobs.count + bmcs.count + spools.count)
    let interrupt = Interrupt(signals: watchdog.signals)
    // The task of a host stays on its reactor, parsing included: parsing takes 0.1 ms per batch, as much
    // as two thread switches.
    await withTaskGroup(of: Event.self) { group in
      group.addTask { await interrupt.wait(on: reactors[0]) ? .signal : .nothing }
      group.addTask {
        await progress.tick(on: reactors[0])
        return .nothing
      }
      var started = 0
      var ended = 0
      var isWaitingForTurn = false
      func start() {
        var gate = TurnGate(limits, until: askBy)
        defer {
          if !interrupted, !isWaitingForTurn, let pause = gate.pause {
            isWaitingForTurn = true
            group.addTask {
              await reactors[0].open { try? await $0.sleep(until: .after(pause)) }
              return .turn
            }
          }
        }
        while !interrupted, let place = lanes.next(where: { gate.admits(jobs[$0].shares) }) {
          let job = jobs[place]
          let reactor = job.reach.reactor ?? reactors[started % reactors.count]
          started += 1
          group.addTask(executorPreference: reactor.executor) {
            await Activity.named(job.host.name) {
              let (reading, services, policies) = await read(
                job, kit, on: reactor, progress: progress)
              limits.end(job.shares, answered: reading.map { $0.failure == nil } ?? true)
              return .read(place, reading, services, policies)
            }
          }
        }
      }
      func waitASecond() {
        guard lanes.hasWaiting else { return }
        group.addTask {
          await reactors[0].open { try? await $0.sleep(until: .after(.seconds(1))) }
          return .second
        }
      }
      func startBMCs() {
        var gate = TurnGate(limits, until: askBy)
        while !interrupted, let turn = queue.next(where: { gate.admits($0.shares) }) {
          let reactor = reactors[started % reactors.count]
          started += 1
          group.addTask(executorPreference: reactor.executor) {
            await Activity.named("\(turn.host.name) bmc") {
              .bmc(await read(turn, with: gatherer, limits, on: reactor, progress: progress))
            }
          }
        }
      }
      func start(_ job: SpoolJob) {
        guard !interrupted else { return }
        let reactor = job.reactor ?? reactors[started % reactors.count]
        started += 1
        group.addTask(executorPreference: reactor.executor) {
          await Activity.named("\(job.spool.carrier.name) spool") {
            .spool(await fetch(job, on: reactor, progress: progress))
          }
        }
      }
      start()
      waitASecond()
      startBMCs()
      // After the collectors of the host: a key that it refuses is shown once.
      let scraped = Set(jobs.filter { $0.turn != nil }.map(\.host.name))
      var waiting = Dictionary(
        grouping: spools.filter { $0.tunnel != nil && scraped.contains($0.spool.carrier.name) },
        by: \.spool.carrier.name)
      for job in spools where waiting[job.spool.carrier.name] == nil { start(job) }
      while ended < jobs.count + bmcs.count + spools.count, let event = await group.next() {
        switch event {
        case .read(let place, let reading, let result, let policy):
          ended += 1
          lanes.ended(place)
          if let reading { readings.append(reading) }
          if let result { services.append(result) }
          if let policy { policies.append(policy) }
          for var job in waiting.removeValue(forKey: jobs[place].host.name) ?? [] {
            if let failure = reading?.failure, failure.isOfSession { job.failure = failure }
            start(job)
          }
          start()
        case .bmc(let reading):
          ended += 1
          bmcReadings.append(reading)
          queue.ended()
          startBMCs()
        case .spool(let pull):
          ended += 1
          report.pulls.append(pull)
        case .second:
          lanes.sortOut()
          start()
          if !interrupted { waitASecond() }
        case .turn:
          isWaitingForTurn = false
          start()
        case .signal:
          // Running tasks end at once with their error; results so far are kept.
          interrupted = true
          group.cancelAll()
        case .nothing: break
        }
        if interrupted && ended == started { break }
      }
      group.cancelAll()
    }
    // Results are in the order of the inventory.
    let places = Dictionary(
      hosts.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    func precedes(_ a: HostResult, _ b: HostResult) -> Bool {
      places[a.batch.host] ?? 0 < places[b.batch.host] ?? 0
    }
    report.readings = readings.sorted { precedes($0.result, $1.result) }
    report.bmcs = bmcReadings.sorted { precedes($0.result, $1.result) }
    report.services = services.sorted { precedes($0.result, $1.result) }
    report.policies = policies.sorted { precedes($0.result, $1.result) }
    report.interrupted = interrupted
  }

  /// Scrapes a host and its services in parallel; only the probe `ssh` waits for the session of the
  /// collectors, which is its result.
  private func read(
    _ job: Job, _ kit: ProbeKit, on reactor: Reactor, progress: any PassProgress
  ) async -> (HostReading?, ServiceReading?, PolicyReading?) {
    progress.started(job.host.name)
    defer { progress.ended(job.host.name) }
    let begun = Deadline.now
    var (reading, services, policies) = await readings(of: job, kit, on: reactor)
    let now = Timestamp.now
    if let until = HostLanes.verdict(Deadline.now.since(begun), before: job.wasSlow, at: now) {
      if reading != nil {
        reading?.result.due[HostLanes.name] = until
      } else {
        services?.result.due[HostLanes.name] = until
      }
    }
    return (reading, services, policies)
  }

  private func readings(
    of job: Job, _ kit: ProbeKit, on reactor: Reactor
  ) async -> (HostReading?, ServiceReading?, PolicyReading?) {
    let start = Timestamp.now
    let limit = job.turn?.profile.deadline.map { min(askBy, Deadline.now.advanced(by: $0)) }
    let request = HostRequest(
      host: job.host, reach: job.reach, batch: job.turn?.batch ?? Batch([]),
      policies: job.policies?.work, plans: job.probes?.plans ?? [])
    let response = await request.send(kit, on: reactor, by: limit ?? askBy, probesBy: askBy)
    let reading = job.turn.flatMap { turn in
      response.answers.first.map {
        HostReading($0, to: response.batch, of: turn, took: response.took)
      }
    }
    var policies: PolicyReading?
    if let turn = job.policies {
      policies = await PolicyReading(
        response.answers.first?.collected(turn.work.needs), of: turn, at: start, on: reactor)
    }
    let services = job.probes.map { ServiceReading(response.services, of: $0, at: start) }
    return (reading, services, policies)
  }

  private func read(
    _ turn: Plan.BMCTurn, with gatherer: Gatherer, _ limits: SharedLimits, on reactor: Reactor,
    progress: any PassProgress
  ) async -> BMCReading {
    let name = "\(turn.host.name) bmc"
    let start = Deadline.now
    progress.started(name)
    defer { progress.ended(name) }
    let answer = await gatherer.ask(
      turn.settings, of: turn.host, remembering: turn.memory, on: reactor, by: askBy)
    if let failure = answer.failure, failure.reason == .busy, !answer.isResting {
      for key in turn.shares {
        limits.refuse(key, by: turn.host.name, .own, failure, began: start)
      }
    }
    limits.end(turn.shares, answered: answer.failure == nil)
    return BMCReading(answer, of: turn, took: Deadline.now.since(start))
  }
}

extension TargetError {
  /// Whether there was no session, and another one would fail alike.
  fileprivate var isOfSession: Bool {
    switch reason {
    case .authFailed, .resting, .connectionRefused, .unreachable, .nameUnknown, .hostKeyChanged,
      .hostKeyUnknown, .hostKeyRevoked, .forwardingRefused:
      true
    default: false
    }
  }
}
