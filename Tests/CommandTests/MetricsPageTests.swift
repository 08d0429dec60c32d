import Foundation
import Metrics
import Testing

@testable import Scraper

/// `docs/metrics.md` is what people build dashboards by: between its two marks stands what collectors and
/// probes declare. Run the tests with SCRAPE_UPDATE=1 in the environment to write it anew.
@Suite struct MetricsPageTests {
  private static let updating = ProcessInfo.processInfo.environment["SCRAPE_UPDATE"] != nil
  private static let start =
    "<!-- from here on generated from the declarations: CONTRIBUTING.md says how -->"
  private static let end = "<!-- to here -->"

  @Test func `the page of metrics has every declaration`() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../docs/metrics.md").standardized
    let page = try String(contentsOf: file, encoding: .utf8)
    let start = try #require(page.range(of: Self.start)).upperBound
    let end = try #require(page.range(of: Self.end)).lowerBound
    let generated = "\n\n\(MetricsPage.text(Catalog.all))\n\n"
    if Self.updating {
      try page.replacingCharacters(in: start..<end, with: generated)
        .write(to: file, atomically: true, encoding: .utf8)
      return
    }
    let lines = page[start..<end].split(separator: "\n")
    for (line, wanted) in zip(lines, generated.split(separator: "\n")) {
      try #require(line == wanted, "run it with SCRAPE_UPDATE=1")
    }
    #expect(page[start..<end] == generated)
  }

  @Test func `a field is declared once, with a meaning`() {
    var seen: Set<String> = []
    for measurement in Catalog.all.entries.map(\.measurement) {
      #expect(measurement.summary.hasSuffix("."), "\(measurement.name)")
      for spec in measurement.fields {
        #expect(!spec.meaning.isEmpty && !spec.names.isEmpty, "\(measurement.name)")
        for name in spec.names {
          #expect(
            seen.insert("\(measurement.name).\(name)").inserted, "\(measurement.name).\(name)")
        }
      }
    }
    #expect(seen.count > 400)
  }
}

/// The page's part that follows from the declarations.
private enum MetricsPage {
  static func text(_ catalog: Catalog) -> String {
    var names: [String] = []
    for entry in catalog.entries where !names.contains(entry.measurement.name) {
      names.append(entry.measurement.name)
    }
    return names.map { name in
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
