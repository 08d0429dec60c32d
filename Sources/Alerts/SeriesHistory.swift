public import Metrics
public import Rules
public import Store

/// The stored values of the series that a selector matches.
public enum SeriesHistory: Sendable {
  public typealias Value = (time: Timestamp, value: Double)

  /// The values of each series of a host, by the tags of the series; empty if the store cannot be read.
  /// `tags` are the tags of the host.
  private static func of(
    _ selector: Selector, host: String, tags: [Tag], in store: Store, from: Timestamp,
    to: Timestamp
  ) async -> [[Tag]: [Value]] {
    // Summaries of services are stored under a pseudo host.
    let host = selector.measurement == Selector.together ? Pseudo.all : host
    let kept = try? await store.histories(
      host: host, measurement: selector.measurement, field: selector.field, from: from, to: to)
    return (kept ?? [:]).filter { own, _ in
      selector.matches(Point(selector.measurement, tags: own), tags: tags)
    }.mapValues { $0.compactMap(number) }
  }

  /// The values by the name of the series (`Selector.instance`), with the tags of one series of that
  /// name. A series stays one when its other tags change (`pstate` of a GPU).
  public static func byName(
    _ selector: Selector, host: String, tags: [Tag], in store: Store, from: Timestamp,
    to: Timestamp
  ) async -> [String: (tags: [Tag], values: [Value])] {
    var all: [String: (tags: [Tag], values: [Value])] = [:]
    for (own, found) in await of(
      selector, host: host, tags: tags, in: store, from: from, to: to)
    {
      let name = selector.instance(of: Point(selector.measurement, tags: own))
      all[name, default: (own, [])].values += found
    }
    return all.mapValues { entry in
      (entry.tags, entry.values.sorted { $0.time < $1.time })
    }
  }

  /// The value as a number; nil for text.
  static func number(_ time: Timestamp, _ value: FieldValue) -> Value? {
    value.number.map { (time, $0) }
  }
}
