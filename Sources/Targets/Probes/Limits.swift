public import Metrics

/// From which value on something is minor, major or critical.
public struct Limits<Value: Comparable & Sendable>: Sendable {
  public var minor: Value?
  public var major: Value?
  public var critical: Value?

  public init(minor: Value? = nil, major: Value? = nil, critical: Value? = nil) {
    self.minor = minor
    self.major = major
    self.critical = critical
  }

  /// How bad the value is.
  public func severity(_ value: Value) -> Severity {
    if let critical, value >= critical { return .critical }
    if let major, value >= major { return .major }
    if let minor, value >= minor { return .minor }
    return .ok
  }
}
