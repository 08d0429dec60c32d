import Configuration
import Foundation
import Testing

@testable import Sinks
@testable import Store

/// The settings of the sinks beside InfluxDB.
struct OtherSinksConfigurationTests {
  private func read(_ text: String) throws -> ([any Sink], Findings) {
    var findings = Findings()
    let node = try YAML.read(Source("/etc/scrape/scrape.yml", text: text))
    return (sinks(from: node["sinks"], secrets: false, &findings), findings)
  }

  @Test func `each kind is read with its settings`() throws {
    let (sinks, findings) = try read(
      """
      sinks:
        - graphite:
        - graphite: {host: "::1", port: 2013, template: "host.measurement.field", prefix: a.b}
        - prometheus: {file: /var/lib/node/scrape.prom, expires: 1h}
        - prometheus_remote_write:
        - prometheus_remote_write:
            url: https://mimir.example/api/v1/push
            username: tenant
            password: "${UNSET}"
            ca: ca.pem
        - file: {path: points.lp, format: json, rotate: 1GiB, keep: 0, sync: no}
        - file: {path: /var/log/points.lp, rotate: off, name: raw}
        - splunk: {url: "https://splunk.example:8088/", token: "${UNSET}", index: range}
        - splunk: {url: "https://splunk.example:8088", token: "${UNSET}", format: metrics}
      """)
    #expect(findings.errors.isEmpty, "\(findings.errors)")
    #expect(
      sinks.map(\.name) == [
        "graphite 127.0.0.1:2003", "graphite [::1]:2013", "prometheus /var/lib/node/scrape.prom",
        "prometheus_remote_write http://127.0.0.1:9090/api/v1/write",
        "prometheus_remote_write https://mimir.example/api/v1/push", "file /etc/scrape/points.lp",
        "raw", "splunk https://splunk.example:8088 range", "splunk https://splunk.example:8088",
      ])
    let file = try #require(sinks[5] as? LineFile).configuration
    #expect(file.rotate == 1 << 30 && file.keep == 0 && !file.sync && file.format == .json)
    #expect((sinks[6] as? LineFile)?.configuration.rotate == nil)
    #expect(sinks[7].options.measurements.takes("login"))
    #expect(!sinks[7].options.measurements.takes("cpu"))
    #expect(sinks[8].options.measurements.takes("cpu"))
  }

  @Test(
    arguments: [
      ("graphite: {port: 0}", "from 1 to 65535"), ("graphite: {hots: x}", "unknown key \"hots\""),
      ("graphite: {template: host..field}", "words with dots"),
      ("graphite: {template: host.measurement}", "without \"field\""),
      ("graphite: {template: field.measurement.field}", "stands twice"),
      ("prometheus: {}", "has no file"), ("prometheus: {file: /x.txt}", "end in .prom"),
      ("prometheus_remote_write: {url: 'http://h:9090'}", "has no path"),
      ("prometheus_remote_write: {password: '${X}'}", "username and password"),
      ("prometheus_remote_write: {username: a, token: '${X}'}", "username and password"),
      ("prometheus_remote_write: {token: hidden}", "never stands in a file"),
      ("file:", "has no path"), ("file: {path: x, rotate: 5}", "must be from"),
      ("file: {path: x, format: xml}", "unknown format"), ("file: {path: x, keep: -1}", "from 0"),
      ("splunk: {token: '${X}'}", "has no url"), ("splunk: {url: 'https://h'}", "has no token"),
      ("splunk: {url: 'https://h', token: '${X}', format: raw}", "unknown format"),
    ])
  func `a fault is reported at its place`(sink: String, problem: String) throws {
    let (sinks, findings) = try read("sinks:\n  - \(sink)\n")
    #expect(sinks.isEmpty)
    let problems = findings.errors.map(\.description).joined(separator: "\n")
    #expect(problems.contains(problem), "\(problems)")
    #expect(findings.errors.allSatisfy { $0.line == 2 })
    #expect(!problems.contains("hidden"))
  }
}
