internal import Engine
public import Metrics

/// The result of one probe of one host.
public struct ServiceResult: Sendable {
  public var service: String
  /// The probe's name: `http`.
  public var probe: String
  /// Zero for probes without ports.
  public var port: UInt16
  /// The name of the address that was asked; nil for the host's `address:`.
  public var path: String?
  public var verdict: Verdict
  /// Its steps, if they were recorded.
  public var trace: Trace?

  /// The tag of points of services that were asked at another address than the host's `address:`, or from this
  /// machine past a jump host (`from: centre`): else both answers would be one point in a database.
  public static let path = "path"
  /// The value of that tag; nil for neither.
  private let way: String?

  static let measurement = Measurement(
    "service", "Result of each entry of a host's `probes:`: one point per service and pass.",
    isOurs: true,
    tags: [
      "service": "the entry as written, or its `name`", "probe": "its kind",
      "port": "where there is one",
    ],
    fields: [
      .presence(
        "up",
        means: "1 if it answered in its own protocol, 0 if not; absent if that is unknown"),
      .state("state", means: "0 ok, 1 minor, 2 major, 3 critical, 4 unknown"),
      .float(
        "latency_ms", unit: .milliseconds,
        means: "From the first packet to the relevant answer; absent without an answer"),
      .string(
        "reason", means: "Cause, one word of the [list](#reasons); absent when ok"),
      .string("message", means: "The cause for people; may contain text of the host"),
    ])

  init(_ plan: ProbePlan, trace: Trace? = nil) {
    service = plan.service
    probe = plan.kind
    port = plan.port
    path = plan.path
    way = plan.path ?? (plan.isAtCentre ? "centre" : nil)
    verdict = Verdict(.unknown, .notReached, "")
    self.trace = trace
  }

  /// The point `service` and those of the probe, without the tags of the host.
  public var points: [Point] {
    var point = Point("service")
    point.tag("service", service)
    point.tag("probe", probe)
    if port > 0 { point.tag("port", String(port)) }
    if let way { point.tag(Self.path, way) }
    point.integer("up", verdict.isUp.map { $0 ? Int64(1) : 0 })
    point.integer("state", verdict.severity.state)
    point.float("latency_ms", verdict.latency.map { $0.milliseconds })
    point.string("reason", verdict.reason?.rawValue)
    point.string("message", verdict.message)
    // Points without tags of their own would form one series for several services of a host.
    let others = verdict.points.map { other in
      var other = other
      if other.tags.isEmpty { other.tag("service", service) }
      if let way, other[tag: Self.path] == nil { other.tag(Self.path, way) }
      return other
    }
    return [point] + others
  }
}

extension Duration {
  /// In milliseconds, exact to the nanosecond.
  var milliseconds: Double {
    Double(components.seconds) * 1000 + Double(components.attoseconds / 1_000_000_000) / 1_000_000
  }

  /// In seconds, exact to the nanosecond.
  var inSeconds: Double {
    Double(components.seconds) + Double(components.attoseconds / 1_000_000_000) / 1_000_000_000
  }
}
