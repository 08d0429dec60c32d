/// The severity of a state, in rules, services and alerts.
public enum Severity: String, Sendable, CaseIterable, Comparable {
  case ok, minor, major, critical
  /// Unknown: neither good nor bad.
  case unknown

  /// The number in the field `state`: 0 ok, 1 minor, 2 major, 3 critical, 4 unknown.
  public var state: Int64 {
    switch self {
    case .ok: 0
    case .minor: 1
    case .major: 2
    case .critical: 3
    case .unknown: 4
    }
  }

  /// The severity of that number; nil for any other number.
  public init?(state: Int64) {
    guard let severity = Self.allCases.first(where: { $0.state == state }) else { return nil }
    self = severity
  }

  /// The order from good to bad for groups: unknown is worse than ok, and better than a known
  /// fault.
  private var rank: Int {
    switch self {
    case .ok: 0
    case .unknown: 1
    case .minor: 2
    case .major: 3
    case .critical: 4
    }
  }

  public static func < (a: Severity, b: Severity) -> Bool { a.rank < b.rank }
}
