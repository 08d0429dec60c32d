internal import Configuration
internal import Metrics
public import Store

/// The options of every sink, whatever its kind:
/// `{name: raw, measurements: [cpu, "ipmi_*", "!login"], queue: {size: 256MiB, keep: 7d}}`.
public struct SinkOptions: Sendable, Equatable {
  /// The name for people and for the queue; nil if it is derived from kind and place.
  public var name: String?
  public var measurements = MeasurementFilter()
  public var queue = QueueBounds()

  public init() {}

  init(_ fields: inout Fields) {
    fields.set(
      &name, "name", .word, otherwise: "kind and address",
      "Unique name of the sink, for messages and its queue.", example: "raw")
    fields.set(
      &measurements, "measurements", .measurements,
      "Measurements that the sink takes: names and globs; a leading `!` excludes.")
    let queue = fields.nested(
      "queue", "Limits of the points that wait for the sink.", example: "{size: 1GiB, keep: 14d}"
    ) { QueueBounds(&$0) }
    if let queue { self.queue = queue }
  }
}

/// The measurements that a sink takes: names and patterns with `*` and `?`; a leading `!` excludes.
/// A list of exclusions alone takes all others.
public struct MeasurementFilter: Sendable, Equatable {
  public var wanted: [String] = []
  public var unwanted: [String] = []

  /// Takes all measurements.
  public init() {}

  public func takes(_ measurement: String) -> Bool {
    (wanted.isEmpty || matches(measurement, anyOf: wanted))
      && !matches(measurement, anyOf: unwanted)
  }

  func chosen(of batches: [PointBatch]) -> [PointBatch] {
    if wanted.isEmpty && unwanted.isEmpty { return batches }
    // A pass has thousands of points and a few dozen measurements.
    var known: [String: Bool] = [:]
    return batches.map { batch in
      var chosen = batch
      chosen.points.removeAll { point in
        if let takes = known[point.measurement] { return !takes }
        let takes = takes(point.measurement)
        known[point.measurement] = takes
        return !takes
      }
      return chosen
    }
  }
}

extension SettingType where Value == MeasurementFilter {
  static var measurements: SettingType {
    SettingType("list of names and globs", example: "[cpu, \"ipmi_*\"]", show: { _ in "all" }) {
      node, what throws(ConfigurationError) in
      var filter = MeasurementFilter()
      for item in try node.words(what) {
        let text = item.text ?? ""
        let pattern = text.hasPrefix("!") ? String(text.dropFirst()) : text
        guard !pattern.isEmpty else {
          throw ConfigurationError("measurements hold an empty name", at: item)
        }
        if text.hasPrefix("!") {
          filter.unwanted.append(pattern)
        } else {
          filter.wanted.append(pattern)
        }
      }
      return filter
    }
  }
}

extension QueueBounds {
  fileprivate init(_ fields: inout Fields) {
    self.init()
    let size = fields.take(
      "size", .bytes((64 << 10)...(1 << 50)), default: Int(self.size), "Limit of the bytes.",
      example: "1GiB")
    self.size = Int64(size)
    fields.set(
      &keep, "keep", .duration(.seconds(60) ... .seconds(10 * 366 * 86_400)),
      "Age after which points are dropped.", example: "14d")
  }
}
