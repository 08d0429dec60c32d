public import Metrics
internal import Passes

/// The tables of docs/metrics.md, as `scrape help metrics` prints them.
public enum MetricsPage {
  /// All measurements of the catalog in the order of its declarations, or those of that name.
  public static func text(_ catalog: Catalog, only name: String? = nil) -> String {
    var names: [String] = []
    for entry in catalog.entries where !names.contains(entry.measurement.name) {
      names.append(entry.measurement.name)
    }
    return names.filter { name == nil || $0 == name }.map { name in
      let parts = catalog.entries.filter { $0.measurement.name == name }.map(part)
      return "## `\(name)`\n\n" + parts.joined(separator: "\n\n")
    }.joined(separator: "\n\n")
  }

  private static func part(_ entry: Catalog.Entry) -> String {
    let measurement = entry.measurement
    var words = [measurement.summary]
    switch entry.writer {
    case .collector(let name) where name != measurement.name: words.append("Collector `\(name)`.")
    case .probes(let kinds) where !kinds.isEmpty:
      let kinds = kinds.map { "`\($0)`" }
      words.append("\(kinds.count == 1 ? "Probe" : "Probes") \(kinds.joined(separator: ", ")).")
    default: break
    }
    if let source = measurement.source { words.append("Source: \(source).") }
    var text = words.joined(separator: " ") + "\n\n"
    for tag in measurement.tags {
      text += "- Tag `\(tag.name)`" + (tag.meaning.isEmpty ? "\n" : ": \(tag.meaning)\n")
    }
    if !measurement.tags.isEmpty { text += "\n" }
    text += "| field | type | unit | meaning |\n| --- | --- | --- | --- |"
    for spec in measurement.fields {
      let names = spec.names.map { "`\($0)`" }.joined(separator: " ")
      let unit = spec.unit.isInTag ? "tag `unit`" : spec.unit.sign
      text += "\n| \(names) | \(spec.type.rawValue) | \(unit) | \(spec.meaning) |"
    }
    return text
  }
}
