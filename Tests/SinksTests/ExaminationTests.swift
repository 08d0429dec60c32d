import Engine
import Foundation
import Lab
import Metrics
import Testing

@testable import Sinks
@testable import Store

@Suite(.serialized, .timeLimit(.minutes(2))) struct ExaminationTests {
  private func examine(
    _ sink: some Sink, within timeout: Duration = .seconds(20)
  ) async -> [SinkFinding] {
    await Reactor().run { reactor in
      await sink.examine(as: "doctor", on: reactor, by: .after(timeout))
    }
  }

  /// The first thing that is wrong, and what is said of it.
  private func wrong(_ findings: [SinkFinding]) -> (part: SinkFinding.Part, message: String)? {
    findings.first { $0.isFine == false }.map { ($0.part, $0.message) }
  }

  private func parts(_ findings: [SinkFinding]) -> [String] {
    findings.map { "\($0.part.rawValue) \($0.isFine.map { $0 ? "✓" : "✗" } ?? "–")" }
  }

  @Test(.enabled(if: InfluxServer.isInstalled))
  func `InfluxDB holds the point, and says which of its settings is wrong`() async throws {
    let server = try InfluxServer(["INFLUXDB_HTTP_AUTH_ENABLED": "true"])
    try server.execute("CREATE USER boss WITH PASSWORD 'b' WITH ALL PRIVILEGES")
    try server.execute(
      "CREATE DATABASE mine; CREATE USER w WITH PASSWORD 'w'; GRANT WRITE ON mine TO w",
      user: "boss", password: "b")
    var configuration = InfluxDB.Configuration(url: server.url, database: "mine")
    (configuration.username, configuration.password) = ("boss", "b")
    let findings = await examine(InfluxDB(configuration))
    #expect(parts(findings) == ["route ✓", "clock ✓", "write ✓", "read ✓"], "\(findings)")
    let rows = try server.query(
      "SELECT canary, host FROM scrape_doctor", database: "mine", user: "boss", password: "b")
    #expect(rows.count == 1)

    configuration.password = "wrong"
    #expect(wrong(await examine(InfluxDB(configuration)))?.part == .credential)
    // One that may only write is fine, and cannot be read.
    (configuration.username, configuration.password) = ("w", "w")
    let blind = await examine(InfluxDB(configuration))
    #expect(parts(blind) == ["route ✓", "clock ✓", "write ✓", "read –"], "\(blind)")
    configuration.database = "other"
    let denied = wrong(await examine(InfluxDB(configuration)))
    #expect(
      denied?.part == .credential || denied?.part == .database, "\(String(describing: denied))")
    (configuration.username, configuration.password) = ("boss", "b")
    configuration.retentionPolicy = "none"
    configuration.database = "mine"
    let policy = wrong(await examine(InfluxDB(configuration)))
    #expect(policy?.part == .database)
    #expect(policy?.message.contains("retention") == true)
  }

  @Test(.enabled(if: PrometheusServer.isInstalled && VictoriaServer.isInstalled))
  func `Prometheus and VictoriaMetrics hold the point`() async throws {
    let prometheus = try PrometheusServer()
    let first = await examine(RemoteWrite(.init(url: prometheus.url + "/api/v1/write")))
    #expect(parts(first) == ["route ✓", "clock ✓", "write ✓", "read ✓"], "\(first)")
    let victoria = try VictoriaServer()
    let second = await examine(RemoteWrite(.init(url: victoria.url + "/api/v1/write")))
    #expect(parts(second).suffix(2) == ["write ✓", "read ✓"], "\(second)")
    let third = await examine(InfluxDB2(.init(url: victoria.url, bucket: "x")))
    #expect(parts(third).suffix(2) == ["write ✓", "read –"], "\(third)")
    let closed = try PrometheusServer(receivesRemoteWrites: false)
    let fourth = wrong(await examine(RemoteWrite(.init(url: closed.url + "/api/v1/write"))))
    #expect(fourth?.message.contains("--web.enable-remote-write-receiver") == true)
  }

  @Test(.enabled(if: Carbon.isInstalled)) func `carbon's cache holds the point`() async throws {
    let carbon = try Carbon()
    // It writes to its files at once and forgets; asked in time, it knows.
    var configuration = Graphite.Configuration()
    (configuration.port, configuration.queryPort) = (carbon.port, carbon.queryPort)
    let findings = await examine(Graphite(configuration))
    #expect(findings.first == SinkFinding(.write, true, "a point was taken"))
    #expect(findings.last?.part == .read && findings.last?.isFine != false)
    #expect(eventually { carbon.names == ["doctor.scrape_doctor.canary"] })
    carbon.stop()
    #expect(wrong(await examine(Graphite(configuration)))?.part == .route)
    configuration.host = "nosuch.invalid"
    #expect(wrong(await examine(Graphite(configuration)))?.part == .name)
  }

  @Test func `files hold the point`() async throws {
    try await withFolder { folder in
      let file = LineFile(.init(path: folder + "/points"))
      #expect(parts(await examine(file)) == ["write ✓", "read ✓"])
      let text = PrometheusFile(path: folder + "/x.prom")
      #expect(parts(await examine(text)) == ["write ✓", "read ✓"])
      let missing = wrong(await examine(LineFile(.init(path: folder + "/no/points"))))
      #expect(missing?.part == .write)
      #expect(missing?.message.contains("make the folder") == true)
    }
  }

  @Test func `Splunk's token and index are checked`() async throws {
    let collector = try SplunkCollector(token: "hidden")
    defer { collector.stop() }
    var configuration = Splunk.Configuration(url: collector.url)
    configuration.token = "hidden"
    #expect(parts(await examine(Splunk(configuration))) == ["route ✓", "write ✓", "read –"])
    configuration.index = "nowhere"
    #expect(wrong(await examine(Splunk(configuration)))?.part == .database)
    configuration.token = "wrong"
    let denied = wrong(await examine(Splunk(configuration)))
    #expect(denied?.part == .credential)
    #expect(denied?.message.contains("wrong") == false)
  }

  private static let past = "Date: Mon, 05 Jan 2026 12:00:00 GMT\r\n"

  @Test(
    arguments: [
      ([.status(204, headers: past), .status(204)], .clock),
      ([.silence], .route), ([.reset], .route), ([.hangUp], .route),
      ([.bytes("SSH-2.0-OpenSSH_9.2\r\n")], .route),
      ([.status(204), .status(401)], .credential), ([.status(204), .status(404)], .database),
      ([.status(204), .status(204), .status(200, body: "{\"results\":[]}")], .read),
      ([.status(204), .status(500, body: "disk full")], .write),
    ] as [([FakeServer.Answer], SinkFinding.Part)])
  func `a server's answers end in what is wrong, in bounded time`(
    answers: [FakeServer.Answer], part: SinkFinding.Part
  ) async throws {
    let server = try FakeServer(answers)
    defer { server.stop() }
    let start = Deadline.now
    let findings = await examine(
      InfluxDB(.init(url: server.url, database: "x")), within: .seconds(3))
    #expect(wrong(findings)?.part == part, "\(findings)")
    #expect(Deadline.now.since(start) < .seconds(8))
  }

  @Test func `a wrong name and a wrong certificate have different reasons`() async throws {
    let findings = await examine(InfluxDB(.init(url: "http://nosuch.invalid:1", database: "x")))
    #expect(wrong(findings)?.part == .name)
    guard Nginx.isInstalled else { return }
    let authority = try Authority()
    let nginx = try Nginx(certificate: try authority.certificate("web"))
    var configuration = InfluxDB.Configuration(
      url: "https://localhost:\(nginx.port)", database: "x")
    let distrusted = wrong(await examine(InfluxDB(configuration)))
    #expect(distrusted?.part == .tls)
    #expect(distrusted?.message.contains("`ca:`") == true)
    configuration.authorities = authority.file
    #expect(wrong(await examine(InfluxDB(configuration)))?.part == .database)
  }
}
