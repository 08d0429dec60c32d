/// What one pass found out about one host.
public struct HostResult: Sendable, Equatable {
  /// The points, for the history; `batch.host` is the host that all of this is about.
  public var batch: PointBatch
  /// The boot that was seen; nil where the host did not tell.
  public var bootID: String?
  /// Whether what is remembered was read on the host itself, and so is of that boot; a BMC's is not.
  public var isOfBoot = true
  /// Whether what was seen is the host's: where the scraper itself is cut off, rules leave it alone.
  public var isJudged = true
  /// The collectors that had their turn: what they had to complain of before is forgotten.
  public var ran: [String]
  /// Merged into what is kept: the memory of a collector that is not named here stays.
  public var memory: [String: Memory]
  /// Merged likewise.
  public var due: [String: Timestamp]
  /// Merged likewise.
  public var facts: [String: String]
  public var outcomes: [TargetOutcome]
  public var problems: [CollectorProblem]
  /// The states of checks that differ from what was loaded, by their names.
  public var states: [String: CheckState] = [:]
  /// Checks that are no more.
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

/// How asking one target of a host went.
public struct TargetOutcome: Sendable, Equatable {
  /// `ssh`, `bmc` or `probes`.
  public var target: String
  public var up: Bool
  /// How bad it is; nil where nothing was learnt.
  public var severity: Severity?
  /// The closed word for why it is not up: `timeout`.
  public var reason: String?
  /// The sentence for people. It may hold the host's words.
  public var message: String?
  public var milliseconds: Double
  public var bytes: Int64

  public init(
    target: String, up: Bool, severity: Severity? = nil, reason: String? = nil,
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

/// How a target was when it was last asked.
public struct TargetStatus: Sendable, Equatable {
  public var host: String
  public var outcome: TargetOutcome
  /// When it was last asked.
  public var time: Timestamp
  /// Since when it has been up, or down.
  public var since: Timestamp
  /// When it was last seen up; nil if never.
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

/// Why a collector had nothing, or not all, to tell.
public struct CollectorProblem: Sendable, Equatable {
  public var collector: String
  public var reason: String
  /// For people. It may hold the host's words.
  public var detail: String

  public init(collector: String, reason: String, detail: String) {
    self.collector = collector
    self.reason = reason
    self.detail = detail
  }
}

/// Which hosts a pass was over, and who started it.
public enum PassScope: Int64, Sendable, CaseIterable {
  /// All hosts, started by a timer.
  case timer = 0
  /// All hosts, started from a terminal.
  case hand = 1
  /// Some hosts or collectors only, or one that was interrupted.
  case part = 2
}

/// One walk of the inventory, in figures.
public struct PassSummary: Sendable, Equatable {
  public var start: Timestamp
  public var end: Timestamp
  public var hosts: Int
  public var up: Int
  public var failed: Int
  public var points: Int
  /// What people were told.
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
