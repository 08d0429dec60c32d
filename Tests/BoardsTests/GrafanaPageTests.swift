import Foundation
import Metrics
import Testing

@testable import Boards

/// What docs/grafana.md says of boards.
@Suite struct GrafanaPageTests {
  private static func rows(after heading: String) throws -> [[String]] {
    let page = try BoardSites.text("docs/grafana.md")
    let part = try #require(page.components(separatedBy: "## \(heading)\n").dropFirst().first)
    return part.components(separatedBy: "\n## ")[0].split(separator: "\n")
      .filter { $0.hasPrefix("|") }.dropFirst(2)
      .map { row in
        row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      }
  }

  @Test func `each of the twenty things has the panels that the page names`() throws {
    let boards = Dictionary(
      uniqueKeysWithValues: Boards.of(try BoardSites.fullest()).map { ($0.title, $0) })
    let rows = try Self.rows(after: "Twenty things")
    #expect(rows.map { $0[0] } == (1...20).map(String.init))
    for row in rows {
      let named = row[2].matches(of: /\*([^*]+)\*: ([^;]+)/)
      #expect(!named.isEmpty || row[2].hasPrefix("not shown"), "\(row)")
      for match in named {
        let board = try #require(boards[String(match.1)], "no board \(match.1)")
        for title in match.2.split(separator: ",").map({ $0.trimmingCharacters(in: .whitespaces) })
        {
          #expect(
            board.panels.contains { $0.title == title }, "\(match.1) has no panel \"\(title)\"")
        }
      }
    }
  }

  @Test func `the page and the decision count the planted errors`() throws {
    let count = BoardLintTests.planted.count
    #expect(try BoardSites.text("docs/grafana.md").contains("each of \(count) planted errors"))
    #expect(
      try BoardSites.text("docs/decisions/0072-boards.md").contains("\(count) planted errors"))
  }

  @Test func `the page names every board and its folder`() throws {
    let boards = Boards.of(try BoardSites.fullest())
    let rows = try Self.rows(after: "Boards")
    #expect(rows.map { $0[0] } == boards.map(\.title))
    #expect(rows.map { $0[1] } == boards.map { "`\($0.folder)`" })
  }
}
