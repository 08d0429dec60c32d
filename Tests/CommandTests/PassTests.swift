import Foundation
import Lab
import Testing

@Suite(.serialized) struct PassTests {
  @Test func `two hundred hosts, twenty of them dead, in one pass`() throws {
    // sshd takes 16 addresses a process: eleven and a quarter of them make 180 hosts.
    let addresses = (0..<180).map { "127.77.\($0 / 100).\($0 % 100 + 1)" }
    var servers: [Sshd] = []
    for start in stride(from: 0, to: 180, by: 16) {
      servers.append(try Sshd(addresses: Array(addresses[start..<min(start + 16, 180)])))
    }
    let other = try Sshd(addresses: ["127.77.9.1"])
    let silent = SilentPort()
    var hosts = "all:\n  vars: {user: \(NSUserName())}\n  hosts:\n"
    for (index, address) in addresses.enumerated() {
      let server = servers[index / 16]
      hosts += "    web\(index): {address: \(address), port: \(server.port), "
      hosts += "key: \(server.key), known_hosts: \(server.knownHosts)}\n"
    }
    let first = servers[0]
    for index in 0..<7 {
      hosts += "    closed\(index): {address: 127.77.8.\(index + 1), port: 9, "
      hosts += "key: \(first.key), known_hosts: \(first.knownHosts)}\n"
    }
    for index in 0..<7 {
      hosts += "    silent\(index): {address: 127.0.0.1, port: \(silent.port), "
      hosts += "key: \(first.key), known_hosts: \(first.knownHosts)}\n"
    }
    let wrong = first.scratch.write(
      "wrong",
      other.knownHostsLines().replacingOccurrences(
        of: "[127.77.9.1]:\(other.port)", with: "[127.77.0.1]:\(first.port)"))
    for index in 0..<6 {
      hosts += "    changed\(index): {address: 127.77.0.1, port: \(first.port), "
      hosts += "key: \(first.key), known_hosts: \(wrong)}\n"
    }
    let range = Range(hosts: hosts)
    let start = Date()
    // All of them are this machine: a hundred key exchanges at once take a busy one longer than they may.
    let outcome = try range.scrape("run", "--stdout", "--deadline", "60", "--fanout", "40")
    #expect(Date().timeIntervalSince(start) < 62)
    #expect(outcome.status == 1)
    let lines = Line.all(outcome.output)
    let scrapes = lines.filter { $0.measurement == "scrape" }
    #expect(Set(scrapes.compactMap { $0.tags["host"] }).count == 200)
    let up = scrapes.filter { $0.fields["up"] == "1i" }
    #expect(up.count == 180, "\(outcome.errors)")
    #expect(up.allSatisfy { $0.fields["reason"] == nil && $0.tags["target"] == "ssh" })
    for (prefix, reason, count) in [
      ("closed", "\"connection_refused\"", 7), ("silent", "\"timeout\"", 7),
      ("changed", "\"host_key_changed\"", 6),
    ] {
      let dead = scrapes.filter { $0.tags["host"]?.hasPrefix(prefix) == true }
      #expect(dead.count == count)
      #expect(dead.allSatisfy { $0.fields["up"] == "0i" && $0.fields["reason"] == reason })
    }
    // A host that is up has points of load and memory; one that is down has none.
    for measurement in ["system", "mem", "disk", "processes", "kernel"] {
      let hosts = Set(lines.filter { $0.measurement == measurement }.compactMap { $0.tags["host"] })
      #expect(hosts == Set(up.compactMap { $0.tags["host"] }), "\(measurement)")
    }
  }

  @Test(.enabled(if: InfluxServer.isInstalled, "needs Debian's influxdb"))
  func `points in InfluxDB have Telegraf's names and types`() throws {
    let server = try InfluxServer()
    let sshd = try Sshd()
    let range = Range(
      hosts: """
        all:
          vars: {key: \(sshd.key), known_hosts: \(sshd.knownHosts), port: \(sshd.port)}
          children:
            firewall:
              hosts: {fw1: {address: 127.0.0.1, tags: {team: blue}}}
        """,
      settings: """
        sinks:
          - influxdb: {url: "\(server.url)", database: range}
        """)
    #expect(try range.scrape("run").status == 0)
    let second = try range.scrape("run")
    #expect(second.status == 0, "\(second.errors)")
    let expected: [String: [String: String]] = [
      "cpu": ["usage_active": "float", "usage_user": "float", "usage_iowait": "float"],
      "mem": ["total": "integer", "available": "integer", "used_percent": "float"],
      "swap": ["total": "integer", "free": "integer"],
      "disk": ["free": "integer", "used_percent": "float", "inodes_free": "integer"],
      "diskio": ["reads": "integer", "read_bytes": "integer", "io_time": "integer"],
      "net": ["bytes_recv": "integer", "packets_sent": "integer", "err_in": "integer"],
      "netstat": ["tcp_established": "integer", "tcp_listen": "integer"],
      "system": [
        "load1": "float", "uptime": "integer", "n_cpus": "integer", "uptime_format": "string",
      ],
      "kernel": ["boot_time": "integer", "context_switches": "integer"],
      "processes": ["running": "integer", "total": "integer"],
      "scrape": ["up": "integer", "duration_ms": "float", "bytes": "integer"],
    ]
    for (measurement, fields) in expected {
      let rows = try server.query("SHOW FIELD KEYS FROM \"\(measurement)\"", database: "range")
      let types = Dictionary(
        rows.compactMap { row in (row[1] as? String).map { ($0, row[2] as? String ?? "") } },
        uniquingKeysWith: { $1 })
      for (field, type) in fields {
        #expect(types[field] == type, "\(measurement).\(field) is \(types[field] ?? "not there")")
      }
    }
    let tags = try server.query(
      "SHOW TAG VALUES FROM \"mem\" WITH KEY = \"team\"", database: "range")
    #expect(tags.first?.last as? String == "blue")
    let passes = try server.query(
      "SELECT count(up) FROM scrape WHERE host = 'fw1'", database: "range")
    #expect((passes.first?.last as? NSNumber)?.intValue == 2)
  }

  @Test(.enabled(if: InfluxServer.isInstalled, "needs Debian's influxdb"))
  func `what a stopped database missed comes with the next pass`() throws {
    let server = try InfluxServer()
    let range = Range(
      hosts: "all: {hosts: {me: {connection: local}}}\n",
      settings: "sinks:\n  - influxdb: {url: \"\(server.url)\", database: range}\n")
    _ = try range.scrape("run")
    server.stop()
    let missed = try range.scrape("run")
    #expect(missed.status == 3)
    #expect(missed.errors.contains("queued"))
    try server.start()
    _ = try range.scrape("run")
    let passes = try server.query("SELECT count(up) FROM scrape", database: "range")
    #expect((passes.first?.last as? NSNumber)?.intValue == 3)
  }

  @Test func `rates come with the second pass, and slow collectors wait for their time`() throws {
    let range = Range(hosts: "all: {hosts: {me: {connection: local}}}\n")
    let first = Line.all(try range.scrape("run", "--stdout").output)
    #expect(!first.contains { $0.measurement == "cpu" })
    #expect(first.contains { $0.measurement == "disk" })
    let second = Line.all(try range.scrape("run", "--stdout").output)
    #expect(second.contains { $0.measurement == "cpu" && $0.tags["cpu"] == "cpu-total" })
    #expect(!second.contains { $0.measurement == "disk" })
    #expect(second.contains { $0.measurement == "mem" })
  }

  @Test func `a second pass leaves while one runs`() throws {
    let silent = SilentPort()
    let sshd = try Sshd()
    let range = Range(
      hosts: "all: {hosts: {slow: {address: 127.0.0.1, port: \(silent.port), key: \(sshd.key)}}}\n")
    let first = try Daemon(
      Scrape.program, ["run", "--inventory", range.inventory, "--store", range.store],
      log: "\(range.scratch.path)/log")
    #expect(eventually { FileManager.default.fileExists(atPath: range.store + ".lock") })
    usleep(300_000)
    let second = try range.scrape("run")
    #expect(second.status == 1)
    #expect(second.errors.contains("another pass is running (process \(first.identifier)"))
    kill(first.identifier, SIGINT)
    #expect(eventually(within: 5) { !first.isRunning })
    let log = range.scratch.read("log") ?? ""
    #expect(log.contains("interrupted"), "\(log)")
  }

  @Test func `without a store the hosts are asked all the same`() throws {
    let range = Range(hosts: "all: {hosts: {me: {connection: local}}}\n")
    let outcome = try run(
      Scrape.program,
      ["run", "--stdout", "--inventory", range.inventory, "--store", "/proc/none/scrape.db"])
    #expect(Line.all(outcome.output).contains { $0.measurement == "mem" })
    #expect(outcome.errors.contains("/proc/none"))
  }

  @Test func `a host that stays down is no late timer`() throws {
    let range = Range(hosts: "all: {hosts: {down: {address: 127.0.0.1, port: 9}}}\n")
    // A lateness of nothing: any due time that stands still would be reported.
    range.scratch.write("inventory/scrape.yml", "lateness: 1s\n")
    for _ in 0..<3 {
      let outcome = try range.scrape("run")
      #expect(outcome.errors.contains("connection_refused"))
      #expect(!outcome.errors.contains("later than due"), "\(outcome.errors)")
      usleep(700_000)
    }
  }

  @Test func `a host not reached before the deadline is reported as such, not as down`() throws {
    let silent = SilentPort()
    let sshd = try Sshd()
    let range = Range(
      hosts: """
        all:
          vars: {key: \(sshd.key), port: \(silent.port)}
          hosts: {"slow[1:4]": {address: 127.0.0.1}}
        """)
    let outcome = try range.scrape("run", "--fanout", "1", "--deadline", "2", "--stdout")
    let reasons = Line.all(outcome.output).filter { $0.measurement == "scrape" }
      .compactMap { $0.fields["reason"] }
    #expect(reasons.count == 4)
    #expect(reasons.contains("\"not_reached\""), "\(reasons)")
    // What was not learnt is not zero.
    let lines = Line.all(outcome.output).filter { $0.fields["reason"] == "\"not_reached\"" }
    #expect(lines.allSatisfy { $0.fields["up"] == nil })
  }

  @Test func `an interrupted pass keeps what has come and says so`() throws {
    let silent = SilentPort()
    let sshd = try Sshd()
    let range = Range(
      hosts: """
        all:
          hosts:
            me: {connection: local}
            slow: {address: 127.0.0.1, port: \(silent.port), key: \(sshd.key)}
        """)
    let pass = try Daemon(
      Scrape.program, ["run", "--inventory", range.inventory, "--store", range.store],
      log: "\(range.scratch.path)/log")
    usleep(1_500_000)
    kill(pass.identifier, SIGINT)
    #expect(eventually(within: 3) { !pass.isRunning })
    let status = try range.scrape("status", "--verbose")
    #expect(status.output.contains("me"))
    #expect(status.output.contains("unknown   slow") && status.output.contains("cancelled"))
    #expect(!status.output.contains("critical"), "\(status.output)")
  }
}
