import Console
import Foundation
import Lab
import Metrics
import Testing

@testable import Scraper

/// `docs/metrics.md` is what people build dashboards by: between its two marks stands what collectors and
/// probes declare. Run the tests with SCRAPE_UPDATE=1 in the environment to write it anew.
@Suite struct MetricsPageTests {
  private static let updating = ProcessInfo.processInfo.environment["SCRAPE_UPDATE"] != nil
  private static let file = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../docs/metrics.md").standardized

  @Test func `the page of metrics has every declaration and every reason`() throws {
    let parts = [
      (
        "<!-- from here on generated from the declarations: CONTRIBUTING.md says how -->",
        "<!-- to here -->", MetricsPage.text(Catalog.all)
      ),
      (
        "<!-- the reasons, generated from the declarations as well -->",
        "<!-- end of the reasons -->", Self.reasons
      ),
    ]
    var page = try String(contentsOf: Self.file, encoding: .utf8)
    for (start, end, text) in parts {
      let start = try #require(page.range(of: start)).upperBound
      let end = try #require(page.range(of: end)).lowerBound
      let generated = "\n\n\(text)\n\n"
      if Self.updating {
        page.replaceSubrange(start..<end, with: generated)
        continue
      }
      let lines = page[start..<end].split(separator: "\n")
      for (line, wanted) in zip(lines, generated.split(separator: "\n")) {
        try #require(line == wanted, "run it with SCRAPE_UPDATE=1")
      }
      #expect(page[start..<end] == generated)
    }
    if Self.updating { try page.write(to: Self.file, atomically: true, encoding: .utf8) }
  }

  /// The table of reasons; each belongs somewhere, and has one sentence.
  private static var reasons: String {
    let places: [(name: String, reasons: Set<Reason>)] = [
      ("`scrape`", Reason.ofTargets), ("`service`", Reason.ofServices),
      ("collectors", Reason.ofCollectors), ("self-checks", Reason.ofSelfChecks),
      ("`spool`", Reason.ofSpools),
      ("checks `paths`", Reason.ofPaths), ("checks `policy`", Reason.ofPolicies),
    ]
    let rows = Reason.allCases.map { reason in
      let names = places.filter { $0.reasons.contains(reason) }.map(\.name)
      #expect(!names.isEmpty && reason.meaning.hasSuffix("."), "\(reason)")
      return "| `\(reason)` | \(names.joined(separator: ", ")) | \(reason.meaning) |"
    }
    return (["| reason | of | meaning |", "| --- | --- | --- |"] + rows).joined(separator: "\n")
  }

  @Test func `the command prints the same, of one measurement or of all`() throws {
    let all = try run(Scrape.program, ["help", "metrics"])
    #expect(all.status == 0 && all.output == MetricsPage.text(.all) + "\n")
    let one = try run(Scrape.program, ["help", "metrics", "net"])
    #expect(one.status == 0 && one.output.hasPrefix("## `net`\n"))
    #expect(one.output.contains("| `speed` | integer | Mbit/s |"))
    #expect(one.output.contains("`tcp_retranssegs`") && !one.output.contains("`fstype`"))
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
