/// The state of a group of checks or a service: a severity, or one of two states that only groups
/// have.
public enum GroupState: String, Sendable, CaseIterable, Comparable {
  /// No member was ever observed.
  case noData = "no_data"
  case ok
  /// The group works with reduced redundancy.
  case degraded
  case unknown, minor, major, critical

  public init(_ severity: Severity) {
    self =
      switch severity {
      case .ok: .ok
      case .unknown: .unknown
      case .minor: .minor
      case .major: .major
      case .critical: .critical
      }
  }

  /// The equivalent severity: reduced redundancy is minor; nil if nothing was observed.
  public var severity: Severity? {
    switch self {
    case .noData: nil
    case .ok: .ok
    case .degraded, .minor: .minor
    case .unknown: .unknown
    case .major: .major
    case .critical: .critical
    }
  }

  /// The order in which the worst member sets the group's state.
  public static func < (a: GroupState, b: GroupState) -> Bool {
    (allCases.firstIndex(of: a) ?? 0) < (allCases.firstIndex(of: b) ?? 0)
  }
}
