/// How a group of checks or a service is: the severities, and two words that only groups have.
public enum GroupState: String, Sendable, CaseIterable, Comparable {
  /// None of its members was ever seen.
  case noData = "no_data"
  case ok
  /// It works, with less behind it than it should have.
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

  /// The same as a severity: what works with less behind it than it should have is minor; nil where
  /// nothing was seen.
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

  /// The order in which the worst member makes the group.
  public static func < (a: GroupState, b: GroupState) -> Bool {
    (allCases.firstIndex(of: a) ?? 0) < (allCases.firstIndex(of: b) ?? 0)
  }
}
