internal import Collectors
internal import Engine
internal import Metrics
internal import Passes
internal import Sinks
internal import Store
internal import Hosts
internal import IPMI
internal import Inventory
internal import Probes

/// The scrape of one host by hand: all collectors, 1 s later those with counters, and its BMC.
struct Visit {
  let turn: Plan.Turn
  /// The answer of the BMC, and its settings.
  let bmc: BMCVisit?
  /// The results of its services.
  private(set) var services: [ServiceResult] = []
  let answer: HostAnswer
  /// The points; those of the second answer replace those of the first.
  private(set) var points: [Point] = []
  private(set) var facts: [String: String] = [:]
  private(set) var problems: [CollectorProblem] = []
  /// The result of each collector, for `--explain`.
  private(set) var made: [(collector: String, points: Int, error: CollectorError?)] = []

  init(
    _ turn: Plan.Turn, _ reach: Reach, bmc bmcTurn: Plan.BMCTurn?, probes: Plan.ProbeTurn?,
    with gatherer: Gatherer, by deadline: Deadline
  ) async {
    let reactor = gatherer.reactors[0]
    // In parallel: the BMC answers even if the host does not.
    async let asked = BMCVisit(bmcTurn, with: gatherer, by: deadline)
    self.turn = turn
    let batch = turn.batch
    guard !batch.items.isEmpty else {
      answer = HostAnswer(time: .now)
      bmc = await asked
      takeBMC()
      await ask(probes, reach, with: gatherer, by: deadline)
      return
    }
    // Skip users, log-ins, disks and GPUs: they do not change in 1 s, and each costs a process.
    let again = Batch(
      batch.items.filter { !$0.collector.mayHang && !$0.collector.remembersAcrossBoots })
    let batches = again.items.isEmpty ? [batch] : [batch, again]
    let answers = await reach.ask(
      batches, pause: .seconds(1), on: reactor, by: deadline)
    answer = answers[0]
    bmc = await asked
    let later = answers.count > 1 && answers[1].failure == nil ? answers[1] : nil
    for item in batch.items {
      let name = item.collector.name
      let (first, error) = answer.sample(item, previous: nil)
      var sample = first
      var problem = error
      if let later, again.items.contains(where: { $0.collector.name == name }), error == nil {
        let memory = Memory(time: answer.time, uptime: answer.uptime, values: first.memory)
        let (second, failure) = later.sample(item, previous: first.memory.isEmpty ? nil : memory)
        if failure == nil { sample = second }
        problem = failure
      }
      points += sample.points
      facts.merge(sample.facts) { $1 }
      made.append((name, sample.points.count, problem))
      if let problem, problem.reason != .notApplicable {
        problems.append(
          CollectorProblem(
            collector: name, reason: problem.reason.rawValue, detail: problem.detail))
      }
    }
    takeBMC()
    await ask(probes, reach, with: gatherer, by: deadline)
  }

  private mutating func ask(
    _ turn: Plan.ProbeTurn?, _ reach: Reach, with gatherer: Gatherer, by deadline: Deadline
  ) async {
    guard let turn else { return }
    let reactor = gatherer.reactors[0]
    // Services have their own time limit: a host without an answer has used up its own.
    let limit = max(deadline, .after(.seconds(10)))
    let questions = HostQuestions(turn.plans, of: turn.host.name, at: turn.host.address)
    let plans = HostQuestions.others(turn.plans)
    var session = answer.steps.isEmpty && answer.failure == nil ? nil : answer
    var answered: [ServiceResult] = []
    if !questions.isEmpty {
      let asked = await reach.ask([questions.batch(with: [])], on: reactor, by: limit)[0]
      session = session ?? asked
      answered = questions.results(from: asked, with: gatherer.kit, explains: true)
    }
    var context = ProbeContext(turn.host, kit: gatherer.kit)
    context.explains = true
    if case .ssh(let target) = reach {
      context.target = target
      context.ssh = session?.outcome(of: target)
    }
    services =
      await reactor.open { [context] reactor in
        await Probes.run(plans, of: context, on: reactor, by: limit)
      } + answered
    points += services.flatMap(\.points)
  }

  private mutating func takeBMC() {
    guard let answer = bmc?.answer else { return }
    points += answer.points
    facts.merge(answer.facts) { $1 }
    problems += answer.problems.map {
      CollectorProblem(
        collector: BMCReading.part($0.part), reason: $0.reason.rawValue, detail: $0.detail)
    }
  }

  var isWhole: Bool {
    answer.failure == nil && bmc?.answer.failure == nil && problems.isEmpty
      && services.allSatisfy { $0.verdict.severity == .ok }
  }
}

/// The scrape of one BMC by hand.
struct BMCVisit: Sendable {
  let settings: BMCSettings
  let answer: BMCAnswer

  init?(_ turn: Plan.BMCTurn?, with gatherer: Gatherer, by deadline: Deadline) async {
    guard let turn else { return nil }
    settings = turn.settings
    do throws(TargetError) {
      let target = try gatherer.bmc(turn.settings, of: turn.host)
      // Read rarely changing parts, too.
      var memory = turn.memory
      memory["identity"] = nil
      answer = await gatherer.reactors[0].open { [memory] reactor in
        await target.ask(remembering: memory, byHand: true, on: reactor, by: deadline)
      }
    } catch {
      var answer = BMCAnswer(time: .now)
      answer.failure = error
      self.answer = answer
    }
  }
}

/// The stored history of a host, if there is a store.
struct History {
  /// The last values of `usage_active` of all CPUs.
  var cpu: [Double] = []
  var lastUp: Timestamp?

  init(of host: String, in site: Site) async {
    guard site.hasStore else { return }
    let store = site.store()
    let now = Timestamp.now
    let from = Timestamp(nanoseconds: now.nanoseconds &- 3_600_000_000_000)
    let values =
      (try? await store.history(
        host: host, measurement: "cpu", field: "usage_active", tags: [Tag("cpu", "cpu-total")],
        from: from, to: now)) ?? []
    cpu = values.suffix(8).compactMap { if case .float(let value) = $0.1 { value } else { nil } }
    lastUp =
      (try? await store.status())?.first {
        $0.host == host && $0.outcome.target == "ssh"
      }?.lastUp
    await store.close()
  }
}
