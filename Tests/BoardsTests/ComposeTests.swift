import Foundation
import Lab
import Testing

@testable import Boards
@testable import Configuration
@testable import Passes
@testable import Scraper

/// packaging/compose, which no test can start: it needs Docker.
@Suite struct ComposeTests {
  private static let folder = BoardSites.root.appending(path: "packaging/compose")
    .path(percentEncoded: false)

  @Test func `the file is YAML, and what it names is there`() throws {
    let file = try YAML.load("\(Self.folder)/compose.yml")
    let services = try #require(file["services"]?.pairs)
    #expect(services.map(\.name) == ["influxdb", "scrape", "grafana"])
    let volumes = Set(file["volumes"]?.pairs?.map(\.name) ?? [])
    for service in services {
      #expect((service.value["image"] == nil) != (service.value["build"] == nil), "\(service.name)")
      for volume in service.value["volumes"]?.items?.compactMap(\.text) ?? [] {
        let source = String(volume.prefix { $0 != ":" })
        if source.hasPrefix(".") {
          #expect(FileManager.default.fileExists(atPath: "\(Self.folder)/\(source)"), "\(volume)")
        } else {
          #expect(volumes.contains(source), "\(volume)")
        }
      }
      for other in service.value["depends_on"]?.pairs ?? [] {
        #expect(services.contains { $0.name == other.name && $0.value["healthcheck"] != nil })
      }
    }
    let image = try BoardSites.text("packaging/compose/Dockerfile")
    for line in image.split(separator: "\n") where line.hasPrefix("COPY ") {
      let name = String(line.split(separator: " ")[1])
      // The binary is built and copied there first.
      #expect(name == "scrape" || FileManager.default.fileExists(atPath: "\(Self.folder)/\(name)"))
    }
    #expect(try run("/bin/sh", ["-n", "\(Self.folder)/start"]).status == 0)
    #expect(FileManager.default.isExecutableFile(atPath: "\(Self.folder)/start"))
  }

  @Test func `its boards read the database of its settings`() throws {
    let file = try YAML.load("\(Self.folder)/compose.yml")
    let site = BoardSite(try BoardSites.site("\(Self.folder)/inventory"))
    let url = try #require(site.sources.first?.url)
    let server = try #require(url.split(separator: "/").last?.split(separator: ":").first)
    #expect(file["services"]?[String(server)] != nil)
    // Both see the boards at the same place.
    let files = BoardFiles(Boards.of(site), of: site).contents(seenAt: "/boards/dashboards")
    #expect(
      files["provisioning/dashboards/scrape.yml"]?.contains("path: \"/boards/dashboards\"") == true)
    let start = try BoardSites.text("packaging/compose/start")
    #expect(start.contains("scrape dashboards /boards "))
    let grafana = file["services"]?["grafana"]?["environment"]
    #expect(grafana?["GF_PATHS_PROVISIONING"]?.text == "/boards/provisioning")
    #expect(BoardLint(catalog: .all).faults(in: files.filter { $0.key.hasSuffix(".json") }).isEmpty)
  }
}
