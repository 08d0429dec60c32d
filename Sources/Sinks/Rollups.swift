internal import Metrics

/// What a rollup keeps of each field, by its kind: the mean and the maximum of a gauge, the last value of
/// a counter, the last and the worst of a state, the last of a text.
///
/// The first of them has the name of the field, so that a query on the copy is one on the original with
/// another retention policy; the maximum is `max_` and the name.
enum Rollups {
  /// The selection of a measurement's fields in InfluxQL; nil if it has none.
  static func influxQL(of measurement: String, in catalog: Catalog) -> String? {
    // An event happens once: a rollup would lose all but one of an interval.
    guard !["event", "login"].contains(measurement) else { return nil }
    let parts = (catalog.fields(of: measurement) ?? []).flatMap { name -> [String] in
      guard let spec = catalog.field(name, of: measurement) else { return [] }
      let field = InfluxQL.quoted(name)
      let worst = "max(\(field)) AS \(InfluxQL.quoted("max_\(name)"))"
      let last = "last(\(field)) AS \(field)"
      switch (spec.kind, spec.type) {
      case (_, .string), (_, .boolean), (.counter, _): return [last]
      case (.state, _): return [last, worst]
      case (.gauge, _): return ["mean(\(field)) AS \(field)", worst]
      }
    }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }

  /// The fields, as `measurement.field`, whose last value is kept, and those of which the mean is.
  static func sets(in catalog: Catalog) -> (last: [String], mean: [String]) {
    var sets: (last: [String], mean: [String]) = ([], [])
    for measurement in catalog.names where !["event", "login"].contains(measurement) {
      for name in catalog.fields(of: measurement) ?? [] {
        guard let spec = catalog.field(name, of: measurement) else { continue }
        let isGauge = spec.kind == .gauge && [.integer, .float].contains(spec.type)
        if isGauge {
          sets.mean.append("\(measurement).\(name)")
        } else {
          sets.last.append("\(measurement).\(name)")
        }
      }
    }
    return sets
  }
}
