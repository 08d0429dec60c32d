import Foundation
import Lab
import Metrics
import Testing

@testable import Boards
@testable import Passes
@testable import Scraper

/// Every statement of every board on a real InfluxDB that real passes filled: this machine, two sshd's, a web and a
/// time server, a closed port, a simulated BMC, and GPUs from a recorded answer of nvidia-smi.
@Suite(.enabled(if: InfluxServer.isInstalled && Chrony.isInstalled && Nginx.isInstalled))
struct RealDatabaseTests {
  @Test func `every panel has rows with the columns it needs`() throws {
    let range = try FilledRange()
    // Two hosts with three services that count, and one with two; two echoes do not: `summary: no`.
    let total = try range.influx.query(
      "SELECT last(total) FROM service_summary WHERE scope = 'all'", database: "scrape")
    #expect((total.first?.last as? NSNumber)?.intValue == 8, "\(total)")
    let (status, results) = try range.check()
    #expect(results.count > 150)
    #expect(Set(results.map { $0["board"] ?? "" }).count == 14)
    for result in results where !["ok", "none"].contains(result["result"]) {
      Issue.record(
        "\(result["board"] ?? "") / \(result["panel"] ?? ""): \(result["result"] ?? "") \(result["detail"] ?? "")\n\(result["statement"] ?? "")"
      )
    }
    #expect(status == 0)
    // The pictures of the page come from the same queries.
    for (board, png, texts) in try range.pictures() {
      #expect(png.count > 4_000 && png.count < 80_000, "\(board.title): \(png.count) bytes")
      for panel in board.panels where !panel.title.contains("$") && !panel.title.isEmpty {
        let words = panel.title.prefix(12)
        #expect(texts.contains { $0.contains(words) }, "\(board.title) / \(panel.title)")
      }
    }
    // The same charts from a rollup, made by the continuous queries of `scrape setup influxdb`.
    try range.roll()
    let site = BoardSite(try BoardSites.site(range.inventory))
    let rollup = try #require(site.policies.last)
    #expect(site.policies.count == 2 && rollup != site.policies[0])
    let filler = BoardCheck(.init(url: range.influx.url, name: "scrape"), range: "15m")
    let full = Set(
      results.filter { $0["result"] == "ok" }.map { "\($0["board"] ?? "") / \($0["panel"] ?? "")" })
    var charts = 0
    for board in Boards.of(site) {
      for panel in board.panels where full.contains("\(board.title) / \(panel.title)") {
        // A rate needs two intervals of the rollup.
        for query in panel.queries where query.suitsRollups && !query.isRate {
          let text = filler.fill(
            query.text, ["resolution": [rollup], "host": [], "group": [], "team": []])
          charts += 1
          #expect(text.contains("\"\(rollup)\""), "\(text)")
          let rows = try range.influx.query(text, database: "scrape")
          #expect(
            rows.contains { row in row.contains { $0 is NSNumber } && !(row.last is NSNull) },
            "\(board.title) / \(panel.title) from the rollup: \(text)")
        }
      }
    }
    #expect(charts > 80)
    // Few panels may be empty, and each says so: this machine has no records of logins, its
    // GPUs no ECC, its links no speed, and the first reading of an event log makes no events.
    let empty = Set(results.filter { $0["result"] == "none" }.compactMap { $0["panel"] })
    #expect(
      empty.isSubset(of: [
        "Logins", "Failed logins", "Uncorrected memory errors", "Sensors that are not nominal now",
        "Events of the monitor", "Hosts with problems now", "Event log", "Link utilisation",
      ]), "\(empty)")
  }
}

/// An InfluxDB with three minutes of points of a small range with everything in it.
final class FilledRange {
  let influx: InfluxServer
  let scratch = Scratch()
  private let sshds: [Sshd]
  private let nginx: Nginx
  private let chrony: Chrony
  private let bmc: BMC
  private let passes: Int
  private var program: String {
    (CommandLine.arguments[0] as NSString).deletingLastPathComponent + "/scrape"
  }
  var inventory: String { "\(scratch.path)/inventory" }

  /// `passes` are a minute apart by their points; three quarters of them see all servers.
  init(passes: Int = 3) throws {
    self.passes = passes
    influx = try InfluxServer()
    sshds = try (0..<2).map { _ in try Sshd() }
    nginx = try Nginx()
    chrony = try Chrony("local stratum 3\nallow")
    bmc = try BMC()
    // Each version of the driver has fields that others have not.
    for (name, capture) in [("one", "driver450-v11"), ("two", "driver535-v12")] {
      let text = try BoardSites.text("Tests/CollectorsTests/Fixtures/gpu/\(capture).txt")
      let answer = text.components(separatedBy: "==> script <==\n").last ?? ""
      scratch.write(name, String(answer.components(separatedBy: "\n==> ").first ?? ""))
    }
    scratch.write(
      "bin/nvidia-smi",
      "#!/bin/sh\ncd \(scratch.path); if [ -e next ]; then exec cat two; fi; : > next; cat one\n",
      mode: 0o755)
    let hosts = zip(["web1", "web2"], sshds).map { name, sshd in
      """
            \(name):
              address: 127.0.0.1
              port: \(sshd.port)
              key: \(sshd.key)
              known_hosts: \(sshd.knownHosts)
              tags: {team: \(name == "web1" ? "blue1" : "blue2")}
              behind: me
              probes: [{icmp: {summary: no}}, "ssh:\(sshd.port)", "http:\(nginx.port)", "tcp:\(freePort())"]
      """
    }
    scratch.write(
      "inventory/hosts.yml",
      """
      all:
        children:
          web:
            hosts:
      \(hosts.joined(separator: "\n").replacing("\n", with: "\n  ").replacing("      web1", with: "        web1"))
          gpu:
            hosts:
              me:
                connection: local
                profile: mine
                tags: {team: blue1}
                probes: [icmp, "ntp:\(chrony.port)"]
                bmc: {address: "\(bmc.address)", port: \(bmc.port), user: monitor, password: "file:bmc.pw", every: 0s}
      """)
    scratch.write("inventory/bmc.pw", "monitor-only\n")
    scratch.write(
      "inventory/scrape.yml",
      """
      sinks:
        - influxdb:
            url: \(influx.url)
            database: scrape
            retention: {keep: 30d, rollups: [{every: 5m, keep: 52w}]}
      profiles:
        mine:
          extends: gpu
          collectors:
            {docker: 1m, kubernetes: 1m, libvirt: 1m, openvpn: 1m, smart: 1m, wireguard: 1m,
            disk: 0s, netstat: 0s, nstat: 0s, processes: 0s, users: 0s}
        linux: {collectors: {disk: 0s, netstat: 0s, nstat: 0s, processes: 0s, users: 0s}}
      scores: {by: [team], sla: {window: 24h}}
      """)
    let setup = try scrape("setup", "influxdb")
    guard setup.status == 0 else { throw Unavailable(description: "\(setup)") }
    for minutesAgo in (1..<passes).reversed() {
      let pass = try scrape("run", "--stdout")
      try write(pass.output, minutesAgo: minutesAgo)
      // A server that stops is a failure, an event, and a service that is not ok.
      if minutesAgo == (passes + 3) / 3 { sshds[1].daemon.stop() }
    }
    try replay("docker", "debian12-docker20")
    try replay("libvirt", "debian12")
    try replay("wireguard", "debian12")
    try replay("openvpn", "debian12")
    try replay("kubernetes", "kubectl132")
    try replay("smart", "debian12")
    try replay("smart", "debian13")
    let last = try scrape("run")
    guard !last.errors.contains("influxdb: ") else { throw Unavailable(description: last.errors) }
  }

  func scrape(_ words: String...) throws -> Outcome {
    try run(
      program,
      words + ["--inventory", inventory]
        + (words[0] == "run" ? ["--store", "\(scratch.path)/db"] : []),
      environment: [
        "USER": NSUserName(), "SSH_AUTH_SOCK": "", "LC_ALL": "C.UTF-8",
        "PATH": "\(scratch.path)/bin:/usr/bin:/bin:/usr/sbin:/sbin",
      ])
  }

  /// Writes line protocol with its times moved back.
  private func write(_ lines: String, minutesAgo: Int) throws {
    let moved = lines.split(separator: "\n").map { line -> String in
      guard let blank = line.lastIndex(of: " "), let time = Int64(line[line.index(after: blank)...])
      else { return String(line) }
      return "\(line[..<blank]) \(time - Int64(minutesAgo) * 60_000_000_000)"
    }
    let file = scratch.write("points", moved.joined(separator: "\n") + "\n")
    let outcome = try run(
      "/usr/bin/curl",
      [
        "-s", "-S", "-m", "20", "-w", "%{http_code}", "--data-binary", "@\(file)",
        "\(influx.url)/write?db=scrape",
      ])
    guard outcome.output == "204" else {
      throw Unavailable(description: outcome.output + outcome.errors)
    }
  }

  /// Runs the continuous queries over the last quarter of an hour, as the server does every 5 minutes.
  func roll() throws {
    let queries = try influx.query("SHOW CONTINUOUS QUERIES").compactMap { row in
      row.compactMap { $0 as? String }.first { $0.contains("BEGIN SELECT") }
    }
    guard queries.count > 30 else {
      throw Unavailable(description: "\(queries.count) continuous queries")
    }
    for query in queries {
      let text = query.components(separatedBy: "BEGIN ").last?.replacing(" END", with: "")
        .replacing(" GROUP BY ", with: " WHERE time > now() - 15m GROUP BY ")
      try influx.execute(text ?? "")
    }
  }

  /// Writes what a collector made of a recorded answer, a minute ago and now: the machine of the tests has no
  /// containers, machines and tunnels.
  private func replay(_ collector: String, _ capture: String) throws {
    let points = try BoardSites.text(
      "Tests/CollectorsTests/Fixtures/\(collector)/\(capture).points")
    let now = Int64(Date().timeIntervalSince1970) * 1_000_000_000
    let lines = points.split(separator: "\n").compactMap { line -> String? in
      guard !line.hasPrefix("#"), let blank = line.lastIndex(of: " "),
        let head = line.firstIndex(where: { $0 == "," || $0 == " " })
      else { return nil }
      return "\(line[..<head]),host=me,group=gpu\(line[head..<blank]) \(now)"
    }
    for minutesAgo in 0..<passes {
      try write(lines.joined(separator: "\n"), minutesAgo: minutesAgo)
    }
  }

  /// Replaces what tells of this machine: its processes, users and file systems.
  func hideThisMachine() throws {
    for name in ["procstat", "disk", "users", "login"] {
      try influx.execute("DROP MEASUREMENT \(name)", database: "scrape")
    }
    try replay("processes", "debian12")
    try replay("disk", "debian13")
    try replay("users", "debian13")
  }

  /// What `scrape dashboards --check` says of each statement.
  func check() throws -> (status: Int32, results: [[String: String]]) {
    let outcome = try scrape(
      "dashboards", "--check", influx.url, "--range", "15m", "--json", "--verbose")
    let results = outcome.output.split(separator: "\n").compactMap { line in
      (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: String]
    }
    guard !results.isEmpty else { throw Unavailable(description: "\(outcome)") }
    return (outcome.status, results)
  }
}
