import Foundation
import Lab
import Metrics
import Testing

@testable import Boards
@testable import Passes
@testable import Scraper

/// Every statement of every board on a real InfluxDB that real passes filled: this machine, two sshd's, a web and a
/// time server, a closed port, a server that stops, a pass that is killed, a simulated BMC whose log grows, and replayed
/// answers of nvidia-smi, last and lastb.
@Suite(.enabled(if: InfluxServer.isInstalled && Chrony.isInstalled && Nginx.isInstalled))
struct RealDatabaseTests {
  @Test func `every panel has rows with the columns it needs`() throws {
    let range = try FilledRange()
    // Two hosts with three services that count, and one with two; two echoes do not: `summary: no`.
    let total = try range.influx.query(
      "SELECT last(total) FROM service_summary WHERE scope = 'all'", database: "scrape")
    #expect((total.first?.last as? NSNumber)?.intValue == 8, "\(total)")
    // The rollup, made by the continuous queries of `scrape setup influxdb`.
    try range.roll()
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
    // The same charts from the rollup.
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
    // Not one panel is empty, also of those that may be.
    let empty = results.filter { $0["result"] != "ok" }.map {
      "\($0["board"] ?? "") / \($0["panel"] ?? ""): \($0["detail"] ?? "")\n\($0["statement"] ?? "")"
    }
    #expect(empty.isEmpty, "\(empty.joined(separator: "\n"))")
    try range.checkAddresses(boards: Boards.of(site), filler)
    try range.checkTopology(boards: Boards.of(site), filler)
    try range.checkAges(boards: Boards.of(site), filler)
  }
}

extension FilledRange {
  /// The statement of a panel as Grafana sends it, with all values of its variables.
  private func rows(
    _ panel: String, of board: Board, _ filler: BoardCheck, at query: Int = 0
  ) throws -> [[String: Any]] {
    let found = try #require(
      board.panels.first { $0.title == panel }, "\(board.title) has no panel \(panel)")
    let text = filler.fill(
      found.queries[query].text, ["resolution": ["autogen"], "host": [], "group": [], "team": []])
    return try influx.rows(text, database: "scrape")
  }

  /// A host with two addresses has a line for each, and none that is the mean of both.
  fileprivate func checkAddresses(boards: [Board], _ filler: BoardCheck) throws {
    for (title, panel) in [
      ("Blue team", "Latency"), ("Network", "Mean round trip"), ("Network", "Loss"),
    ] {
      let board = try #require(boards.first { $0.title == title })
      let lines = Set(
        try rows(panel, of: board, filler).filter { $0["host"] as? String == "web1" }
          .compactMap { $0["url"] as? String })
      #expect(lines == ["127.0.0.1", "127.0.0.2"], "\(title) / \(panel): \(lines)")
    }
    let network = try #require(boards.first { $0.title == "Network" })
    let smoke = try #require(network.panels.first { $0.title == "Round trip and loss of $host" })
    for query in smoke.queries {
      #expect(query.text.contains("\"path\" = ''"), "\(query.text)")
    }
  }

  /// Grafana's node graph breaks at an edge to a node that is not there.
  fileprivate func checkTopology(boards: [Board], _ filler: BoardCheck) throws {
    let cluster = try #require(boards.first { $0.title == "Cluster" })
    let nodes = Set(try rows("Topology", of: cluster, filler).compactMap { $0["id"] as? String })
    let edges = try rows("Topology", of: cluster, filler, at: 1)
    #expect(nodes == ["me", "web1", "web2"] && edges.count == 2, "\(nodes) \(edges)")
    for edge in edges {
      for end in ["source", "target"] {
        #expect((edge[end] as? String).map(nodes.contains) == true, "\(edge)")
      }
    }
  }

  /// What is down, what is stale and what has no data are three things on every board.
  fileprivate func checkAges(boards: [Board], _ filler: BoardCheck) throws {
    // A host whose last result is twelve minutes old, as if its timer had stopped.
    try write(
      "scrape,host=old,group=web,team=blue2,target=ssh up=1i \(Int64(Date().timeIntervalSince1970))000000000",
      minutesAgo: 12)
    for board in boards {
      let ages = try rows("Oldest data", of: board, filler)
      let times = Dictionary(
        ages.compactMap { row in
          (row["host"] as? String).flatMap { host in
            (row["time"] as? NSNumber).map { (host, $0.doubleValue) }
          }
        }, uniquingKeysWith: { $1 })
      let now = Date().timeIntervalSince1970 * 1000
      // Stale: the stat shows the least time, that of the host that is not asked any more.
      #expect(times.min { $0.value < $1.value }?.key == "old", "\(board.title): \(times)")
      #expect((times["old"].map { now - $0 } ?? 0) > 700_000, "\(board.title): \(times)")
      // Without data: a host of the inventory that was never asked has no row.
      #expect(times["never"] == nil)
      let pass = try rows("Last pass", of: board, filler)
      let age = (pass.first?["time"] as? NSNumber).map { now - $0.doubleValue } ?? .infinity
      #expect(pass.count == 1 && age < 300_000, "\(board.title): \(pass)")
      // Down: of three with a result in the last five minutes two are up; the red team sees no hosts.
      if board.title != "Red team" {
        let up = try rows("Hosts up now", of: board, filler)
        #expect(
          (up.first?["up"] as? NSNumber)?.intValue == 2
            && (up.first?["of"] as? NSNumber)?.intValue == 3, "\(board.title): \(up)")
      }
      if board.panels.contains(where: { $0.title == "Last data of each host" }) {
        let states = try rows("Last data of each host", of: board, filler).reduce(
          into: [String: Int]()
        ) { $0[$1["host"] as? String ?? ""] = ($1["up"] as? NSNumber)?.intValue }
        #expect(states == ["me": 1, "web1": 1, "web2": 0, "old": 1], "\(board.title): \(states)")
      }
    }
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
  private var arrivals = 0
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
    for (name, capture) in [("one", "driver450-v11"), ("two", "ecc")] {
      let text = try BoardSites.text("Tests/CollectorsTests/Fixtures/gpu/\(capture).txt")
      let answer = text.components(separatedBy: "==> script <==\n").last ?? ""
      scratch.write(name, String(answer.components(separatedBy: "\n==> ").first ?? ""))
    }
    scratch.write(
      "bin/nvidia-smi",
      """
      #!/bin/sh
      cd \(scratch.path)
      if [ -e hang ]; then : > hangs; exec sleep 5; fi
      if [ -e next ]; then exec cat two; fi
      : > next
      cat one

      """, mode: 0o755)
    // People come and fail to come between two passes. wtmpdb, where there is one, has no records.
    for name in ["last", "lastb"] {
      scratch.write("\(name).txt", "")
      scratch.write("bin/\(name)", "#!/bin/sh\ncat \(scratch.path)/\(name).txt\n", mode: 0o755)
    }
    scratch.write("bin/wtmpdb", "#!/bin/sh\nexit 1\n", mode: 0o755)
    // An account that may not ask WireGuard: a problem of the host.
    scratch.write(
      "bin/wg",
      "#!/bin/sh\necho 'Unable to access interface wg0: Operation not permitted' >&2\nexit 1\n",
      mode: 0o755)
    try arrive()
    let hosts = zip(["web1", "web2"], sshds).map { name, sshd in
      """
            \(name):
              address: 127.0.0.1
              public_address: 127.0.0.2
              port: \(sshd.port)
              key: \(sshd.key)
              known_hosts: \(sshd.knownHosts)
              tags: {team: \(name == "web1" ? "blue1" : "blue2")}
              behind: me
              probes: [{icmp: {summary: no}}, \(name == "web1" ? "{icmp: {summary: no, at: public}}, " : "")"ssh:\(sshd.port)", "http:\(nginx.port)", "tcp:\(freePort())"]
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
            {logins: 0s, docker: 1m, kubernetes: 1m, libvirt: 1m, openvpn: 1m, smart: 1m, wireguard: 0s,
            disk: 0s, netstat: 0s, nstat: 0s, processes: 0s, users: 0s}
        linux: {collectors: {disk: 0s, netstat: 0s, nstat: 0s, processes: 0s, users: 0s}}
      scores: {by: [team], sla: {window: 24h}}
      policies: {mine: {hosts: me, every: 0s}}
      """)
    scratch.write(
      "inventory/policies/mine.yml",
      """
      dialect: 5
      policy: {id: mine, name: Mine, file: mine.yml, description: Of this test.}
      checks:
        - {id: 1, title: Root is known, condition: all, rules: ['f:/etc/passwd -> r:^root:']}
        - {id: 2, title: Nobody came, condition: none, rules: ['f:\(scratch.path)/last.txt -> r:pts/2']}
      """)
    let setup = try scrape("setup", "influxdb")
    guard setup.status == 0 else { throw Unavailable(description: "\(setup)") }
    for minutesAgo in (1..<passes).reversed() {
      let pass = try scrape("run", "--stdout")
      try write(pass.output, minutesAgo: minutesAgo)
      // After the first pass the log of the BMC grows, people log in, and the next pass is killed.
      if minutesAgo == passes - 1 || minutesAgo % 5 == 1 { bmc.addEvent("CPU2 Temp", offset: 9) }
      try arrive()
      if minutesAgo == passes - 1 { try killPass() }
      // A server that stops is a failure, an event, and a service that is not ok.
      if minutesAgo == (passes + 3) / 3 { sshds[1].daemon.stop() }
    }
    // This machine has no link with a speed.
    try replay("net", "cables")
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
    try run(program, arguments(words), environment: environment)
  }

  private func arguments(_ words: [String]) -> [String] {
    words + ["--inventory", inventory]
      + (words[0] == "run" ? ["--store", "\(scratch.path)/db"] : [])
  }

  private var environment: [String: String] {
    [
      "USER": NSUserName(), "SSH_AUTH_SOCK": "", "LC_ALL": "C.UTF-8",
      "PATH": "\(scratch.path)/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    ]
  }

  /// Adds a login and a failed one to what last and lastb print, the newest first.
  private func arrive() throws {
    let number = arrivals
    arrivals += 1
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(identifier: "UTC")
    format.dateFormat = "EEE MMM dd HH:mm:ss yyyy"
    let time = format.string(from: Date().addingTimeInterval(-20))
    for (name, line) in [
      ("last", "alice    pts/\(number)        10.8.0.12        \(time)   gone - no logout"),
      ("lastb", "root     ssh:notty    203.0.113.9      \(time) - \(time)  (00:00)"),
    ] {
      scratch.write("\(name).txt", line + "\n" + (scratch.read("\(name).txt") ?? ""))
    }
  }

  /// Begins a pass and kills it while it waits: the next one says so in an event of the monitor.
  private func killPass() throws {
    scratch.write("hang", "")
    let pass = try Daemon(
      program, arguments(["run"]), environment: environment, log: "\(scratch.path)/killed")
    let waits = eventually(within: 30) { scratch.read("hangs") != nil }
    pass.stop(SIGKILL)
    try FileManager.default.removeItem(atPath: "\(scratch.path)/hang")
    guard waits else { throw Unavailable(description: scratch.read("killed") ?? "") }
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
    for name in ["procstat", "disk", "users"] {
      try influx.execute("DROP MEASUREMENT \(name)", database: "scrape")
    }
    try influx.execute("DROP SERIES FROM login WHERE host <> 'me'", database: "scrape")
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
