import Configuration
import Foundation
import Testing

@testable import Probes

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
      } else if line.hasPrefix("| `"), words.count > 1 {
        // A row may stand for two, or for one of the heading's probes: "| `user` `password` |",
        // "| `tls` of `https` |".
        let cell = line.dropFirst().prefix { $0 != "|" }.split(
          separator: "`", omittingEmptySubsequences: false
        ).map(String.init)
        let isOfOne = cell.count == 5 && cell[2] == " of "
        for (index, word) in cell.enumerated() where index % 2 == 1 && !(isOfOne && index == 3) {
          for probe in isOfOne ? [cell[3]] : probes { page[probe]?.insert(word) }
        }
      }
    }
    return page
  }

  @Test func `the page has the options that each probe takes`() throws {
    let page = try page()
    for probe in Probes.all {
      guard let documented = page[probe.name] else { continue }
      let reference = Reference(probe.name, probe.summary) { _ = probe.init(&$0) }
      let options = Set(reference.settings.flatMap { [$0.key] + $0.others })
      #expect(options == documented, "\(probe.name)")
    }
    for name in page.keys { #expect(Probes.all.contains { $0.name == name }, "\(name)") }
  }
}
