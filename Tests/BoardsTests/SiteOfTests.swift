import Foundation
import Metrics

@testable import Boards
@testable import Passes
@testable import Scraper

/// Sites of which the tests make boards.
enum BoardSites {
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../..").standardized

  /// Where Grafana finds the boards in the files that are checked in.
  static let place = "/var/lib/grafana/dashboards"

  static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  /// The example AS-06.
  static func example() throws -> BoardSite {
    BoardSite(try site("\(root.path(percentEncoded: false))/inventory/as06"))
  }

  static func site(_ folder: String) throws -> Site {
    let words = ["--inventory", folder]
    let arguments = try Arguments(words, options: DashboardsCommand.options)
    return try Site(arguments, checkingKeys: false)
  }

  /// One host, without BMC, GPU, team or sink.
  static var smallest: BoardSite {
    var host = BoardSite.Host(name: "me", group: "all")
    host.collectors = ["cpu", "mem"]
    return BoardSite(hosts: [host], catalog: .all)
  }

  /// Hosts that have everything that a board can show.
  static func fullest() throws -> BoardSite {
    var site = try example()
    for index in site.hosts.indices {
      site.hosts[index].team = index.isMultiple(of: 2) ? "blue1" : "blue2"
      site.hosts[index].hasBMC = true
      site.hosts[index].collectors = Set(
        Catalog.all.entries.compactMap { entry in
          if case .collector(let name) = entry.writer { name } else { nil }
        })
    }
    site.scopes = ["team"]
    return site
  }

  static func files(_ site: BoardSite) -> [String: String] {
    BoardFiles(Boards.of(site), of: site).contents(seenAt: place)
  }

  /// The boards only.
  static func boards(_ site: BoardSite) -> [String: String] {
    files(site).filter { $0.key.hasSuffix(".json") }
  }
}
