/// The results of one pass for one host.
public struct HostResult: Sendable, Equatable {
  /// The points for the history; `batch.host` names the host of these results.
  public var batch: PointBatch
  /// The current boot; nil if the host did not report it.
  public var bootID: String?
  /// Whether the memory was read on the host itself, and so belongs to that boot; a BMC's does not.
  public var isOfBoot = true
  /// Whether the results reflect the host: if the scraper itself is cut off, rules ignore them.
  public var isEvaluated = true
  /// The collectors that ran: their earlier faults are dropped.
  public var ran: [String]
  /// Merged into the stored memory: that of a collector not named here stays.
  public var memory: [String: Memory]
  /// Merged in the same way.
  public var due: [String: Timestamp]
  /// Merged in the same way.
  public var facts: [String: String]
  public var outcomes: [TargetOutcome]
  public var problems: [CollectorProblem]
  /// The states of checks that changed, by name.
  public var states: [String: CheckState] = [:]
  /// Checks that no longer exist.
  public var gone: [String] = []
  public var transitions: [CheckTransition] = []

  public init(
    batch: PointBatch, bootID: String? = nil, ran: [String] = [], memory: [String: Memory] = [:],
    due: [String: Timestamp] = [:], facts: [String: String] = [:], outcomes: [TargetOutcome] = [],
    problems: [CollectorProblem] = []
  ) {
    self.batch = batch
    self.bootID = bootID
    self.ran = ran
    self.memory = memory
    self.due = due
    self.facts = facts
    self.outcomes = outcomes
    self.problems = problems
  }
}

/// Result of scraping one target of a host.
public struct TargetOutcome: Sendable, Equatable {
  /// `ssh`, `bmc` or `probes`.
  public var target: String
  public var up: Bool
  /// The severity; nil if nothing is known.
  public var severity: Severity?
  /// Why it is not ok; nil where it is.
  public var reason: Reason?
  /// The message for people. May hold the host's words.
  public var message: String?
  public var milliseconds: Double
  public var bytes: Int64

  public init(
    target: String, up: Bool, severity: Severity? = nil, reason: Reason? = nil,
    message: String? = nil, milliseconds: Double = 0, bytes: Int64 = 0
  ) {
    self.target = target
    self.up = up
    self.severity = severity
    self.reason = reason
    self.message = message
    self.milliseconds = milliseconds
    self.bytes = bytes
  }
}

/// The last known state of a target.
public struct TargetStatus: Sendable, Equatable {
  public var host: String
  public var outcome: TargetOutcome
  /// The time of the last scrape.
  public var time: Timestamp
  /// The start of the present state, up or down.
  public var since: Timestamp
  /// The time at which it was last up; nil if never.
  public var lastUp: Timestamp?

  public init(
    host: String,
    outcome: TargetOutcome,
    time: Timestamp,
    since: Timestamp,
    lastUp: Timestamp? = nil
  ) {
    self.host = host
    self.outcome = outcome
    self.time = time
    self.since = since
    self.lastUp = lastUp
  }
}

/// Why a collector returned nothing or not all.
public struct CollectorProblem: Sendable, Equatable {
  public var collector: String
  public var reason: Reason
  /// The message for people. May hold the host's words.
  public var detail: String

  public init(collector: String, reason: Reason, detail: String) {
    self.collector = collector
    self.reason = reason
    self.detail = detail
  }
}

/// The scope of a pass, and how it was started.
public enum PassScope: Int64, Sendable, CaseIterable {
  /// All hosts, started by a timer.
  case timer = 0
  /// All hosts, started from a terminal.
  case hand = 1
  /// Some hosts or collectors only, or an interrupted pass.
  case part = 2
}

/// The counts of one pass over the inventory.
public struct PassSummary: Sendable, Equatable {
  public var start: Timestamp
  public var end: Timestamp
  public var hosts: Int
  public var up: Int
  public var failed: Int
  public var points: Int
  /// The warnings that the pass printed.
  public var warnings: [String]
  public var scope: PassScope

  public init(
    start: Timestamp, end: Timestamp, hosts: Int, up: Int, failed: Int, points: Int,
    warnings: [String] = [], scope: PassScope = .timer
  ) {
    self.scope = scope
    self.start = start
    self.end = end
    self.hosts = hosts
    self.up = up
    self.failed = failed
    self.points = points
    self.warnings = warnings
  }
}
