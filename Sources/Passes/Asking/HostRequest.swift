internal import Engine
internal import Facts
internal import Hosts
internal import Inventory
internal import Metrics
internal import Policies
internal import Probes

/// A request to one host: its collectors and the commands of its probes in one session, its other
/// probes in parallel. `run`, `host` and `doctor` ask a host with it.
struct HostRequest: Sendable {
  var host: Host
  var reach: Reach
  /// The collectors; with an empty batch there is no session, unless a probe has a command.
  var batch = Batch([])
  /// What its policies need, in the same session.
  var policies: PolicyBook.Work?
  /// The script that reads its facts, in the same session.
  var facts: String?
  /// Collectors that run again in the same session, `pause` later, for their rates.
  var again: Batch?
  var plans: [ProbePlan] = []
  /// Whether the results of probes keep their steps, for `--explain`.
  var explains = false

  static let pause = Duration.seconds(1)

  /// The result of a request.
  struct Response: Sendable {
    /// The batch with the commands of probes.
    var batch: Batch
    /// The answer to each batch; empty if there was no session.
    var answers: [HostAnswer] = []
    /// The duration of the session.
    var took: Duration = .zero
    var services: [ServiceResult] = []
  }

  /// Runs the session until `deadline`, and the other probes until `last`. Only the probe `ssh` waits
  /// for the session, which is its result.
  func send(
    _ kit: ProbeKit, on reactor: Reactor, by deadline: Deadline, probesBy last: Deadline
  ) async -> Response {
    // All that is behind a jump host is asked on its reactor.
    let reactor = reach.reactor ?? reactor
    let questions = HostQuestions(plans, of: host.name, at: host.address)
    let extras = self.extras(by: deadline)
    let hasSession = !batch.items.isEmpty || !questions.isEmpty || !extras.isEmpty
    let others = HostQuestions.others(plans)
    let waiting = others.filter { hasSession && $0.kind == SSHProbe.name }
    let parallel = others.filter { !hasSession || $0.kind != SSHProbe.name }
    async let results = probe(parallel, after: nil, kit, on: reactor, by: last)
    // Without commands of probes, hosts with the same due collectors share a batch.
    var response = Response(
      batch: questions.isEmpty && extras.isEmpty
        ? batch : questions.batch(with: batch.items, extras))
    if hasSession {
      let start = Deadline.now
      response.answers = await ask(response.batch, on: reactor, by: deadline)
      response.took = Deadline.now.since(start)
    }
    let first = response.answers.first
    let late = await probe(waiting, after: first, kit, on: reactor, by: last)
    let answered =
      first.map { questions.results(from: $0, with: kit, explains: explains) } ?? []
    response.services = await results + late + answered
    return response
  }

  /// The scripts for policies and facts.
  private func extras(by deadline: Deadline) -> [Batch.Extra] {
    var extras: [Batch.Extra] = []
    if let policies, !policies.entries.isEmpty {
      extras.append(collection(policies, by: deadline))
    }
    if let facts {
      extras.append(
        Batch.Extra(name: FactScript.name, script: facts, byteLimit: FactScript.limit))
    }
    return extras
  }

  /// The script for policies. It ends before the host's deadline, so that the rest of the answer
  /// counts.
  private func collection(_ policies: PolicyBook.Work, by deadline: Deadline) -> Batch.Extra {
    let seconds = Int(clamping: deadline.remaining.components.seconds)
    return Batch.Extra(
      name: PolicyReading.name,
      script: policies.script.text(
        within: min(CollectionScript.time, max(1, seconds / 2))),
      byteLimit: CollectionScript.limit)
  }

  private func ask(
    _ batch: Batch, on reactor: Reactor, by deadline: Deadline
  ) async -> [HostAnswer] {
    let batches = [batch] + (again.map { [$0] } ?? [])
    guard !deadline.isPast else {
      var answer = HostAnswer(time: .now)
      answer.failure = .notReached
      return batches.map { _ in answer }
    }
    return await reach.ask(batches, pause: Self.pause, on: reactor, by: deadline)
  }

  private func probe(
    _ plans: [ProbePlan], after session: HostAnswer?, _ kit: ProbeKit, on reactor: Reactor,
    by deadline: Deadline
  ) async -> [ServiceResult] {
    guard !plans.isEmpty else { return [] }
    var context = ProbeContext(host, kit: kit)
    context.explains = explains
    if case .ssh(let target) = reach {
      context.target = target
      context.tunnel = target.tunnel
      // A session that was there before says nothing about the server's door.
      context.ssh = session.flatMap { $0.isKept ? nil : $0.outcome(of: target) }
    }
    return await reactor.open { [context] reactor in
      await Probes.run(plans, of: context, on: reactor, by: deadline)
    }
  }
}

extension TargetError {
  static let notReached = TargetError(
    .notReached,
    "the pass ended before its turn; raise --deadline or --fanout, or see `scrape status --limits`")
}
