import Configuration
import Foundation
import Testing

@testable import Sinks

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
      ("influxdb: {}\n    stdout: {}", "one kind"),
    ])
  func `a fault is told with its place`(sink: String, problem: String) throws {
    let (sinks, findings) = try read("sinks:\n  - \(sink)\n")
    #expect(sinks.isEmpty || problem == "one kind")
    let told = findings.errors.map(\.description).joined(separator: "\n")
    #expect(told.contains(problem), "\(told)")
    #expect(findings.errors.allSatisfy { $0.line != nil })
    #expect(!told.contains("hidden") || problem.contains("never stands"))
  }

  @Test func `two sinks of one name are refused`() throws {
    let (sinks, findings) = try read("sinks:\n  - influxdb:\n  - influxdb: {measurements: cpu}\n")
    #expect(sinks.count == 1)
    #expect(findings.errors.first?.description.contains("give one of them a `name:`") == true)
  }
}
