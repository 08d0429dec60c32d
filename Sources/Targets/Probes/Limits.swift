public import Metrics

/// The limits from which a value is minor, major or critical.
public struct Limits<Value: Comparable & Sendable>: Sendable {
  public var minor: Value?
  public var major: Value?
  public var critical: Value?

  public init(minor: Value? = nil, major: Value? = nil, critical: Value? = nil) {
    self.minor = minor
    self.major = major
    self.critical = critical
  }

  /// The severity of the value.
  public func severity(_ value: Value) -> Severity {
    if let critical, value >= critical { return .critical }
    if let major, value >= major { return .major }
    if let minor, value >= minor { return .minor }
    return .ok
  }
}
