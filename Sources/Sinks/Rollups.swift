internal import Metrics

/// What a rollup keeps of each field, by its kind: the mean and the maximum of a gauge, the last value of
/// a counter, the last and the worst of a state, the last of a text, the sum of counts.
///
/// The first of them has the name of the field, so that a query on the copy is one on the original with
/// another retention policy; the maximum is `max_` and the name, the minimum `min_` and the name.
enum Rollups {
  /// The selection of a measurement's fields in InfluxQL; nil if it has none.
  static func influxQL(of measurement: String, in catalog: Catalog) -> String? {
    // An event happens once: a rollup would lose all but one of an interval.
    guard !["event", "login"].contains(measurement) else { return nil }
    let parts = (catalog.fields(of: measurement) ?? []).flatMap { name -> [String] in
      guard let spec = catalog.field(name, of: measurement) else { return [] }
      let field = InfluxQL.quoted(name)
      let greatest = "max(\(field)) AS \(InfluxQL.quoted("max_\(name)"))"
      let last = "last(\(field)) AS \(field)"
      switch (spec.kind, spec.type) {
      case (_, .string), (_, .boolean), (.counter, _): return [last]
      case (.state, _): return [last, greatest]
      case (.presence, _):
        return [last, "min(\(field)) AS \(InfluxQL.quoted("min_\(name)"))"]
      case (.sum, _): return ["sum(\(field)) AS \(field)"]
      case (.gauge, _): return ["mean(\(field)) AS \(field)", greatest]
      }
    }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }

  /// The fields, as `measurement.field`, of which each function of Flux is kept, and the prefix of its name.
  static func sets(in catalog: Catalog) -> [(function: String, prefix: String, fields: [String])] {
    var sets: [(function: String, prefix: String, fields: [String])] = [
      ("mean", "", []), ("max", "max_", []), ("last", "", []), ("min", "min_", []), ("sum", "", []),
    ]
    for measurement in catalog.names where !["event", "login"].contains(measurement) {
      for name in catalog.fields(of: measurement) ?? [] {
        guard let spec = catalog.field(name, of: measurement) else { continue }
        let functions: Set<String> =
          switch (spec.kind, spec.type) {
          case (_, .string), (_, .boolean), (.counter, _): ["last"]
          case (.state, _): ["last", "max"]
          case (.presence, _): ["last", "min"]
          case (.sum, _): ["sum"]
          case (.gauge, _): ["mean", "max"]
          }
        for index in sets.indices where functions.contains(sets[index].function) {
          sets[index].fields.append("\(measurement).\(name)")
        }
      }
    }
    return sets.filter { !$0.fields.isEmpty }
  }
}
