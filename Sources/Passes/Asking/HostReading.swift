internal import Collectors
public import Metrics
internal import Sinks
internal import Store
public import Hosts
internal import IPMI
public import Inventory
public import Probes

/// The result of scraping one host: points, memory for the next pass, and errors.
public struct HostReading: Sendable {
  /// One point for the SSH session of a host, and one for its BMC.
  public static let measurement = Measurement(
    "scrape", "Result of scraping the host, one point per target and pass.",
    source: "the monitor itself", isOurs: true, tags: ["target": "`ssh`, `bmc`"],
    fields: [
      .presence(
        "up",
        means: """
          1 if the batch was received completely, else 0; absent if that is unknown \
          (`cancelled`, `not_reached`)
          """),
      .string(
        "reason", means: "Cause of the failure, one word of the [list](#reasons); absent when up"),
      .float(
        "duration_ms", unit: .milliseconds, means: "From the first connection attempt to the end"),
      .integer("bytes", unit: .bytes, means: "Received, including SSH itself; not for BMCs"),
      .integer("collectors", means: "Number of collectors that ran; not for BMCs"),
      .integer(
        "problems", means: "Number of collectors, or parts of the BMC, that reported a problem"),
      .integer(
        "since_reboot_s", unit: .seconds,
        means: "Time since a reboot that was observed (the previous boot was known); absent before"),
      .float(
        "clock_offset_s", unit: .seconds,
        means: """
          How far the host's clock is ahead of the monitor's, beyond the uncertainty (one second \
          and the time of the request); absent if `/proc/stat` was not read
          """),
      .integer(
        "dropped",
        means: """
          Points of the host that were dropped because of the limits `series:` and `bytes:` in \
          `scrape.yml`; absent if none
          """),
    ])

  public var result: HostResult
  /// Why scraping the host failed or ended early.
  public var failure: TargetError?
  /// Collectors that do not apply to the host, each with the reason; passes leave them out.
  public private(set) var absent: [(collector: String, detail: String)] = []

  /// Runs the collectors on the answer.
  init(_ answer: HostAnswer, to batch: Batch, of turn: Plan.Turn, took: Duration) {
    let host = turn.host
    result = HostResult(
      batch: PointBatch(host: host.name, tags: host.pointTags, time: answer.time))
    failure = answer.failure
    let bootID = answer.bootID
    let sameBoot = bootID != nil && bootID == turn.state.bootID
    let collected = answer.collect(batch) { collector in
      // Counters of another boot do not apply.
      let mayRemember = sameBoot || collector.remembersAcrossBoots
      return mayRemember ? turn.state.memory[collector.name] : nil
    }
    for part in collected {
      let name = part.name
      result.batch.points += part.sample.points
      result.facts.merge(part.sample.facts) { $1 }
      if !part.sample.memory.isEmpty {
        result.memory[name] = Memory(
          time: answer.time, uptime: answer.uptime, values: part.sample.memory)
      }
      if let problem = part.problem { result.problems.append(problem) }
      if let error = part.error, error.reason == .notApplicable {
        absent.append((name, error.detail))
      }
      if let error = part.error, [.notReached, .timeout].contains(error.reason), failure != nil {
        // Not run: it stays due for the next pass. The host was late, not the timer.
        if turn.due[name] != nil { result.due[name] = answer.time }
        continue
      }
      result.ran.append(name)
      result.due[name] = turn.due[name]
    }
    // The store drops the memory of another boot; this adds what outlives boots. Without a boot id and
    // without new memory the store keeps all.
    if bootID != nil || !result.memory.isEmpty {
      let lasting = Collectors.collectors.filter { $0.remembersAcrossBoots }.map { $0.name }
      for name in lasting + [BMCReading.name] where result.memory[name] == nil {
        result.memory[name] = turn.state.memory[name]
      }
    }
    result.bootID = bootID
    let moment = BootAndClock(answer, turn.state, took: took)
    result.memory[BootAndClock.memory] = moment.kept
    result.batch.points += moment.events
    // Collectors of a host without an answer keep their state.
    if answer.script.isEmpty { result.problems = [] }
    let outcome = TargetOutcome(
      target: CheckName.ssh.text, up: failure == nil, severity: failure.severity(.critical),
      reason: failure?.reason,
      message: failure?.detail, milliseconds: took.milliseconds, bytes: Int64(answer.received))
    result.outcomes = [outcome]
    var point = Point("scrape", tags: [Tag("target", CheckName.ssh.text)], room: 8)
    point.integer("up", failure.up)
    point.string("reason", failure?.reason.rawValue)
    point.float("duration_ms", (took.milliseconds * 1000).rounded() / 1000)
    point.integer("bytes", Int64(answer.received))
    point.integer("collectors", Int64(result.ran.count))
    point.integer("problems", Int64(result.problems.count))
    point.integer("since_reboot_s", moment.sinceReboot)
    point.float("clock_offset_s", moment.offset.map { ($0 * 10).rounded() / 10 })
    result.batch.points.append(point)
  }

  /// Notes that the host failed after it was scraped: its check is worse, its points stay.
  mutating func lose(_ error: TargetError) {
    guard let severity = Optional(error).severity(.critical),
      let index = result.outcomes.indices.first
    else { return }
    failure = error
    result.outcomes[index].up = false
    result.outcomes[index].severity = severity
    result.outcomes[index].reason = error.reason
    result.outcomes[index].message = error.detail
  }
}

extension HostAnswer {
  /// The outcome of the SSH session.
  public func outcome(of target: HostTarget) -> SSHOutcome {
    let login = steps.filter { $0.name != "batch" }.reduce(Duration.zero) { $0 + $1.took }
    return SSHOutcome(port: target.port, failure: failure, latency: login)
  }
}

extension TargetError? {
  /// The field `up`; nil without a result.
  var up: Int64? { self == nil ? 1 : severity(.critical) == nil ? nil : 0 }

  /// The severity; nil without a result.
  public func severity(_ severity: Severity) -> Severity? {
    switch self?.reason {
    case nil: .ok
    case .notReached, .cancelled: nil
    case .localError, .notSupported: .unknown
    default: severity
    }
  }
}
