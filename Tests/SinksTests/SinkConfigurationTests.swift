import Configuration
import Foundation
import Metrics
import Testing

@testable import Sinks
@testable import Store

struct SinkConfigurationTests {
  private func read(_ text: String) throws -> ([any Sink], Findings) {
    var findings = Findings()
    let node = try YAML.read(Source("scrape.yml", text: text))
    return (sinks(from: node["sinks"], &findings), findings)
  }

  @Test func `each kind is read with its settings`() throws {
    setenv("SINKS_TEST_PASSWORD", "s3cret", 1)
    let (sinks, findings) = try read(
      """
      sinks:
        - stdout
        - influxdb:
        - influxdb:
            url: https://db.example:8086/influx/
            database: raw
            username: scrape
            password: "${SINKS_TEST_PASSWORD}"
            retention_policy: week
            consistency: any
            measurements: [cpu, mem]
            ca: ca.pem
        - influxdb: {database: raw, name: second}
      """)
    #expect(findings.errors.isEmpty)
    #expect(
      sinks.map(\.name) == [
        "stdout", "influxdb http://127.0.0.1:8086 scrape",
        "influxdb https://db.example:8086/influx raw/week", "second",
      ])
    #expect(sinks.map(\.isDurable) == [false, true, true, true])
  }

  @Test(
    arguments: [
      ("influx", "unknown sink \"influx\""),
      ("3", "unknown sink"),
      ("[influxdb]", "a sink must be"),
      ("influxdb: {urll: x}", "unknown key \"urll\""),
      ("influxdb: {url: 127.0.0.1:8086}", "http://"),
      ("influxdb: {url: 'http://'}", "http://"),
      ("influxdb: {url: 'http://u:hidden@h:1'}", "a user or a password"),
      ("influxdb: {url: 'http://h/?p=x'}", "without a query"),
      ("influxdb: {password: hidden, username: x}", "never stands in a file"),
      ("influxdb: {password: '${SINKS_TEST_UNSET}', username: x}", "SINKS_TEST_UNSET is not set"),
      ("influxdb: {database: ''}", "database"),
      ("influxdb: {consistency: most}", "unknown consistency"),
      ("influxdb: [a]", "a mapping"),
      ("stdout: {format: xml}", "unknown format"),
      ("influxdb2: {url: http://h}", "no bucket"),
      ("influxdb2: {bucket: b, database: x}", "unknown key \"database\""),
      ("influxdb2: {bucket: b, token: hidden}", "never stands in a file"),
      ("influxdb: {token: '${HOME}', username: x}", "a username and a token"),
      ("influxdb: {retention: {keep: 1m}}", "keep must be"),
      ("influxdb: {retention: {rollups: [{keep: 1d}]}}", "an `every:` of its own"),
      ("influxdb: {retention: {rollups: [{every: 5m}, {every: 300s}]}}", "an `every:` of its own"),
      ("influxdb: {mesurements: cpu}", "did you mean \"measurements\""),
      ("influxdb: {name: ''}", "name is empty"),
      ("influxdb: {measurements: ['!']}", "an empty name"),
      ("influxdb: {measurements: {a: b}}", "a list of words"),
      ("influxdb: {queue: 7d}", "a mapping"),
      ("influxdb: {queue: {size: 1KiB}}", "size must be"),
      ("influxdb: {queue: {keep: 1s}}", "keep must be"),
      ("influxdb: {queue: {length: 1}}", "unknown key \"length\" in queue"),
      ("influxdb: {}\n    stdout: {}", "one kind"),
    ])
  func `a fault is reported at its place`(sink: String, problem: String) throws {
    let (sinks, findings) = try read("sinks:\n  - \(sink)\n")
    #expect(sinks.isEmpty || problem == "one kind")
    let problems = findings.errors.map(\.description).joined(separator: "\n")
    #expect(problems.contains(problem), "\(problems)")
    #expect(findings.errors.allSatisfy { $0.line != nil })
    #expect(!problems.contains("hidden") || problem.contains("never stands"))
  }

  @Test(
    arguments: [
      ("cpu", ["cpu"]), ("[cpu, mem]", ["cpu", "mem"]),
      ("['ipmi_*', '?pu']", ["cpu", "ipmi_power"]),
      ("['!cpu']", ["ipmi_power", "mem"]), ("['*', '!ipmi_*']", ["cpu", "mem"]),
      ("['!cpu', cpu]", []), ("'cpu, !mem'", ["cpu"]),
    ] as [(String, [String])])
  func `a sink of any kind takes the measurements that are wanted there`(
    words: String, taken: [String]
  ) throws {
    let (sinks, findings) = try read("sinks:\n  - stdout: {measurements: \(words)}\n")
    #expect(findings.errors.isEmpty)
    let points = ["cpu", "ipmi_power", "mem"].map { name in
      var point = Point(name)
      point.integer("v", Int64(1))
      return point
    }
    let text = sinks[0].payloads([batch(points)]).flatMap(\.body)
    let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
    #expect(lines.map { $0.prefix { $0 != "," } }.map(String.init) == taken)
  }

  @Test func `a sink's queue has bounds of its own`() throws {
    let (sinks, _) = try read(
      "sinks:\n  - influxdb: {name: a, queue: {size: 1MiB, keep: 2h}}\n  - influxdb: {name: b}\n")
    #expect(sinks[0].options.queue == QueueBounds(size: 1 << 20, keep: .seconds(7200)))
    #expect(sinks[1].options.queue == QueueBounds())
  }

  @Test func `two sinks of one name are refused`() throws {
    let (sinks, findings) = try read("sinks:\n  - influxdb:\n  - influxdb: {measurements: cpu}\n")
    #expect(sinks.count == 1)
    #expect(findings.errors.first?.description.contains("give one of them a `name:`") == true)
  }
}
