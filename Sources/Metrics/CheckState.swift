/// The state of a check: a target, a service, or a rule on one series of a host.
public struct CheckState: Sendable, Equatable {
  /// The effective severity.
  public var severity: Severity
  /// The start of that severity.
  public var since: Timestamp
  /// The time at which it was last ok; nil if never.
  public var lastOK: Timestamp?
  /// The last observation.
  public var seen: Severity
  /// An observed severity that is not yet in effect, the number of its observations, and the first
  /// one's time.
  public var pending: Severity?
  public var pendingCount: Int
  public var pendingSince: Timestamp
  /// Whether each of the last observations differed from the one before it, the newest in bit 0.
  public var changes: UInt32
  public var isFlapping: Bool
  /// Why it is not ok; nil where it is, and for rules and services of scrape.yml.
  public var reason: Reason?
  /// The message for people, without the reason; harmless to print.
  public var message: String
  /// The reason and the message.
  public var text: String { Reason.text(reason, message) }

  public init(
    _ severity: Severity, at time: Timestamp, reason: Reason? = nil, message: String = ""
  ) {
    self.severity = severity
    since = time
    lastOK = severity == .ok ? time : nil
    seen = severity
    pending = nil
    pendingCount = 0
    pendingSince = time
    changes = 0
    isFlapping = false
    self.reason = reason
    self.message = message
  }
}

/// A transition of a check.
public struct CheckTransition: Sendable, Equatable {
  /// The check's name: `ssh`, `service https`, `rule disk full{path=/}`.
  public var name: String
  public var from: Severity
  public var to: Severity
  public var time: Timestamp
  /// The start of the previous state; nil for the first observation.
  public var since: Timestamp?
  /// Whether the check was flapping at that time.
  public var isFlapping: Bool
  /// Why it is not ok now; nil where it is, and for rules and services of scrape.yml.
  public var reason: Reason?
  /// The message for people, without the reason; harmless to print.
  public var message: String
  /// The reason and the message.
  public var text: String { Reason.text(reason, message) }

  public init(
    _ name: String, from: Severity, to: Severity, time: Timestamp, since: Timestamp?,
    isFlapping: Bool = false, reason: Reason? = nil, message: String
  ) {
    self.name = name
    self.from = from
    self.to = to
    self.time = time
    self.since = since
    self.isFlapping = isFlapping
    self.reason = reason
    self.message = message
  }
}
