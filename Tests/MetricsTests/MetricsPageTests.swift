import Foundation
import Metrics
import Testing

/// `docs/metrics.md` is what people build dashboards by: it must say what `FieldTypes` says.
@Suite struct MetricsPageTests {
  /// The page's fields by measurement: rows of "| `name` `name` | type | … |" below "## `measurement`".
  private func page() throws -> [String: [String: FieldType]] {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../docs/metrics.md").standardized
    var page: [String: [String: FieldType]] = [:]
    var measurement = ""
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
      if line.hasPrefix("## ") {
        measurement = try #require(words(line).first, "a heading names no measurement: \(line)")
        #expect(page[measurement] == nil, "\(measurement) stands twice")
        page[measurement] = [:]
      } else if line.hasPrefix("| `") {
        let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        let type = try #require(FieldType(rawValue: cells[1]), "no type: \(line)")
        for field in words(cells[0]) {
          #expect(page[measurement]?[field] == nil, "\(measurement).\(field) stands twice")
          page[measurement]?[field] = type
        }
      }
    }
    return page
  }

  /// What stands between back-ticks.
  private func words(_ text: some StringProtocol) -> [String] {
    text.split(separator: "`", omittingEmptySubsequences: false).enumerated()
      .filter { $0.offset % 2 == 1 }.map { String($0.element) }
  }

  @Test func `the page of metrics names the measurements that are written`() throws {
    #expect(try page().keys.sorted() == FieldTypes.all.keys.sorted())
  }

  @Test(arguments: FieldTypes.all.keys.sorted())
  func `the page of metrics has each field with its type`(_ measurement: String) throws {
    let told = try page()[measurement] ?? [:]
    let written = FieldTypes.all[measurement] ?? [:]
    for field in Set(told.keys).union(written.keys).sorted() {
      #expect(told[field] == written[field], "\(measurement).\(field)")
    }
  }
}
