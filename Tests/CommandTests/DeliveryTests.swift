import Foundation
import Lab
import Metrics
import Testing

@testable import Sinks
@testable import Store

@Suite(.serialized, .timeLimit(.minutes(4))) struct DeliveryTests {
  /// Fifty hosts that are all this machine, of which little is asked.
  static let hosts = "all: {vars: {connection: local, profile: little}, hosts: {\"h[01:50]\": }}\n"

  static func settings(_ url: String) -> String {
    """
    profiles: {little: {collectors: {system: , mem: , net: }}}
    delivery_timeout: 3s
    sinks:
      - influxdb: {url: "\(url)", database: range, name: raw}
    """
  }

  @Test(
    .enabled(if: InfluxServer.isInstalled, "needs Debian's influxdb"),
    arguments: [1] as [UInt64])
  func `every point of every finished pass is in the database once, whatever happened to it`(
    seed: UInt64
  ) async throws {
    var generator = Generator(state: seed)
    let server = try InfluxServer()
    let proxy = try FaultyProxy(before: server.url, seed: seed)
    defer { proxy.stop() }
    let range = Range(hosts: Self.hosts, settings: Self.settings(proxy.url))
    var finished = 0
    var killed = 0
    var length = 0.5
    var isUp = true
    proxy.spoil(60)
    while finished < 20 || killed < 10 {
      // Now and then the database goes, as hard as it can, and comes back a pass later.
      if !isUp {
        try server.start()
        isUp = true
      } else if Int.random(in: 0..<6, using: &generator) == 0 {
        server.stop()
        isUp = false
      }
      if killed < 10, finished >= 20 || Bool.random(using: &generator) {
        let pass = try Daemon(
          Scrape.program, ["run", "--inventory", range.inventory, "--store", range.store],
          log: "\(range.scratch.path)/log")
        usleep(useconds_t(Double.random(in: 0..<(length * 1_200_000), using: &generator)))
        if pass.isRunning { killed += 1 } else { finished += 1 }
        pass.stop(SIGKILL)
      } else {
        let start = Date()
        let pass = try range.scrape("run")
        length = Date().timeIntervalSince(start)
        try #require([0, 1, 3].contains(pass.status), "\(pass.status) \(pass.errors)")
        finished += 1
      }
    }
    if !isUp { try server.start() }
    let counts = proxy.counts
    for fault in FaultyProxy.Fault.allCases {
      #expect((counts[fault] ?? 0) > 0, "\(fault) never happened: \(counts)")
    }
    proxy.spoil(0)
    let store = Store(path: range.store)
    let drained = try await Self.drained(range, store)
    let queues = try await store.queues()
    #expect(drained && queues.allSatisfy { $0.dropped == 0 }, "\(queues)")

    let passes = try await store.passes(1000)
    #expect(passes.count >= finished + 1)
    #expect(passes.count <= finished + killed + 20)
    let missing = try await Self.differences(store, server)
    #expect(missing.isEmpty, "\(missing.prefix(5))")
    // The history and the database agree, and they agree on all that the passes counted.
    let rows = try server.query("SELECT count(up) FROM scrape", database: "range")
    #expect((rows.first?.last as? NSNumber)?.intValue == passes.count * 50)
  }

  /// Runs passes until nothing waits.
  static func drained(_ range: Range, _ store: Store) async throws -> Bool {
    for _ in 0..<10 {
      _ = try range.scrape("run")
      if try await store.queues().allSatisfy({ $0.lines == 0 }) { return true }
      usleep(1_000_000)
    }
    return false
  }

  /// Where the database's number of values is not the store's, for each host, measurement and field.
  static func differences(
    _ store: Store, _ server: InfluxServer,
    hosts: [String] = (1...50).map { String(format: "h%02d", $0) }
  ) async throws -> [String] {
    let begin = Timestamp(seconds: 0)
    let end = Timestamp(nanoseconds: .max)
    var wanted: [String: Int] = [:]
    for host in hosts {
      var fields: Set<String> = []
      for series in try await store.series(host: host, from: begin, to: end) {
        for field in series.fields { fields.insert("\(series.measurement) \(field)") }
      }
      for name in fields {
        let parts = name.split(separator: " ").map(String.init)
        wanted["\(host) \(name)"] = try await store.history(
          host: host, measurement: parts[0], field: parts[1], from: begin, to: end
        ).count
      }
    }
    var found: [String: Int] = [:]
    for measurement in Set(wanted.keys.map { String($0.split(separator: " ")[1]) }) {
      let fields = Set(
        wanted.keys.map { $0.split(separator: " ") }.filter { $0[1] == measurement }
          .map { String($0[2]) }
      ).sorted()
      let counts = fields.map { "count(\"\($0)\")" }.joined(separator: ", ")
      for row in try server.query(
        "SELECT \(counts) FROM \"\(measurement)\" GROUP BY host", database: "range")
      {
        guard row.count == 3 + fields.count, let host = row[1] as? String, hosts.contains(host)
        else { continue }
        for (field, value) in zip(fields, row.dropFirst(3)) {
          // Asked together with others, a field that a host does not have is counted as none.
          guard let count = (value as? NSNumber)?.intValue, count > 0 else { continue }
          found["\(host) \(measurement) \(field)"] = count
        }
      }
    }
    return Set(wanted.keys).union(found.keys).sorted().compactMap { key in
      wanted[key] == found[key]
        ? nil : "\(key): \(wanted[key] ?? 0) in the store, \(found[key] ?? 0) in the database"
    }
  }

  @Test func `a host with too many series is named, and its surplus stays away`() throws {
    let range = Range(
      hosts: """
        all:
          hosts:
            big: {connection: local, probes: [\((2...120).map { "tcp:\($0) closed" }.joined(separator: ", "))]}
        """,
      settings: "series: 100\n")
    let outcome = try range.scrape("run", "--stdout")
    let lines = Line.all(outcome.output)
    #expect(outcome.errors.contains("big: "), "\(outcome.errors)")
    #expect(outcome.errors.contains("points beyond its budget were dropped"))
    #expect(lines.count { $0.tags["host"] == "big" } == 100, "\(lines.count)")
    let scrape = lines.first { $0.measurement == "scrape" }
    #expect((scrape?.fields["dropped"]).map { $0.hasSuffix("i") } == true)
  }

  @Test func `a sink that hangs takes nothing from the other`() throws {
    let silent = SilentPort()
    let range = Range(
      hosts: "all: {hosts: {me: {connection: local}}}\n",
      settings: """
        delivery_timeout: 2s
        sinks:
          - influxdb: {url: "http://127.0.0.1:\(silent.port)", name: hung}
          - stdout: {measurements: [scrape]}
        """)
    let first = try range.scrape("run")
    #expect(Line.all(first.output).map(\.measurement) == ["scrape"])
    #expect(first.errors.contains("hung: "), "\(first.errors)")
    #expect(first.status == 1)
    let start = Date()
    let second = try range.scrape("run")
    #expect(Date().timeIntervalSince(start) < 2)
    #expect(second.errors.contains("left alone for another"), "\(second.errors)")
    let status = try range.scrape("status")
    #expect(status.output.contains("hung: "), "\(status.output)")
    #expect(status.output.contains("failed since"))
  }

  @Test(.enabled(if: InfluxServer.isInstalled, "needs Debian's influxdb"))
  func `setup says what it would do, does it, and then finds it done`() throws {
    let server = try InfluxServer()
    let range = Range(
      hosts: "all: {hosts: {me: {connection: local}}}\n",
      settings: """
        sinks:
          - stdout
          - influxdb:
              {url: "\(server.url)", name: raw, retention: {keep: 30d, rollups: [{every: 5m}]}}
        """)
    func states(_ words: String...) throws -> [String] {
      let outcome = try run(
        Scrape.program, ["setup", "influxdb", "--inventory", range.inventory] + words)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.output.hasPrefix("raw\n"))
      return outcome.output.split(separator: "\n").dropFirst().map { line in
        ["would be made", "would be changed", "made", "changed", "is there"]
          .first { line.hasPrefix("  \($0) ") } ?? String(line)
      }
    }
    // The database, its retention, the policy of the rollup, and a query per measurement.
    let dry = try states("--dry-run")
    #expect(dry.starts(with: ["would be made", "would be changed", "would be made"]))
    #expect(dry.count > 30 && dry.dropFirst(3).allSatisfy { $0 == "would be made" })
    let made = try states()
    #expect(made.starts(with: ["made", "changed", "made"]))
    #expect(made.count == dry.count && made.dropFirst(3).allSatisfy { $0 == "made" })
    #expect(try states() == Array(repeating: "is there", count: dry.count))
    #expect(try range.scrape("setup").status == 2)
    #expect(try range.scrape("setup", "influxdb", "--sink", "other").status == 2)
    server.stop()
    #expect(try range.scrape("setup", "influxdb").status == 3)
  }
}
