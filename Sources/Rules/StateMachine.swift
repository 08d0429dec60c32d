public import Metrics

/// How a check goes from one state to another.
///
/// A change for the worse counts when it has lasted (soft becomes hard, in Nagios's words); one for the
/// better at once. A check that changes too often is flapping: its changes are kept, but nobody is told
/// until it has calmed down.
extension CheckState {
  /// What one observation brought about.
  public struct Outcome: Sendable {
    /// From which severity, and since when.
    public var change: (from: Severity, since: Timestamp)?
    /// Whether it began to flap, or ended.
    public var flapping: Bool?
  }

  /// Observations that flapping is judged by.
  private static var memory: UInt32 { 20 }
  /// It begins with so many changes among them, and ends with so few: about Nagios's 30 and 20 %.
  private static var begins: Int { 6 }
  private static var ends: Int { 3 }

  /// The state of a check that is seen for the first time: bad at once only where that counts at once.
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

  /// Takes an observation.
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
      // Worse and worse is one trouble: its time runs from its beginning.
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
