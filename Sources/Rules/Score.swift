public import Metrics

/// How a number of services are together, as figures and a score.
///
/// Written as `service_summary`: total, online, ok, minor, major, critical, unknown (integers), score
/// and sla (floats, 0 to 100). One that could not be judged counts in `total` and `unknown`, not in the score:
/// what is not known is neither good nor bad.
public struct Score: Sendable, Equatable {
  public private(set) var counts: [Severity: Int] = [:]
  public private(set) var online = 0

  public init() {}

  public mutating func add(_ severity: Severity, isUp: Bool?) {
    counts[severity, default: 0] += 1
    if isUp ?? (severity == .ok) { online += 1 }
  }

  public var total: Int { counts.values.reduce(0, +) }

  /// What a service of that severity is worth, of 1.
  public struct Weights: Sendable, Equatable {
    public var minor: Double
    public var major: Double
    public var critical: Double

    /// All that is not ok is worth nothing.
    public static let percentage = Weights(minor: 0, major: 0, critical: 0)
    /// What works, however badly, is worth something.
    public static let graded = Weights(minor: 0.9, major: 0.5, critical: 0)

    public init(minor: Double, major: Double, critical: Double) {
      self.minor = minor
      self.major = major
      self.critical = critical
    }
  }

  /// From 0 to 100; nil where nothing could be judged.
  public func value(_ weights: Weights) -> Double? {
    let known = total - (counts[.unknown] ?? 0)
    guard known > 0 else { return nil }
    let worth =
      Double(counts[.ok] ?? 0) + weights.minor * Double(counts[.minor] ?? 0)
      + weights.major * Double(counts[.major] ?? 0)
      + weights.critical * Double(counts[.critical] ?? 0)
    return 100 * worth / Double(known)
  }

  /// `sla` is the share of good observations over its window, where one is kept.
  public func point(tags: [Tag], _ weights: Weights, sla: Double? = nil) -> Point {
    var point = Point("service_summary", tags: tags)
    point.integer("total", Int64(total))
    point.integer("online", Int64(online))
    for severity in Severity.allCases {
      point.integer(severity.rawValue, Int64(counts[severity] ?? 0))
    }
    point.percent("score", value(weights))
    point.percent("sla", sla)
    return point
  }
}
