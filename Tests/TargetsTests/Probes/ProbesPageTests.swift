import Configuration
import Foundation
import Testing

@testable import Targets

/// `docs/probes.md` is what people write inventories by: it must name the options that there are.
struct ProbesPageTests {
  /// The page's options by probe: rows of "| `name` |" below "## `probe`".
  private func page() throws -> [String: Set<String>] {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../../docs/probes.md").standardized
    var page: [String: Set<String>] = [:]
    var probes: [String] = []
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
      let words = line.split(separator: "`", omittingEmptySubsequences: false).map(String.init)
      if line.hasPrefix("## ") {
        // One heading may stand for two that take the same: "## `http`, `https`".
        probes = words.enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
        for probe in probes { page[probe] = [] }
      } else if line.hasPrefix("| `") {
        for probe in probes { page[probe]?.insert(words[1]) }
      }
    }
    return page
  }

  @Test func `the page has the options that each probe takes`() throws {
    let page = try page()
    let node = try YAML.read(Source("page", text: "x"))
    for probe in Probes.all {
      guard let told = page[probe.name] else { continue }
      var options = ProbeOptions(probe.name, at: node, pairs: [], common: [])
      _ = probe.init(&options)
      #expect(Set(options.names) == told, "\(probe.name)")
    }
    for name in page.keys { #expect(Probes.all.contains { $0.name == name }, "\(name)") }
  }
}
