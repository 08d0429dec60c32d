public import Configuration

/// A threshold: a comparison (`> 90`, `<= 5GiB`, `!= 0`) or a Nagios range (`10:20`, `@1:3`).
///
/// Source of the ranges: the Monitoring Plugins Development Guidelines, "Threshold and Ranges": a value
/// outside is bad, `@` turns that round, `10` is 0 to 10, `10:` has no upper end, `~:10` no lower.
/// Numbers may have `%`, a unit of time (the value is in seconds) or of size (in bytes).
public struct Threshold: Sendable, Equatable {
  enum Kind: Sendable, Equatable {
    case above(Double, orEqual: Bool)
    case below(Double, orEqual: Bool)
    case equal(Double)
    case unequal(Double)
    case outside(Double, Double)
    case inside(Double, Double)
  }

  let kind: Kind
  /// The text in the file.
  public let text: String
  /// The limit of a threshold that fires above a number; nil for any other.
  public var upperLimit: Double? { if case .above(let limit, _) = kind { limit } else { nil } }

  public init(_ node: Node, _ what: String) throws(ConfigurationError) {
    text = try node.string(what)
    guard let kind = Self.kind(text) else {
      throw ConfigurationError(
        "\(what) is no threshold", at: node,
        hint: "write \"> 90\", \"< 5GiB\" or a range such as \"10:20\"")
    }
    self.kind = kind
  }

  private static func kind(_ text: String) -> Kind? {
    let text = text.filter { $0 != " " }
    for (word, make) in [
      (">=", { Kind.above($0, orEqual: true) }), ("<=", { .below($0, orEqual: true) }),
      ("==", { .equal($0) }), ("!=", { .unequal($0) }), (">", { .above($0, orEqual: false) }),
      ("<", { .below($0, orEqual: false) }), ("=", { .equal($0) }),
    ] as [(String, (Double) -> Kind)] where text.hasPrefix(word) {
      return number(text.dropFirst(word.count)).map(make)
    }
    return range(text)
  }

  private static func range(_ text: String) -> Kind? {
    let isTurned = text.hasPrefix("@")
    let ends = text.dropFirst(isTurned ? 1 : 0).split(
      separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    var low = 0.0
    var high = Double.infinity
    if ends.count == 1 {
      guard let end = number(ends[0]) else { return nil }
      high = end
    } else {
      guard ends.count == 2 else { return nil }
      if ends[0] == "~" {
        low = -.infinity
      } else if !ends[0].isEmpty {
        guard let end = number(ends[0]) else { return nil }
        low = end
      }
      if !ends[1].isEmpty {
        guard let end = number(ends[1]) else { return nil }
        high = end
      }
    }
    guard low <= high else { return nil }
    return isTurned ? .inside(low, high) : .outside(low, high)
  }

  /// A number with or without a unit, converted to the unit of fields.
  static func number(_ text: Substring) -> Double? {
    if let number = Double(text), number.isFinite { return number }
    if text.hasSuffix("%") { return Double(text.dropLast()).flatMap { $0.isFinite ? $0 : nil } }
    let isNegative = text.hasPrefix("-")
    let bare = String(isNegative ? text.dropFirst() : text)
    let value: Double
    if let bytes = byteCount(bare) {
      value = Double(bytes)
    } else if let time = Duration(text: bare) {
      value = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
    } else {
      return nil
    }
    return isNegative ? -value : value
  }

  /// The lines of a chart: each value at which the result changes, and whether above it is bad. `==` and
  /// `!=` have none.
  public var lines: [(value: Double, isBadAbove: Bool)] {
    switch kind {
    case .above(let end, _): [(end, true)]
    case .below(let end, _): [(end, false)]
    case .equal, .unequal: []
    case .outside(let low, let high):
      // The zero of `10` (0 to 10) is no line.
      [(low, false), (high, true)].filter { $0.0.isFinite && (text.contains(":") || $0.1) }
    case .inside(let low, let high): [(low, true), (high, false)].filter { $0.0.isFinite }
    }
  }

  /// Whether the value crosses the threshold.
  public func isCrossed(by value: Double) -> Bool { isCrossed(by: value, margin: 0) }

  /// Whether the value is still bad with a hysteresis of `margin`.
  func isCrossed(by value: Double, margin: Double) -> Bool {
    switch kind {
    case .above(let end, let orEqual):
      orEqual ? value >= end - margin : value > end - margin
    case .below(let end, let orEqual):
      orEqual ? value <= end + margin : value < end + margin
    case .equal(let number): value == number
    case .unequal(let number): value != number
    case .outside(let low, let high): value < low + margin || value > high - margin
    case .inside(let low, let high): value >= low - margin && value <= high + margin
    }
  }
}
