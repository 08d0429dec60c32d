public import Metrics

/// The states of one check over a span of time, in slots of equal length.
public struct StateHistory: Sendable, Equatable {
  /// The worst state of each slot, oldest first; nil where it is not known.
  public private(set) var slots = [Severity?](repeating: nil, count: count)
  /// The mean worth of the known part of each slot, from 0 to 1; nil where it is not known.
  public private(set) var worth = [Double?](repeating: nil, count: count)
  /// The share of the known time of 24 hours that it was ok or minor; nil if none is known.
  public let uptime: Double?
  /// The same of 7 days.
  public let uptimeOfWeek: Double?

  public static let count = 90
  public static let span = Duration.seconds(24 * 3600)
  public static let week = Duration.seconds(7 * 24 * 3600)

  /// One change: it was `from`, since `since` where that is known, until `time`.
  public struct Change: Sendable {
    public var time: Timestamp
    public var from: Severity
    public var since: Timestamp?

    public init(time: Timestamp, from: Severity, since: Timestamp?) {
      self.time = time
      self.from = from
      self.since = since
    }
  }

  private struct Span {
    var from: Timestamp
    var to: Timestamp
    var severity: Severity
  }

  /// `changes` are newest first; `since` is the begin of the state now. What was before the oldest known
  /// time stays unknown. `worth` is the weight of a state in the score; unknown has none.
  public init(
    now severity: Severity, since: Timestamp?, changes: [Change], at now: Timestamp,
    worth: (Severity) -> Double
  ) {
    var spans: [Span] = []
    var (end, state) = (now, severity)
    for change in changes where change.time <= end {
      spans.append(Span(from: change.time, to: end, severity: state))
      (end, state) = (change.time, change.from)
    }
    if let begin = changes.isEmpty ? since : changes.last?.since, begin < end {
      spans.append(Span(from: begin, to: end, severity: state))
    }
    uptime = Self.share(spans, from: now.before(Self.span), to: now)
    uptimeOfWeek = Self.share(spans, from: now.before(Self.week), to: now)
    fill(spans, until: now, worth)
  }

  private mutating func fill(_ spans: [Span], until now: Timestamp, _ worth: (Severity) -> Double) {
    let start = now.before(Self.span).nanoseconds
    let length = max(1, (now.nanoseconds &- start) / Int64(Self.count))
    var known = [Double](repeating: 0, count: Self.count)
    var good = known
    for span in spans where span.to.nanoseconds > start && span.from < now {
      let from = max(span.from.nanoseconds, start) &- start
      let to = min(span.to.nanoseconds, now.nanoseconds) &- start
      let value = span.severity == .unknown ? 0 : worth(span.severity)
      for index in Int(from / length)...max(Int(from / length), Int((to - 1) / length)) {
        guard slots.indices.contains(index) else { continue }
        slots[index] = max(slots[index] ?? span.severity, span.severity)
        guard span.severity != .unknown else { continue }
        let begin = max(from, Int64(index) * length)
        let share = Double(min(to, Int64(index + 1) * length) - begin)
        known[index] += share
        good[index] += share * value
      }
    }
    for index in known.indices where known[index] > 0 {
      self.worth[index] = good[index] / known[index]
    }
  }

  private static func share(_ spans: [Span], from: Timestamp, to: Timestamp) -> Double? {
    var known = 0.0
    var good = 0.0
    for span in spans {
      let start = max(span.from, from)
      let end = min(span.to, to)
      guard start < end, span.severity != .unknown else { continue }
      let length = Double(end.nanoseconds &- start.nanoseconds)
      known += length
      if span.severity == .ok || span.severity == .minor { good += length }
    }
    return known > 0 ? good / known : nil
  }
}
