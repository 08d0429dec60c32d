public import Metrics

/// The counts and the score of a group of services.
///
/// An unknown service counts in `total` and `unknown`, but not in the score.
public struct Score: Sendable, Equatable {
  public static let measurement = Measurement(
    "service_summary",
    """
    Summary of services, in each pass that runs probes. Services that this pass did not check \
    (`--limit`, `every:`) count with their last state. While the scraper is cut off, services \
    that it did not reach are `unknown`.
    """,
    source: "the monitor itself", isOurs: true,
    tags: [
      "scope":
        "`all`, `type`, `group`, `group_type`; `tag_NAME` for each tag of `scores: {by: [NAME]}`",
      "type": "the probe's kind, in such a scope", "group": "the group, in such a scope",
      "NAME": "the tag itself, in such a scope",
    ],
    fields: [
      .integer("total", "online", means: "Services ever checked; services that answered"),
      .integer(
        "ok", "minor", "major", "critical", "unknown", means: "Services by state"),
      .float(
        "score", unit: .percent,
        means: """
          0 to 100: share of services that are ok, with the weights of `scores:` for the others; \
          unknown ones are excluded
          """),
      .float(
        "sla",
        means: """
          0 to 100: share of observations in the window of `scores: {sla: …}` that count as \
          good; unknown ones are excluded; absent without it
          """),
    ])

  public private(set) var counts: [Severity: Int] = [:]
  public private(set) var online = 0

  public init() {}

  public mutating func add(_ severity: Severity, isUp: Bool?) {
    counts[severity, default: 0] += 1
    if isUp ?? (severity == .ok) { online += 1 }
  }

  public var total: Int { counts.values.reduce(0, +) }

  /// The weight of a severity, from 0 to 1.
  public struct Weights: Sendable, Equatable {
    public var minor: Double
    public var major: Double
    public var critical: Double

    /// Only ok counts.
    public static let percentage = Weights(minor: 0, major: 0, critical: 0)
    /// Minor and major count in part.
    public static let graded = Weights(minor: 0.9, major: 0.5, critical: 0)

    public init(minor: Double, major: Double, critical: Double) {
      self.minor = minor
      self.major = major
      self.critical = critical
    }
  }

  /// From 0 to 100; nil if all services are unknown.
  public func value(_ weights: Weights) -> Double? {
    let known = total - (counts[.unknown] ?? 0)
    guard known > 0 else { return nil }
    let worth =
      Double(counts[.ok] ?? 0) + weights.minor * Double(counts[.minor] ?? 0)
      + weights.major * Double(counts[.major] ?? 0)
      + weights.critical * Double(counts[.critical] ?? 0)
    return 100 * worth / Double(known)
  }

  /// `sla` is the share of good observations over the SLA window, if there is one.
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
