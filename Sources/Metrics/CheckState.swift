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
