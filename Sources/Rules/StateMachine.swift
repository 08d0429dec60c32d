public import Metrics

/// The state machine of a check.
///
/// A worse state takes effect after the patience (`for:`; soft and hard states in Nagios); a better one
/// at once. A check that changes too often is flapping: its transitions are stored, but no notification
/// is sent until it calms down.
extension CheckState {
  /// The result of one observation.
  public struct Outcome: Sendable {
    /// The severity before the transition, and its begin.
    public var change: (from: Severity, since: Timestamp)?
    /// Whether flapping began or ended.
    public var flapping: Bool?
  }

  /// The number of observations that decide about flapping.
  private static var memory: UInt32 { 20 }
  /// The number of changes among them at which flapping begins and ends: about Nagios's 30 and 20 %.
  private static var begins: Int { 6 }
  private static var ends: Int { 3 }

  /// The state of a check after its first observation: bad at once only without patience.
  public static func first(
    _ severity: Severity, at time: Timestamp, patience: Rule.Patience
  ) -> (CheckState, Outcome) {
    var state = CheckState(.ok, at: time)
    state.lastOK = nil
    state.seen = severity
    let outcome = state.evaluate(severity, at: time, patience: patience)
    if severity == .ok { state.lastOK = time }
    return (state, outcome)
  }

  /// Records an observation.
  public mutating func observe(
    _ severity: Severity, at time: Timestamp, patience: Rule.Patience = .none
  ) -> Outcome {
    changes = (changes << 1 | (severity == seen ? 0 : 1)) & ((1 << Self.memory) - 1)
    seen = severity
    if severity == .ok { lastOK = time }
    let count = changes.nonzeroBitCount
    var outcome = Outcome()
    if !isFlapping, count >= Self.begins {
      isFlapping = true
      outcome.flapping = true
    } else if isFlapping, count <= Self.ends {
      isFlapping = false
      outcome.flapping = false
    }
    outcome.change = evaluate(severity, at: time, patience: patience).change
    return outcome
  }

  private mutating func evaluate(
    _ severity: Severity, at time: Timestamp, patience: Rule.Patience
  ) -> Outcome {
    guard severity != self.severity else {
      pending = nil
      return Outcome()
    }
    if severity > self.severity {
      // A trouble that becomes worse keeps its begin.
      if pending == nil || (pending ?? .ok) <= self.severity {
        pendingCount = 0
        pendingSince = time
      }
      pending = severity
      pendingCount += 1
      switch patience {
      case .passes(let count) where pendingCount < count: return Outcome()
      case .time(let length):
        let lasted = time.nanoseconds.subtractingReportingOverflow(pendingSince.nanoseconds)
        let needed = length.components.seconds &* 1_000_000_000
        if !lasted.overflow, lasted.partialValue >= 0, lasted.partialValue < needed {
          return Outcome()
        }
      default: break
      }
    }
    let before = (from: self.severity, since: since)
    self.severity = severity
    since = time
    pending = nil
    return Outcome(change: before)
  }
}
