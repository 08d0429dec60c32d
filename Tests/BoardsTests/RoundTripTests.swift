import Foundation
import Lab
import Testing

@testable import Boards

/// Grafana's models, where `make grafana-models` put them.
enum GrafanaModels {
  static let folder = BoardSites.root.appending(path: ".build/grafana-models")
    .path(percentEncoded: false)
  static let versions = ["11", "12"]
  static let isInstalled = versions.allSatisfy {
    FileManager.default.fileExists(atPath: "\(folder)/\($0)/grafana_foundation_sdk")
  }
}

/// Every board through Grafana's own models of versions 11 and 12.
@Suite(.enabled(if: GrafanaModels.isInstalled)) struct RoundTripTests {
  private static func check(_ version: String, _ boards: [String: String]) throws -> Outcome {
    let scratch = Scratch()
    let files = boards.sorted { $0.key < $1.key }.map { scratch.write($0.key, $0.value) }
    return try run(
      "/usr/bin/env",
      [
        "python3", "-B",
        BoardSites.root.appending(path: "Tests/BoardsTests/roundtrip.py").path(
          percentEncoded: false),
        "\(GrafanaModels.folder)/\(version)",
      ] + files, timeout: 120)
  }

  @Test(arguments: GrafanaModels.versions)
  func `nothing is lost or of a wrong type`(_ version: String) throws {
    for site in [try BoardSites.example(), BoardSites.smallest, try BoardSites.fullest()] {
      let outcome = try Self.check(version, BoardSites.boards(site))
      #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    }
  }

  @Test func `keys, values and units that Grafana has not are found`() throws {
    let boards = BoardSites.boards(try BoardSites.example())
    let name = "dashboards/scrape/scrape-cluster.json"
    let board = try #require(boards[name])
    for (old, new) in [
      ("\"graphTooltip\"", "\"graphToolTip\""),
      ("\"colorMode\": \"value\"", "\"colorMode\": \"colour\""),
      ("\"unit\": \"percent\"", "\"unit\": \"prozent\""), ("\"drawStyle\"", "\"drawnStyle\""),
      ("\"type\": \"nodeGraph\"", "\"type\": \"nodegraph\""), ("\"h\":4,", "\"h\":\"4\","),
    ] {
      #expect(board.contains(old))
      let outcome = try Self.check("11", [name: board.replacing(old, with: new)])
      #expect(outcome.status == 1, "\(new) is not found: \(outcome)")
    }
  }
}
