import Configuration
import Foundation
import Lab
import Metrics
import Testing

@testable import Notifiers
@testable import Rules
@testable import Alerts
@testable import Passes
@testable import Scraper

/// The example of the operator's file, and what the documents claim of rules and names.
@Suite struct ExampleTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../..").standardized

  private static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  /// The example with what it shows of contacts and alerts put in force.
  private static func uncommented() throws -> String {
    let lines = try text("inventory/example/scrape.yml").split(
      separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(lines.firstIndex { $0.hasPrefix("# Whom to notify") })
    let shown = lines[start...].map { line -> String in
      let isShown = ["# contacts:", "# alerts:", "#   "].contains { line.hasPrefix($0) }
      return String(isShown ? line.dropFirst(2) : line)
    }
    return (lines[..<start].map(String.init) + shown).joined(separator: "\n")
  }

  @Test func `the example is without fault, with contacts and alerts in force`() throws {
    let scratch = Scratch()
    scratch.write("inventory/hosts.yml", try Self.text("inventory/example/hosts.yml"))
    scratch.write("inventory/scrape.yml", try Self.uncommented())
    let outcome = try run(
      Scrape.program, ["lint", "--inventory", "\(scratch.path)/inventory"],
      environment: ["BMC_PASSWORD": "x"])
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  @Test func `the example shows every key of rules, alerts and contacts, or says that it does not`()
    throws
  {
    let example = try Self.uncommented()
    func all(_ settings: [Setting]) -> [String] {
      settings.flatMap { [$0.key] + $0.others + all($0.inner) }
    }
    let keys =
      SettingsReference.file.filter { section in
        ["rules", "alerts", "contacts"].contains { section.title.hasPrefix("`\($0)") }
      }.flatMap { all($0.settings) }
      + ["built_in", "targets", "quiet", "reports", "changes", "changes_per_host"]
    for key in Set(keys).sorted() where key != "NAME" {
      #expect(example.contains("\(key):"), "\(key) is not shown")
    }
    #expect(
      example.contains(
        "docs/alerts.md lists all settings of telegram, email, webhook, exec and syslog."))
  }

  @Test func `the page of rules has each built-in rule as it is`() throws {
    let page = try Self.text("docs/rules.md")
    var findings = Findings()
    for rule in Rule.all(from: nil, in: .all, &findings) {
      var limits = rule.thresholds.reversed().map { "\($0.severity.rawValue) \($0.threshold.text)" }
      if case .time(let length) = rule.patience { limits.append("for \(length.text)") }
      let row = "| `\(rule.name)` | `\(rule.selector.text)` | \(limits.joined(separator: ", ")) |"
      #expect(page.contains(row), "\(row)")
    }
    #expect(page.contains("The last 50,000 changes of states are kept, and 1,000 of one host"))
  }

  @Test func `decision 10 names each measurement that is ours`() throws {
    let page = try Self.text("docs/decisions/0010-names.md")
    let ours = Set(Catalog.all.entries.map(\.measurement).filter(\.isOurs).map(\.name))
    #expect(!ours.isEmpty)
    for name in ours.sorted() { #expect(page.contains("`\(name)`"), "\(name)") }
    let last = try #require(page.range(of: "Ours, as Telegraf has nothing of the kind"))
    for name in ours { #expect(page[last.lowerBound...].contains("`\(name)`"), "\(name)") }
  }

  @Test func `the changelog names alerting`() throws {
    let log = try Self.text("CHANGELOG.md")
    for word in ["contacts:", "alerts:", "docs/alerts.md", "docs/rules.md"] {
      #expect(log.contains(word), "\(word)")
    }
  }
}
