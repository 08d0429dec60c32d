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

  private static func isMounted(_ path: String, _ targets: [String]) -> Bool {
    targets.contains { path == $0 || path.hasPrefix("\($0)/") }
  }

  /// What the specification of Compose does not allow, as far as the file uses it, and paths that are not mounted.
  private static func faults(in text: String) throws -> [String] {
    let scratch = Scratch()
    let path = scratch.write("compose.yml", text)
    let file = try withExtendedLifetime(scratch) { try YAML.load(path) }
    var faults = (file.pairs ?? []).filter { !["services", "volumes"].contains($0.name) }
      .map { "no key \($0.name)" }
    let keys: Set = [
      "image", "build", "volumes", "restart", "healthcheck", "init", "cap_add", "depends_on",
      "environment", "ports",
    ]
    let duration = /[0-9]+(ms|s|m|h)/
    for (name, service) in (file["services"]?.pairs ?? []).map({ ($0.name, $0.value) }) {
      func fault(_ text: String) { faults.append("\(name): \(text)") }
      for key in service.pairs?.map(\.name) ?? [] where !keys.contains(key) {
        fault("no key \(key)")
      }
      if let image = service["image"]?.text,
        !(image.contains(":") && !image.hasSuffix(":latest"))
      {
        fault("image \(image) has no version")
      }
      if let restart = service["restart"]?.text,
        !["no", "always", "on-failure", "unless-stopped"].contains(restart)
      {
        fault("no restart \(restart)")
      }
      var mounts: [String] = []
      for volume in service["volumes"]?.items?.compactMap(\.text) ?? [] {
        let parts = volume.split(separator: ":").map(String.init)
        guard parts.count == 2 || parts.count == 3 && ["ro", "rw"].contains(parts[2]),
          parts[1].hasPrefix("/")
        else {
          fault("volume \(volume) is no SOURCE:TARGET")
          continue
        }
        mounts.append(parts[1])
      }
      for port in service["ports"]?.items?.compactMap(\.text) ?? []
      where port.wholeMatch(of: /127\.0\.0\.1:[0-9]+:[0-9]+/) == nil {
        fault("port \(port) is open to everybody, or no port")
      }
      for (variable, value) in (service["environment"]?.pairs ?? []).map({ ($0.name, $0.value) }) {
        guard let text = value.text else {
          fault("\(variable) is no text")
          continue
        }
        if text.hasPrefix("/"), !isMounted(text, mounts) {
          fault("\(variable): \(text) is not mounted")
        }
      }
      if let check = service["healthcheck"] {
        let words = check["test"]?.items?.compactMap(\.text) ?? []
        if !["CMD", "CMD-SHELL"].contains(words.first) { fault("healthcheck without CMD") }
        for path in words where path.hasPrefix("/") && !isMounted(path, mounts) {
          fault("\(path) is not mounted")
        }
        if check["interval"]?.text?.wholeMatch(of: duration) == nil { fault("no interval") }
        if Int(check["retries"]?.text ?? "") == nil { fault("no number of retries") }
      }
      for other in service["depends_on"]?.pairs ?? [] {
        let condition = other.value["condition"]?.text ?? ""
        let known = ["service_started", "service_healthy", "service_completed_successfully"]
        if !known.contains(condition) { fault("no condition \(condition)") }
      }
    }
    // What the script of the container reads and writes.
    let scrape = file["services"]?["scrape"]?["volumes"]?.items?.compactMap(\.text) ?? []
    let targets = scrape.map { String($0.split(separator: ":")[1]) }
    let start = try BoardSites.text("packaging/compose/start")
    for path in start.matches(of: /(?:^|\s)(\/(?:etc|var|boards)[\w\/.]*)/).map({ String($0.1) })
    where !isMounted(path, targets) {
      faults.append("start: \(path) is not mounted")
    }
    return faults
  }

  @Test func `the file has the form of Compose, and planted errors are found`() throws {
    let text = try BoardSites.text("packaging/compose/compose.yml")
    #expect(try Self.faults(in: text) == [])
    for (old, new, fault) in [
      ("restart: unless-stopped", "restart: sometimes", "no restart sometimes"),
      ("retries: 12", "retries: many", "no number of retries"),
      ("interval: 5s", "interval: 5 seconds", "no interval"),
      ("[CMD, test", "[test", "healthcheck without CMD"),
      ("healthcheck:", "health:", "no key health"),
      ("influxdb:1.8", "influxdb:latest", "has no version"),
      ("127.0.0.1:3000:3000", "3000:3000", "open to everybody"),
      ("boards:/boards:ro", "boards:boards", "is no SOURCE:TARGET"),
      ("service_healthy", "healthy", "no condition healthy"),
      ("GF_PATHS_PROVISIONING: /boards", "GF_PATHS_PROVISIONING: /board2", "is not mounted"),
      ("- ./inventory:/etc/scrape:ro", "- ./inventory:/etc/scrap:ro", "start: /etc/scrape"),
    ] {
      #expect(text.contains(old), "\(old)")
      let found = try Self.faults(in: text.replacing(old, with: new))
      #expect(found.contains { $0.contains(fault) }, "\(new): \(found)")
    }
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
