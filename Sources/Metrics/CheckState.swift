/// How a check is: a target, a service, or a rule on one series of a host.
public struct CheckState: Sendable, Equatable {
  /// What counts.
  public var severity: Severity
  /// Since when.
  public var since: Timestamp
  /// When it was last ok; nil if never.
  public var lastOK: Timestamp?
  /// What was seen last.
  public var seen: Severity
  /// What is seen and does not count yet, how often it was seen, and since when.
  public var pending: Severity?
  public var pendingCount: Int
  public var pendingSince: Timestamp
  /// Whether each of the last observations differed from the one before it, the newest in bit 0.
  public var changes: UInt32
  public var isFlapping: Bool
  /// What people are told; it is harmless to print.
  public var message: String

  public init(_ severity: Severity, at time: Timestamp, message: String = "") {
    self.severity = severity
    since = time
    lastOK = severity == .ok ? time : nil
    seen = severity
    pending = nil
    pendingCount = 0
    pendingSince = time
    changes = 0
    isFlapping = false
    self.message = message
  }
}

/// A change of a check that counts.
public struct CheckTransition: Sendable, Equatable {
  /// The check's name: `ssh`, `service https`, `rule disk full{path=/}`.
  public var name: String
  public var from: Severity
  public var to: Severity
  public var time: Timestamp
  /// Since when it was as before; nil where it was seen for the first time.
  public var since: Timestamp?
  /// Whether the check was flapping then.
  public var isFlapping: Bool
  public var message: String

  public init(
    _ name: String, from: Severity, to: Severity, time: Timestamp, since: Timestamp?,
    isFlapping: Bool = false, message: String
  ) {
    self.name = name
    self.from = from
    self.to = to
    self.time = time
    self.since = since
    self.isFlapping = isFlapping
    self.message = message
  }
}
