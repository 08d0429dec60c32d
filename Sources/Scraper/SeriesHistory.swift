internal import Metrics
internal import Rules
internal import Sinks

/// What the store holds of the series that a selector looks at.
enum SeriesHistory {
  typealias Value = (time: Timestamp, value: Double)

  /// The values of each of a host's series by its tags; none where the store cannot be read. `tags` are
  /// those of the host.
  static func of(
    _ selector: Selector, host: String, tags: [Tag], in store: Store, from: Timestamp,
    to: Timestamp
  ) async -> [[Tag]: [Value]] {
    let kept = try? await store.histories(
      host: host, measurement: selector.measurement, field: selector.field, from: from, to: to)
    return (kept ?? [:]).filter { own, _ in
      selector.matches(Point(selector.measurement, tags: own), tags: tags)
    }.mapValues { $0.compactMap(number) }
  }

  /// A value as a number; nil where it is a text.
  static func number(_ time: Timestamp, _ value: FieldValue) -> Value? {
    switch value {
    case .integer(let integer): (time, Double(integer))
    case .float(let float): (time, float)
    case .boolean(let flag): (time, flag ? 1 : 0)
    case .string: nil
    }
  }
}
