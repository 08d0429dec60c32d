public import Configuration
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

extension Fields {
  /// Limits by severity, `loss: {minor: 10, critical: 50}`, or one value for critical.
  public mutating func limits<Value>(
    _ key: String, _ type: SettingType<Value>, otherwise: String = "", _ meaning: String,
    example: String? = nil
  ) -> Limits<Value>? {
    nested(
      key, or: type.map { Limits(critical: $0) }, otherwise: otherwise, meaning,
      example: example ?? "{minor: \(type.example), critical: \(type.example)}", what: key,
      prefix: "\(key): ", isListed: false
    ) { limits in
      Limits(
        minor: limits.take("minor", type, "Limit of minor."),
        major: limits.take("major", type, "Limit of major."),
        critical: limits.take("critical", type, "Limit of critical."))
    }
  }
}
