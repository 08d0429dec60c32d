public import Configuration
public import Metrics

/// A function over the stored history, which a rule compares instead of the last value.
public struct Window: Sendable, Equatable {
  public enum Function: String, Sendable, CaseIterable {
    case min, max, avg
    /// The last value minus the first.
    case delta
    /// The delta per second.
    case rate
    /// The number of values.
    case count
    /// Seconds until the value reaches 100, by linear regression; infinite while it does not rise.
    case timeToFull = "time_to_full"

    /// The unit of the figure over a field in that unit.
    public func unit(_ unit: String) -> String {
      switch self {
      case .min, .max, .avg, .delta: unit
      case .count: ""
      case .rate: unit.isEmpty ? "1/s" : "\(unit)/s"
      case .timeToFull: "s"
      }
    }
  }

  public let function: Function
  public let length: Duration

  /// Reads `avg 5m`.
  public init(_ node: Node) throws(ConfigurationError) {
    let words = try node.string("window").split(separator: " ")
    guard words.count == 2, let length = Duration(text: String(words[1])),
      length >= .seconds(1), length <= .seconds(7 * 86_400)
    else {
      throw ConfigurationError(
        "window must be a figure and a length of time of at most a week", at: node,
        hint: "write \"avg 5m\" or \"time_to_full 6h\"")
    }
    guard let function = Function(rawValue: String(words[0])) else {
      throw unknown(
        "figure", Node(String(words[0]), like: node), among: Function.allCases.map(\.rawValue))
    }
    self.function = function
    self.length = length
  }

  /// The result over these values, the oldest first; nil with too few values.
  public func figure(_ values: [(time: Timestamp, value: Double)]) -> Double? {
    guard let first = values.first, let last = values.last else {
      return function == .count ? 0 : nil
    }
    let numbers = values.lazy.map(\.value)
    switch function {
    case .min: return numbers.min()
    case .max: return numbers.max()
    case .avg: return numbers.reduce(0, +) / Double(values.count)
    case .count: return Double(values.count)
    case .delta: return values.count < 2 ? nil : last.value - first.value
    case .rate:
      let seconds = Self.seconds(from: first.time, to: last.time)
      return seconds > 0 ? (last.value - first.value) / seconds : nil
    case .timeToFull: return timeToFull(values, last.value)
    }
  }

  private static func seconds(from first: Timestamp, to last: Timestamp) -> Double {
    Double(last.since(first).nanoseconds) / 1e9
  }

  /// Least squares, with times from the first value so that squares stay exact.
  private func timeToFull(
    _ values: [(time: Timestamp, value: Double)], _ last: Double
  ) -> Double? {
    // Two points are no trend.
    guard values.count >= 3, let start = values.first?.time else { return nil }
    if last >= 100 { return 0 }
    var (sumX, sumY, sumXX, sumXY) = (0.0, 0.0, 0.0, 0.0)
    for (time, value) in values {
      let x = Self.seconds(from: start, to: time)
      sumX += x
      sumY += value
      sumXX += x * x
      sumXY += x * value
    }
    let count = Double(values.count)
    let spread = count * sumXX - sumX * sumX
    guard spread > 0 else { return nil }
    let slope = (count * sumXY - sumX * sumY) / spread
    // Infinity is a result, too: it resolves the alert of a disk that no longer fills.
    return slope > 0 ? (100 - last) / slope : .infinity
  }
}
