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

  /// The keys that are read here. A kind lists them next to its own, so that the hint for a
  /// mistyped key can name them.
  static let keys = ["name", "measurements", "queue"]

  /// Reads the common options and returns the rest for the kind to read; nil if a fault was found.
  static func decode(
    _ node: Node, _ findings: inout Findings
  ) -> (options: SinkOptions?, rest: Node) {
    guard let pairs = node.pairs else { return (SinkOptions(), node) }
    var options = SinkOptions()
    let before = findings.errors.count
    for pair in pairs {
      switch pair.name {
      case "name":
        findings.set(&options.name) { () throws(ConfigurationError) in
          try word(pair.value, "name")
        }
      case "measurements":
        findings.set(&options.measurements) { () throws(ConfigurationError) in
          try MeasurementFilter(pair.value)
        }
      case "queue":
        _ = findings.gather { findings throws(ConfigurationError) in
          try options.queue.set(pair.value, &findings)
        }
      default: break
      }
    }
    var rest = node
    rest.content = .mapping(pairs.filter { !keys.contains($0.name) })
    return (findings.errors.count == before ? options : nil, rest)
  }
}

/// The measurements that a sink takes: names and patterns with `*` and `?`; a leading `!` excludes.
/// A list of exclusions alone takes all others.
public struct MeasurementFilter: Sendable, Equatable {
  public var wanted: [String] = []
  public var unwanted: [String] = []

  /// Takes all measurements.
  public init() {}

  init(_ node: Node) throws(ConfigurationError) {
    for item in try node.words("measurements") {
      let text = item.text ?? ""
      let pattern = text.hasPrefix("!") ? String(text.dropFirst()) : text
      guard !pattern.isEmpty else {
        throw ConfigurationError("measurements hold an empty name", at: item)
      }
      if text.hasPrefix("!") { unwanted.append(pattern) } else { wanted.append(pattern) }
    }
  }

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

extension QueueBounds {
  mutating func set(_ node: Node, _ findings: inout Findings) throws(ConfigurationError) {
    for pair in try node.mapping("queue", keys: ["size", "keep"], &findings) {
      if pair.name == "size" {
        size = Int64(try pair.value.bytes("size", in: (64 << 10)...(1 << 50)))
      } else {
        keep = try pair.value.duration("keep", in: .seconds(60) ... .seconds(10 * 366 * 86_400))
      }
    }
  }
}

/// A printable text that is not empty.
func word(_ node: Node, _ what: String) throws(ConfigurationError) -> String {
  let text = try node.string(what)
  guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
    throw ConfigurationError("\(what) is empty or holds a control character", at: node)
  }
  return text
}
