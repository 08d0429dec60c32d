public import Configuration
public import Metrics

/// An SLA: the share of good observations in a window.
public struct SLA: Sendable, Equatable {
  public let window: Duration
  /// The severities that count as good.
  public let counted: Set<Severity>

  /// The severities that count at all: unknown is neither good nor bad.
  public static let evaluated: [Severity] = [.ok, .minor, .major, .critical]

  public init(window: Duration, counting counted: Set<Severity> = [.ok, .minor]) {
    self.window = window
    self.counted = counted
  }

  /// Takes `{window: 24h, count: [ok, minor]}`.
  public init?(_ fields: inout Fields) {
    let window = fields.take(
      "window", .duration(.seconds(60) ... .seconds(400 * 86_400)), otherwise: "required",
      "Length of the window.", example: "24h")
    let counted = fields.take(
      "count", Self.severities, default: [.ok, .minor], "Severities that count as good.")
    guard let window else {
      fields.addUnlessFaulty(
        ConfigurationError("sla has no window", at: fields.node, hint: "write {window: 24h}"))
      return nil
    }
    self.init(window: window, counting: counted)
  }

  private static var severities: SettingType<Set<Severity>> {
    let words = evaluated.map(\.rawValue)
    return SettingType(
      "list of \(either(words))", example: "[ok, minor]", show: { _ in "`[ok, minor]`" }
    ) { node, what throws(ConfigurationError) in
      var counted: Set<Severity> = []
      for word in try node.words(what) {
        guard let severity = evaluated.first(where: { $0.rawValue == word.text }) else {
          throw unknown("severity", word, among: words)
        }
        counted.insert(severity)
      }
      return counted
    }
  }
}

/// The number of observations and of good observations of each scope in the window of an SLA.
///
/// Counts are kept per stretch of a 48th of the window: a pass adds to one count and reads 48 instead of
/// the whole history. The window is therefore at times shorter by one stretch.
public struct Availability: Sendable, Equatable {
  /// Good and evaluated observations of one scope, from the stretch `first` on.
  private struct Counts: Sendable, Equatable {
    var first: Int64
    var good: [UInt64]
    var evaluated: [UInt64]

    var last: Int64 { first &+ Int64(evaluated.count) - 1 }
  }

  private static let stretches: Int64 = 48

  public let sla: SLA
  private var scopes: [String: Counts] = [:]

  public init(_ sla: SLA) { self.sla = sla }

  /// The length of a stretch in seconds.
  private var length: Int64 {
    max(1, (sla.window.components.seconds + Self.stretches - 1) / Self.stretches)
  }

  private func stretch(_ time: Timestamp) -> Int64 { time.seconds / length }

  /// Adds the observations of a scope at a time.
  public mutating func add(_ scope: String, at time: Timestamp, _ counts: [Severity: Int]) {
    var good: UInt64 = 0
    var evaluated: UInt64 = 0
    for severity in SLA.evaluated {
      let count = UInt64(max(0, counts[severity] ?? 0))
      evaluated &+= count
      if sla.counted.contains(severity) { good &+= count }
    }
    let stretch = stretch(time)
    var entry = scopes[scope] ?? Counts(first: stretch, good: [0], evaluated: [0])
    // After a clock change or a long gap the counts are of another time: start anew.
    if stretch < entry.first || stretch - entry.last > Self.stretches {
      entry = Counts(first: stretch, good: [0], evaluated: [0])
    }
    while entry.last < stretch {
      entry.good.append(0)
      entry.evaluated.append(0)
    }
    while entry.last > stretch {
      entry.good.removeLast()
      entry.evaluated.removeLast()
    }
    entry.good[entry.good.count - 1] &+= good
    entry.evaluated[entry.evaluated.count - 1] &+= evaluated
    let excess = entry.evaluated.count - Int(Self.stretches)
    if excess > 0 {
      entry.good.removeFirst(excess)
      entry.evaluated.removeFirst(excess)
      entry.first += Int64(excess)
    }
    scopes[scope] = entry
  }

  /// The share of good observations in percent; nil without evaluated ones.
  public func percent(_ scope: String, at time: Timestamp) -> Double? {
    guard let entry = scopes[scope] else { return nil }
    let oldest = stretch(time) - Self.stretches
    let skipped = Int(clamping: max(0, oldest + 1 - entry.first))
    let evaluated = entry.evaluated.dropFirst(skipped).reduce(0, &+)
    guard evaluated > 0 else { return nil }
    return 100 * Double(entry.good.dropFirst(skipped).reduce(0, &+)) / Double(evaluated)
  }

  /// Drops scopes without observations in the window.
  public mutating func prune(at time: Timestamp) {
    let oldest = stretch(time) - Self.stretches
    scopes = scopes.filter { $0.value.last > oldest }
  }
}

extension Availability {
  /// The key of the window and its settings in the stored values.
  private static let head = ""
  private var kind: [UInt64] {
    [
      UInt64(clamping: sla.window.components.seconds),
      SLA.evaluated.enumerated().reduce(0) {
        $0 | (sla.counted.contains($1.element) ? 1 << UInt64($1.offset) : 0)
      },
    ]
  }

  /// The values for the store.
  public var values: [String: [UInt64]] {
    var values = [Self.head: kind]
    for (scope, entry) in scopes {
      var numbers = [UInt64(clamping: entry.first)]
      for (good, evaluated) in zip(entry.good, entry.evaluated) { numbers += [good, evaluated] }
      values[scope] = numbers
    }
    return values
  }

  /// Reads stored values; nil if they are of another window.
  public init?(_ sla: SLA, values: [String: [UInt64]]) {
    self.init(sla)
    guard values[Self.head] == kind else { return nil }
    for (scope, numbers) in values where scope != Self.head {
      guard let first = numbers.first, numbers.count > 2, numbers.count % 2 == 1,
        numbers.count <= 2 * Int(Self.stretches) + 1
      else { return nil }
      let pairs = numbers.dropFirst().enumerated()
      scopes[scope] = Counts(
        first: Int64(clamping: first), good: pairs.filter { $0.offset % 2 == 0 }.map(\.element),
        evaluated: pairs.filter { $0.offset % 2 == 1 }.map(\.element))
    }
  }

  /// The name of a scope, made of its tags.
  public static func scope(_ tags: [Tag]) -> String {
    tags.sorted { $0.name < $1.name }.map { "\($0.name)=\($0.value)" }.joined(separator: "\u{1f}")
  }
}
