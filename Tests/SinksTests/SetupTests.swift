import Transfer
import Configuration
import Engine
import Foundation
import Lab
import Metrics
import Testing

@testable import Sinks
@testable import Store

@Suite(.serialized, .timeLimit(.minutes(1))) struct SetupTests {
  /// One measurement with a field of each kind.
  private static let catalog = Catalog([
    (
      .scraper,
      [
        Measurement(
          "m", "A measurement.",
          fields: [
            .float("load", means: ""), .counter("bytes", means: ""), .state("state", means: ""),
            .string("reason", means: ""), .presence("up", means: ""), .sum("failed", means: ""),
          ])
      ]
    )
  ])

  private func prepare(
    _ sink: some Preparable, dryRun: Bool = false
  ) async -> (steps: [SetupStep], error: DeliveryError?) {
    await Reactor().run { reactor in
      var steps: [SetupStep] = []
      do throws(DeliveryError) {
        try await sink.prepare(
          Self.catalog, dryRun: dryRun, &steps, on: reactor, by: .after(.seconds(10)))
        return (steps, nil)
      } catch {
        return (steps, error)
      }
    }
  }

  @Test(
    .enabled(if: InfluxServer.isInstalled, "needs Debian's influxdb"), arguments: [nil, "we\"ek"])
  func `version 1 gets what is missing, once, and what differs is corrected`(
    policy: String?
  ) async throws {
    let server = try InfluxServer()
    var configuration = InfluxDB.Configuration(url: server.url, database: "ra\"nge 1")
    configuration.retentionPolicy = policy
    configuration.retention = Retention(
      keep: .seconds(30 * 86_400),
      rollups: [
        .init(every: .seconds(300), keep: .seconds(364 * 86_400)), .init(every: .seconds(5400)),
      ])

    let dry = await prepare(InfluxDB(configuration), dryRun: true)
    #expect(dry.error == nil)
    #expect(dry.steps.allSatisfy { $0.state == .wouldMake || $0.state == .wouldChange })
    #expect(try server.query("SHOW DATABASES").map { "\($0[1])" } == [])

    let made = await prepare(InfluxDB(configuration))
    #expect(made.error == nil, "\(made)")
    #expect(made.steps.map(\.what) == dry.steps.map(\.what))
    #expect(made.steps.count == 6)
    let again = await prepare(InfluxDB(configuration))
    #expect(again.error == nil)
    #expect(again.steps.allSatisfy { $0.state == .isThere }, "\(again.steps)")
    #expect(again.steps.count == 6)

    configuration.retention?.keep = .seconds(7 * 86_400)
    configuration.retention?.rollups[0].keep = .seconds(52 * 7 * 86_400 + 86_400)
    let changed = await prepare(InfluxDB(configuration))
    #expect(
      changed.steps.map(\.state) == [.isThere, .changed, .changed, .isThere, .isThere, .isThere])
    let policies = try server.query("SHOW RETENTION POLICIES ON \"ra\\\"nge 1\"")
    let lengths = Dictionary(
      policies.map { ("\($0[1])", "\($0[2])") }, uniquingKeysWith: { $1 })
    #expect(lengths[policy ?? "autogen"] == "168h0m0s")
    #expect(lengths["scrape_5m"] == "8760h0m0s" && lengths["scrape_90m"] == "0s")

    // Points go to the policy that was made.
    var point = Point("m")
    point.integer("v", Int64(1))
    let now = PointBatch(host: "a", tags: [], time: .now, points: [point])
    #expect(await write([now], to: InfluxDB(configuration)).error == nil)
  }

  @Test(.enabled(if: InfluxServer.isInstalled, "needs Debian's influxdb"))
  func `a rollup holds of each field what its kind asks for, under the field's name`() async throws
  {
    let server = try InfluxServer()
    var configuration = InfluxDB.Configuration(url: server.url, database: "range")
    configuration.retention = Retention(rollups: [.init(every: .seconds(10))])
    #expect(await prepare(InfluxDB(configuration)).error == nil)
    // Ten seconds that have passed, so that the server computes them at its next run.
    let start = Timestamp(seconds: Timestamp.now.seconds / 10 * 10 - 20)
    let batches = [(1.0, 10, 3, "a"), (3.0, 20, 0, "b")].enumerated().map { index, values in
      var point = Point("m", time: start.after(.seconds(Int64(index) * 4)))
      point.float("load", values.0)
      point.integer("bytes", Int64(values.1))
      point.integer("state", Int64(values.2))
      point.string("reason", values.3)
      point.integer("up", Int64(index))
      point.integer("failed", Int64(values.1))
      return PointBatch(host: "h", tags: [Tag("host", "h")], time: start, points: [point])
    }
    #expect(await write(batches, to: InfluxDB(configuration)).error == nil)
    let statement = """
      SELECT "load", "max_load", "bytes", "state", "max_state", "reason", "up", "min_up", "failed" FROM "scrape_10s"."m" \
      WHERE "host" = 'h'
      """
    var rows: [[String]] = []
    for _ in 0..<60 where rows.isEmpty {
      rows = try server.query(statement, database: "range").map { $0.dropFirst().map { "\($0)" } }
      if rows.isEmpty { try await Task.sleep(for: .milliseconds(500)) }
    }
    #expect(
      rows.first?.suffix(9) == ["2", "3", "20", "0", "3", "b", "1", "0", "30"], "\(rows)")
  }

  @Test func `a task of version 2 keeps of each field what its kind asks for`() {
    let sets = Rollups.sets(in: Self.catalog).map { "\($0.prefix)\($0.function) \($0.fields)" }
    #expect(
      sets == [
        #"mean ["m.load"]"#, #"max_max ["m.load", "m.state"]"#,
        #"last ["m.bytes", "m.reason", "m.state", "m.up"]"#, #"min_min ["m.up"]"#,
        #"sum ["m.failed"]"#,
      ], "\(sets)")
  }

  @Test(.enabled(if: InfluxServer.isInstalled, "needs Debian's influxdb"))
  func `the query of the last version is removed`() async throws {
    let server = try InfluxServer()
    try server.execute("CREATE DATABASE range")
    try server.execute("CREATE RETENTION POLICY scrape_5m ON range DURATION INF REPLICATION 1")
    try server.execute(
      "CREATE CONTINUOUS QUERY scrape_5m ON range BEGIN SELECT mean(*) INTO "
        + "range.scrape_5m.:MEASUREMENT FROM range.autogen./.*/ GROUP BY time(5m), * END")
    var configuration = InfluxDB.Configuration(url: server.url, database: "range")
    configuration.retention = Retention(rollups: [.init(every: .seconds(300))])
    let made = await prepare(InfluxDB(configuration))
    #expect(made.error == nil)
    #expect(made.steps.contains { $0.state == .changed && $0.what.hasPrefix("DROP CONTINUOUS") })
    let again = await prepare(InfluxDB(configuration))
    #expect(again.steps.allSatisfy { $0.state == .isThere }, "\(again.steps)")
  }

  @Test(.enabled(if: InfluxServer.isInstalled, "needs Debian's influxdb"))
  func `a user without permission gets that reason`() async throws {
    let server = try InfluxServer(["INFLUXDB_HTTP_AUTH_ENABLED": "true"])
    try server.execute("CREATE USER boss WITH PASSWORD 'b' WITH ALL PRIVILEGES")
    let outcome = await prepare(InfluxDB(.init(url: server.url, database: "x")))
    #expect(outcome.error?.reason == .unauthorized)
    #expect(outcome.steps.isEmpty)
  }

  private static let org = FakeServer.Answer.status(
    200, body: "{\"orgs\":[{\"id\":\"0a\",\"name\":\"lab\"}]}")
  private static let none = FakeServer.Answer.status(200, body: "{\"buckets\":[],\"tasks\":[]}")
  private static let raw = FakeServer.Answer.status(
    200, body: "{\"buckets\":[{\"id\":\"b\",\"name\":\"raw\"}]}")
  private static let copy = FakeServer.Answer.status(
    200, body: "{\"buckets\":[{\"id\":\"c\",\"name\":\"raw_5m\"}]}")
  /// Both mappings for InfluxQL.
  private static let mapped = FakeServer.Answer.status(
    200,
    body: """
      {"content":[{"retention_policy":"autogen"},{"retention_policy":"scrape_5m"}]}
      """)
  private static let done = FakeServer.Answer.status(201, body: "{\"id\":\"1\"}")

  private func sink(_ url: String) -> InfluxDB2 {
    var configuration = InfluxDB2.Configuration(url: url, bucket: "raw")
    configuration.org = "lab"
    configuration.token = "hidden"
    configuration.retention = Retention(
      keep: .seconds(86_400), rollups: [.init(every: .seconds(300), keep: nil)])
    return InfluxDB2(configuration)
  }

  @Test func `version 2 gets buckets and a task`() async throws {
    let server = try FakeServer(
      [
        Self.org, Self.none, Self.done, Self.none, Self.raw, Self.done, Self.none, Self.done,
        Self.none, Self.done, Self.none, Self.copy, Self.done,
      ])
    defer { server.stop() }
    let (steps, error) = await prepare(sink(server.url))
    #expect(error == nil)
    #expect(
      steps == [
        SetupStep(.made, "bucket raw, 1d"), SetupStep(.made, "mapping raw/autogen to bucket raw"),
        SetupStep(.made, "bucket raw_5m"), SetupStep(.made, "task scrape raw_5m"),
        SetupStep(.made, "mapping raw/scrape_5m to bucket raw_5m"),
      ])
    #expect(
      server.requests.map { $0.split(separator: " ").prefix(2).joined(separator: " ") } == [
        "GET /api/v2/orgs?org=lab", "GET /api/v2/buckets?orgID=0a&name=raw",
        "POST /api/v2/buckets", "GET /api/v2/dbrps?orgID=0a&db=raw",
        "GET /api/v2/buckets?orgID=0a&name=raw", "POST /api/v2/dbrps",
        "GET /api/v2/buckets?orgID=0a&name=raw_5m", "POST /api/v2/buckets",
        "GET /api/v2/tasks?orgID=0a&name=scrape%20raw_5m", "POST /api/v2/tasks",
        "GET /api/v2/dbrps?orgID=0a&db=raw", "GET /api/v2/buckets?orgID=0a&name=raw_5m",
        "POST /api/v2/dbrps",
      ])
    #expect(server.requests.allSatisfy { $0.contains("Authorization: Token hidden") })
  }

  @Test func `version 2 says for how long a bucket keeps points`() async throws {
    func bucket(_ rules: String) -> FakeServer.Answer {
      .status(
        200, body: "{\"buckets\":[{\"id\":\"b\",\"name\":\"raw\",\"retentionRules\":[\(rules)]}]}")
    }
    let server = try FakeServer(
      [bucket("{\"type\":\"expire\",\"everySeconds\":7200}"), bucket(""), Self.none])
    defer { server.stop() }
    let sink = sink(server.url)
    var found: [String] = []
    for _ in 0..<3 {
      let text = await Reactor().run { reactor in
        do throws(DeliveryError) {
          let kept = try await sink.retention(on: reactor, by: .after(.seconds(10)))
          return "\(kept.place) \(kept.length)"
        } catch { return error.reason.rawValue }
      }
      found.append(text)
    }
    #expect(found == ["bucket raw 7200.0 seconds", "bucket raw 0.0 seconds", "missing"])
    #expect(server.requests[0].hasPrefix("GET /api/v2/buckets?name=raw&org=lab "))
  }

  @Test func `version 2 is corrected, and only where it differs`() async throws {
    func bucket(_ name: String, _ seconds: Int) -> FakeServer.Answer {
      .status(
        200,
        body: """
          {"buckets":[{"id":"b","name":"\(name)","retentionRules":[{"type":"expire",\
          "everySeconds":\(seconds)}]}]}
          """)
    }
    let task = FakeServer.Answer.status(
      200, body: "{\"tasks\":[{\"id\":\"t\",\"name\":\"scrape raw_5m\",\"flux\":\"old\"}]}")
    let server = try FakeServer(
      [
        Self.org, bucket("raw", 86_400), Self.mapped, bucket("raw_5m", 3600), Self.done, task,
        Self.done, Self.mapped,
      ])
    defer { server.stop() }
    let (steps, error) = await prepare(sink(server.url))
    #expect(error == nil)
    #expect(steps.map(\.state) == [.isThere, .isThere, .changed, .changed, .isThere])
    #expect(server.requests[4].hasPrefix("PATCH /api/v2/buckets/b "))
    #expect(server.requests[6].hasPrefix("PATCH /api/v2/tasks/t "))
    // The first bucket's other neighbour is distinguished by its whole name.
    let dry = try FakeServer(
      [
        Self.org, bucket("raw_old", 1), Self.none, bucket("raw_old", 1), bucket("raw_5m", 0), task,
        Self.mapped,
      ])
    defer { dry.stop() }
    let looked = await prepare(sink(dry.url), dryRun: true)
    #expect(
      looked.steps.map(\.state) == [.wouldMake, .wouldMake, .isThere, .wouldChange, .isThere])
    #expect(dry.requests.allSatisfy { $0.hasPrefix("GET ") })
  }

  @Test(
    arguments: [
      ([.status(200, body: "{\"orgs\":[]}")], .missing),
      ([.status(404, body: "{\"code\":\"not found\",\"message\":\"no org\"}")], .missing),
      ([.status(401, body: "{\"code\":\"unauthorized\"}")], .unauthorized),
      ([.status(200, body: "<html></html>")], .protocolError),
      ([.status(200, body: "{\"orgs\":[{\"id\":7,\"name\":\"lab\"}]}")], .missing),
      ([org, none, .status(422, body: "{\"message\":\"bucket exists\"}")], .protocolError),
      ([org, none, .status(403)], .unauthorized), ([org, none, .status(404)], .missing),
    ] as [([FakeServer.Answer], DeliveryError.Reason)])
  func `what version 2 refuses has a reason`(
    answers: [FakeServer.Answer], reason: DeliveryError.Reason
  ) async throws {
    let server = try FakeServer(answers)
    defer { server.stop() }
    let (_, error) = await prepare(sink(server.url))
    #expect(error?.reason == reason, "\(String(describing: error))")
    #expect("\(String(describing: error))".contains("hidden") == false)
  }
}
