internal import Engine
internal import Metrics
public import Rules
internal import Sinks
internal import Store
internal import Probes

/// The self-checks of a pass, and the results of hosts that do not count because of them.
public struct SelfReading: Sendable {
  /// The pseudo host of the self-checks.
  public static let host = Pseudo.scraper
  /// The key of its memory in the store.
  private static let memory = "self"

  public internal(set) var verdict = SelfWatch.Verdict()
  var result: HostResult
  /// The clock step since the last pass.
  private(set) var jump = Duration.zero
  /// Hosts with failures that do not count against them.
  private(set) var unevaluated: [String] = []

  /// Whether a gateway answered pings at its last answer; nil without one.
  static func answersPings(_ gateway: String, _ known: HostState?) -> Bool? {
    known?.memory[memory]?.values["gateway \(gateway)"]?.first.map { $0 == 1 }
  }

  /// Evaluates the self-checks, and removes results from the report that do not count.
  init(
    _ questions: SelfQuestions, _ answers: SelfQuestions.Answers, clock: OwnClock,
    known: HostState, in report: inout Pass.Report
  ) {
    let time = report.start
    result = HostResult(
      batch: PointBatch(host: Self.host, tags: [Tag("host", Self.host)], time: time))
    result.isOfBoot = false
    guard questions.settings.isOn else { return }
    var kept = known.memory[Self.memory]?.values ?? [:]
    var witnesses = SelfWatch.Witnesses()
    witnesses.count(report, questions)
    // Answers before the cut do not count for hosts contacted after it.
    if answers.isCutSince { witnesses.answered = 0 }
    if witnesses.asked > 0, witnesses.answered == 0 { witnesses.way = questions.way }
    witnesses.add(questions, answers, &kept)
    if questions.settings.watchesClock {
      let boot = OwnClock.boot
      if let before = kept["clock"], before.count == 3, boot == known.facts["boot"] {
        let earlier = OwnClock(
          wall: Int64(bitPattern: before[0]), sinceBoot: Int64(bitPattern: before[1]))
        jump = clock.jump(since: earlier)
        witnesses.wasSynchronised = before[2] == 1
      }
      witnesses.jump = jump
      witnesses.isSynchronised = OwnClock.isSynchronised
      witnesses.errorBound = OwnClock.errorBound
      let wasSynchronised = witnesses.wasSynchronised || witnesses.isSynchronised == true
      kept["clock"] = [
        UInt64(bitPattern: clock.wall), UInt64(bitPattern: clock.sinceBoot),
        wasSynchronised ? 1 : 0,
      ]
      result.facts["boot"] = boot
    }
    verdict = SelfWatch.verdict(witnesses)
    report.hold(verdict, questions, into: &unevaluated)
    if !unevaluated.isEmpty {
      let note = "; \(Format.count(unevaluated.count, "host")) not evaluated"
      for index in verdict.findings.indices where verdict.findings[index].severity == .critical {
        verdict.findings[index].message += note
      }
    }
    result.memory[Self.memory] = Memory(time: time, values: kept)
    result.outcomes = verdict.findings.filter { questions.settings.has($0.check) }.map {
      TargetOutcome(
        target: $0.check, up: $0.severity == .ok, severity: $0.severity, reason: $0.reason,
        message: $0.message.isEmpty ? nil : $0.message)
    }
  }
}

/// What an outcome shows about the network between us and the target.
private enum Proof {
  case answered
  /// An answer began, and then stopped.
  case broken
  /// No answer.
  case silent
  /// The name was not resolved.
  case nameless
  /// Not contacted, or failed on this side.
  case none

  init(_ outcome: TargetOutcome) {
    switch outcome.reason {
    // A target that sent anything was reachable.
    case .timeout, .unreachable: self = outcome.bytes > 0 ? .broken : .silent
    case .connectionLost, .packetLoss: self = .broken
    case .nameUnknown: self = .nameless
    case .notReached, .cancelled, .localError, .notSupported, .notPermitted, .noAnswer:
      self = .none
    default: self = .answered
    }
  }

  var isAnswer: Bool { self == .answered || self == .broken }
}

extension SelfWatch.Witnesses {
  /// Counts the remote targets that answered.
  fileprivate mutating func count(_ report: Pass.Report, _ questions: SelfQuestions) {
    for result in report.results + report.context {
      for outcome in result.outcomes {
        let target = SelfQuestions.Target(host: result.batch.host, name: outcome.target)
        guard let place = questions.places[target], place.isProof else { continue }
        let proof = Proof(outcome)
        if proof == .none { continue }
        asked += 1
        if proof.isAnswer { answered += 1 }
        guard place.number == nil else { continue }
        names += 1
        if proof != .nameless { resolved += 1 }
      }
    }
  }

  /// Adds the answers of gateways, and remembers which answered: 1 to pings, 0 to ARP alone.
  fileprivate mutating func add(
    _ questions: SelfQuestions, _ answers: SelfQuestions.Answers, _ kept: inout [String: [UInt64]]
  ) {
    let isPing: UInt64 = 1
    for address in questions.gateways {
      let before = kept["gateway \(address)"]?.first
      let echo = answers.echoes[address]
      let isNeighbour = OwnNetwork.isNeighbour(address)
      var isThere = echo
      if echo != true, before != isPing || echo == nil {
        // Without pings (filtered, or not permitted) the neighbour table decides. A gateway that never
        // answered proves nothing by its absence.
        isThere = isNeighbour == true ? true : before == nil ? nil : isNeighbour
      }
      gateways.append(
        SelfWatch.Neighbour(address, answers: isThere, hasAnswered: before != nil))
      if echo == true {
        kept["gateway \(address)"] = [isPing]
      } else if isNeighbour == true, answered > 0, before == nil || echo == false {
        // While other targets answer, a gateway that ignores pings filters them.
        kept["gateway \(address)"] = [0]
      }
    }
    // Keep a few former gateways: a route may be away for a while.
    let old = kept.keys.filter { key in
      key.hasPrefix("gateway ") && !questions.gateways.contains { key == "gateway \($0)" }
    }
    for key in old.sorted().dropFirst(8) { kept[key] = nil }
    anchors = questions.settings.anchors.map {
      SelfWatch.Neighbour($0, answers: answers.echoes[$0])
    }
    nameServers = questions.nameServers.map {
      SelfWatch.Neighbour(
        $0, answers: answers.nameServers[$0],
        isHere: Dial.number($0).map(questions.network.isHere) ?? false)
    }
  }
}

extension Pass.Report {
  /// Whether missing answers are ambiguous, so that other witnesses are needed.
  func isInDoubt(_ questions: SelfQuestions) -> Bool {
    guard !interrupted, !questions.places.isEmpty else { return false }
    var witnesses = SelfWatch.Witnesses()
    witnesses.count(self, questions)
    return witnesses.asked > 0 && witnesses.answered == 0
      || witnesses.names > 0 && witnesses.resolved == 0
  }

  /// The places of targets that answered, and the number of those without or with part of an answer.
  func proofs(_ questions: SelfQuestions) -> (answered: [SelfQuestions.Place], silent: Int) {
    var answered: [SelfQuestions.Place] = []
    var silent = 0
    for result in results + context {
      for outcome in result.outcomes {
        let target = SelfQuestions.Target(host: result.batch.host, name: outcome.target)
        guard let place = questions.places[target], place.isProof else { continue }
        switch Proof(outcome) {
        case .answered: answered.append(place)
        case .silent, .broken: silent += 1
        case .nameless, .none: break
        }
      }
    }
    return (answered, silent)
  }

  /// Excludes results that the verdict explains from evaluation; points and outcomes stay.
  fileprivate mutating func hold(
    _ verdict: SelfWatch.Verdict, _ questions: SelfQuestions, into unevaluated: inout [String]
  ) {
    guard verdict.isCutOff || verdict.hasNoNames else { return }
    var hosts: Set<String> = []
    func hold(_ result: inout HostResult) {
      let host = result.batch.host
      for index in result.outcomes.indices {
        let outcome = result.outcomes[index]
        let target = SelfQuestions.Target(host: host, name: outcome.target)
        guard let place = questions.places[target], outcome.severity != .ok else { continue }
        switch Proof(outcome) {
        case .silent, .broken: guard verdict.isCutOff else { continue }
        case .nameless: break
        // A plugin has its own messages for unreachable targets.
        default: guard verdict.isCutOff, !place.isProof else { continue }
        }
        result.outcomes[index].severity = nil
        result.isEvaluated = false
        hosts.insert(host)
      }
    }
    for index in readings.indices { hold(&readings[index].result) }
    for index in bmcs.indices { hold(&bmcs[index].result) }
    for index in services.indices { hold(&services[index].result) }
    for index in jumps.indices { hold(&jumps[index].result) }
    unevaluated = hosts.sorted()
  }
}
