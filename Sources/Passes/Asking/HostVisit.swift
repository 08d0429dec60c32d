public import Collectors
public import Engine
public import Hosts
public import IPMI
public import Inventory
public import Metrics
public import Probes
public import Store

/// The scrape of one host by hand: all collectors, 1 s later those with counters, its services and its BMC.
public struct HostVisit: Sendable {
  public let turn: Plan.Turn
  /// The answer of the BMC, and its settings.
  public let bmc: BMCVisit?
  /// The results of its services.
  public let services: [ServiceResult]
  /// The services whose answers on several ways disagree, each as the check that compares them.
  public let disagreeing: [(check: String, severity: Severity, message: String)]
  public let answer: HostAnswer
  /// The points; those of the second answer replace those of the first.
  public private(set) var points: [Point] = []
  public private(set) var facts: [String: String] = [:]
  public private(set) var problems: [CollectorProblem] = []
  /// The result of each collector, for `--explain`.
  public private(set) var made: [(collector: String, points: Int, error: CollectorError?)] = []

  public init(
    _ turn: Plan.Turn, _ reach: Reach, bmc bmcTurn: Plan.BMCTurn?, probes: Plan.ProbeTurn?,
    with gatherer: Gatherer, by deadline: Deadline
  ) async {
    self.turn = turn
    let reactor = gatherer.reactors[0]
    // In parallel: the BMC answers even if the host does not.
    async let asked = BMCVisit(bmcTurn, with: gatherer, by: deadline)
    // Skip users, log-ins, disks and GPUs: they do not change in 1 s, and each costs a process.
    let again = Batch(
      turn.batch.items.filter { !$0.collector.mayHang && !$0.collector.remembersAcrossBoots })
    let request = HostRequest(
      host: turn.host, reach: reach, batch: turn.batch,
      again: again.items.isEmpty ? nil : again, plans: probes?.plans ?? [], explains: true)
    let response = await request.send(
      gatherer.kit, on: reactor, by: deadline, probesBy: deadline)
    answer = response.answers.first ?? HostAnswer(time: .now)
    services = response.services
    let verdicts = Dictionary(
      services.map { ($0.service, $0.verdict) }, uniquingKeysWith: { first, _ in first })
    disagreeing = ServiceWays.all(probes?.plans ?? [], of: turn.host).compactMap { ways in
      let (severity, message) = ways.comparison { service in
        verdicts[service].map { ServiceWays.Answer($0.severity, $0.reason, $0.message) }
      }
      return severity == .ok ? nil : (ways.check.text, severity, message)
    }
    bmc = await asked
    collect(response, again: again)
    if let answer = bmc?.answer {
      points += answer.points
      facts.merge(answer.facts) { $1 }
      problems += answer.problems.map(BMCReading.problem)
    }
    points += services.flatMap(\.points)
  }

  private mutating func collect(_ response: HostRequest.Response, again: Batch) {
    guard !response.answers.isEmpty else { return }
    var parts = answer.collect(response.batch)
    if response.answers.count > 1, response.answers[1].failure == nil {
      let first = Dictionary(
        parts.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
      let second = response.answers[1].collect(again) { collector in
        guard let memory = first[collector.name]?.sample.memory, !memory.isEmpty else { return nil }
        return Memory(time: answer.time, uptime: answer.uptime, values: memory)
      }
      for later in second {
        guard let index = parts.firstIndex(where: { $0.name == later.name }),
          parts[index].error == nil
        else { continue }
        if later.error == nil { parts[index].sample = later.sample }
        parts[index].error = later.error
      }
    }
    for part in parts {
      points += part.sample.points
      facts.merge(part.sample.facts) { $1 }
      made.append((part.name, part.sample.points.count, part.error))
      if let problem = part.problem { problems.append(problem) }
    }
  }

  public var isWhole: Bool {
    answer.failure == nil && bmc?.answer.failure == nil && problems.isEmpty
      && services.allSatisfy { $0.verdict.severity == .ok }
  }
}

/// The scrape of one BMC by hand.
public struct BMCVisit: Sendable {
  public let settings: BMCSettings
  public let answer: BMCAnswer

  init?(_ turn: Plan.BMCTurn?, with gatherer: Gatherer, by deadline: Deadline) async {
    guard let turn else { return nil }
    settings = turn.settings
    // Read rarely changing parts, too.
    var memory = turn.memory
    memory["identity"] = nil
    answer = await gatherer.ask(
      turn.settings, of: turn.host, remembering: memory, on: gatherer.reactors[0], by: deadline)
  }
}

/// The stored history of a host, if there is a store.
public struct HostHistory: Sendable {
  /// The last values of `usage_active` of all CPUs.
  public var cpu: [Double] = []
  public var lastUp: Timestamp?
  /// The last results of its policies.
  public var policies: [Store.PolicyScore] = []

  /// Reads the last hour; `store` is nil if there is none yet. Policies are those of the settings.
  public init(of host: String, policies list: PolicyList, in store: Store?) async {
    guard let store else { return }
    let now = Timestamp.now
    let values =
      (try? await store.history(
        host: host, measurement: "cpu", field: "usage_active", tags: [Tag("cpu", "cpu-total")],
        from: now.before(.seconds(3600)), to: now)) ?? []
    cpu = values.suffix(8).compactMap(\.1.number)
    lastUp =
      (try? await store.status())?.first {
        $0.host == host && $0.outcome.target == CheckName.ssh.text
      }?.lastUp
    guard !list.of(host).isEmpty else { return }
    let scores = (try? await store.policyScores(of: host, latest: true)) ?? []
    policies = list.of(host).compactMap { policy in scores.first { $0.policy == policy.name } }
  }
}
