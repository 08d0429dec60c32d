import Foundation
import Lab
import Metrics
import Testing

@testable import Boards
@testable import Configuration
@testable import Passes
@testable import Scraper

/// The files that are written and checked in.
///
/// Run the tests with SCRAPE_UPDATE=1 in the environment to write `dashboards/` anew.
@Suite struct BoardFileTests {
  private static let isUpdating = ProcessInfo.processInfo.environment["SCRAPE_UPDATE"] != nil

  @Test func `the boards that are checked in are those of the example`() throws {
    let site = try BoardSites.example()
    let folder = BoardSites.root.appending(path: "dashboards").path(percentEncoded: false)
    if Self.isUpdating {
      try BoardFiles(Boards.of(site), of: site).write(to: folder, seenAt: BoardSites.place)
    }
    let files = BoardSites.files(site)
    for (name, text) in files {
      let there = try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
      #expect(there == text, "dashboards/\(name): run the tests with SCRAPE_UPDATE=1")
    }
    let all = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    let there = Set(all.filter { $0.hasSuffix(".json") || $0.hasSuffix(".yml") })
    #expect(there == Set(files.keys), "\(there.symmetricDifference(files.keys))")
  }

  @Test func `the command writes the same, and removes boards that are no longer made`() throws {
    let scratch = Scratch()
    let inventory = BoardSites.root.appending(path: "inventory/as06").path(percentEncoded: false)
    let out = "\(scratch.path)/grafana"
    scratch.write("grafana/dashboards/scrape/scrape-old.json", "{}", mode: 0o644)
    scratch.write("grafana/dashboards/scrape/mine.json", "{}", mode: 0o644)
    scratch.write("grafana/dashboards/Gone team/scrape-gone.json", "{}", mode: 0o644)
    let program = (CommandLine.arguments[0] as NSString).deletingLastPathComponent + "/scrape"
    let outcome = try run(
      program, ["dashboards", out, "--inventory", inventory, "--path", BoardSites.place],
      environment: ["BMC_PASSWORD": ""])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let files = BoardSites.files(try BoardSites.example())
    for (name, text) in files { #expect(scratch.read("grafana/\(name)") == text, "\(name)") }
    #expect(scratch.read("grafana/dashboards/scrape/scrape-old.json") == nil)
    #expect(scratch.read("grafana/dashboards/scrape/mine.json") == "{}")
    #expect(!FileManager.default.fileExists(atPath: "\(out)/dashboards/Gone team"))
  }

  @Test func `Grafana's provisioning is YAML with fixed identities, and no click is left`() throws {
    let scratch = Scratch()
    let files = BoardSites.files(try BoardSites.example())
    func load(_ kind: String) throws -> Node {
      let text = try #require(files["provisioning/\(kind)/scrape.yml"])
      return try YAML.load(scratch.write("\(kind).yml", text))
    }
    let source = try #require(try load("datasources")["datasources"]?.items?.first)
    #expect(source["uid"]?.text == "scrape" && source["type"]?.text == "influxdb")
    #expect(source["isDefault"]?.text == "true" && source["access"]?.text == "proxy")
    #expect(source["jsonData"]?["dbName"]?.text == "scrape")
    #expect(source["jsonData"]?["version"]?.text == "InfluxQL")
    let provider = try #require(try load("dashboards")["providers"]?.items?.first)
    #expect(provider["type"]?.text == "file")
    #expect(provider["options"]?["path"]?.text == BoardSites.place)
    #expect(provider["options"]?["foldersFromFilesStructure"]?.text == "true")
    for kind in ["datasources", "dashboards"] { #expect(try load(kind)["apiVersion"]?.text == "1") }
  }

  @Test func `every board marks events and has its variables, but the red team's`() throws {
    let site = try BoardSites.fullest()
    let variables = [
      "Cluster": "group", "Host": "host", "Monitor": "", "Black team": "team", "Blue team": "team",
      "Red team": "", "Purple team": "team group host",
    ]
    for board in Boards.of(site) {
      let json = board.json(in: site.catalog)
      let marks = (json["annotations"]?["list"]?.elements ?? []).filter { $0["builtIn"] == nil }
      #expect(marks.count == (board.title == "Red team" ? 0 : 1), "\(board.title)")
      for mark in marks {
        #expect(mark["enable"] == .boolean(true) && mark["hide"] == .boolean(false))
        #expect(mark["target"]?["query"]?.string?.contains("FROM \"event\"") == true)
      }
      let names = board.variables.map(\.name).filter { $0 != "resolution" }
      #expect(
        names.joined(separator: " ") == variables[board.title] ?? "group host", "\(board.title)")
    }
  }

  @Test func `a new group and a new team appear without a change of code`() throws {
    var site = BoardSites.smallest
    let before = BoardSites.boards(site)
    #expect(!before.keys.contains { $0.contains("blue") || $0.contains("gpu") })
    var host = BoardSite.Host(name: "g1", group: "gpus")
    host.team = "blue7"
    host.collectors = ["gpu"]
    site.hosts.append(host)
    let after = BoardSites.boards(site)
    #expect(Set(after.keys).subtracting(before.keys).count == 2)
    #expect(after["dashboards/Blue team/scrape-blue.json"] != nil)
    #expect(after["dashboards/scrape/scrape-gpu.json"] != nil)
  }

  @Test func `secrets are never copied`() throws {
    let scratch = Scratch()
    scratch.write("inventory/hosts.yml", "all: {hosts: {me: {connection: local}}}\n")
    let secret = scratch.write("inventory/pw", "S3cret-of-mine\n")
    scratch.write(
      "inventory/scrape.yml",
      """
      sinks:
        - influxdb: {url: "http://127.0.0.1:1", database: one, username: u, password: "file:\(secret)"}
        - influxdb2: {url: "http://127.0.0.1:2", org: o, bucket: two, token: "${SCRAPE_TOKEN_OF_TEST}"}
      """)
    let source = BoardSite(try BoardSites.site("\(scratch.path)/inventory"))
    let file = try #require(BoardSites.files(source)["provisioning/datasources/scrape.yml"])
    #expect(!file.contains("S3cret"))
    #expect(file.contains("password: \"$__file{\(secret)}\""), "\(file)")
    #expect(file.contains("httpHeaderValue1: \"Token $__env{SCRAPE_TOKEN_OF_TEST}\""), "\(file)")
    #expect(file.contains("uid: scrape\n") && file.contains("uid: scrape-2\n"))
    #expect(file.contains("dbName: \"one\"") && file.contains("dbName: \"two\""))
    #expect(file.components(separatedBy: "isDefault: true").count == 2)
  }

  @Test func `a site without rollups has no resolution to choose`() throws {
    var site = BoardSites.smallest
    func text() throws -> String {
      try #require(BoardSites.boards(site)["dashboards/scrape/scrape-servers.json"])
    }
    #expect(try !text().contains("resolution"))
    site.policies = ["autogen", "rollup_5m"]
    let board = try text()
    #expect(board.contains("FROM \\\"$resolution\\\".\\\"cpu\\\""))
    #expect(board.contains("\"query\": \"autogen,rollup_5m\""))
    #expect(board.contains("30 days from rollup_5m"))
    // The latest value is in no rollup: tables and stats stay with the points as written.
    #expect(!board.contains("\\\"$resolution\\\".\\\"scrape\\\""))
  }

  @Test func `variables are filled in as Grafana does`() {
    let check = BoardCheck(.init(url: "", name: "x"), range: "2h")
    let query =
      "SELECT 1 FROM \"$resolution\".\"m\" WHERE $timeFilter AND \"host\" =~ /^$host$/ GROUP BY time($__interval)"
    #expect(
      check.fill(query, ["host": ["a.b", "c/d"], "resolution": ["autogen"]])
        == "SELECT 1 FROM \"autogen\".\"m\" WHERE time > now() - 2h AND \"host\" =~ /^(a\\.b|c\\/d)$/ GROUP BY time(1m)"
    )
    #expect(check.fill("/^$host$/", ["host": []]) == "/^.*$/")
    #expect(check.fill("/^$group$/ /^$g$/", ["g": ["x"], "group": ["y"]]) == "/^(y)$/ /^(x)$/")
  }

  @Test func `AS-06 has 17 nodes and 71 services`() throws {
    let root = BoardSites.root.path(percentEncoded: false)
    let site = try BoardSites.site("\(root)/inventory/as06")
    #expect(site.inventory.hosts.count == 17)
    let counted = site.inventory.hosts.flatMap { site.probes[$0.name] }.filter { $0.isCounted }
    #expect(counted.count == 71)
    #expect(site.inventory.hosts.allSatisfy { site.probes[$0.name].contains { !$0.isCounted } })
  }
}
