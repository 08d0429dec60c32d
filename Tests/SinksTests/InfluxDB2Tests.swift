import Transfer
import Engine
import Foundation
import Lab
import Metrics
import Testing

@testable import Sinks
@testable import Store

@Suite(.timeLimit(.minutes(1))) struct InfluxDB2Tests {
  private func sink(_ url: String, _ change: (inout InfluxDB2.Configuration) -> Void = { _ in })
    -> InfluxDB2
  {
    var configuration = InfluxDB2.Configuration(url: url, bucket: "raw points")
    configuration.org = "ränge"
    configuration.token = "hidden=="
    change(&configuration)
    return InfluxDB2(configuration)
  }

  private static func error(_ code: String, _ message: String) -> String {
    "{\"code\":\"\(code)\",\"message\":\"\(message)\"}"
  }

  @Test(
    arguments: [
      ([.status(204)], nil, 4, 1),
      ([.status(401, body: error("unauthorized", "unauthorized access"))], .unauthorized, 0, 1),
      ([.status(401)], .unauthorized, 0, 1),
      ([.status(403, body: error("forbidden", "insufficient permissions"))], .unauthorized, 0, 1),
      ([.status(404, body: error("not found", "bucket \\\"raw\\\" not found"))], .missing, 0, 1),
      (
        [.status(400, body: error("invalid", "organization name \\\"x\\\" not found"))], .missing,
        0,
        1
      ),
      ([.status(400, body: error("invalid", "no org"))], .protocolError, 0, 1),
      ([.status(400, body: "<html><h1>Bad Request</h1></html>")], .protocolError, 0, 1),
      ([.status(413, body: "<html>too large</html>"), .status(204), .status(204)], nil, 4, 3),
      (
        [
          .status(
            422,
            body: error(
              "unprocessable entity",
              "failure writing points to database: partial write: field type conflict: input field "
                + "\\\"v\\\" on measurement \\\"m\\\" is type float, already exists as type integer "
                + "dropped=3"))
        ], nil, 1, 1
      ),
      (
        [
          .status(
            400,
            body: """
              {"error": "partial write of line protocol occurred", "data": [{"error_message": \
              "invalid column type for column 'v'","line_number":2,"original_line":"m v=1"},\
              {"error_message":"no","line_number":4,"original_line":"m v=x"}]}
              """)
        ], nil, 2, 1
      ),
      ([.status(422, body: error("x", "no")), .status(204), .status(204)], nil, 4, 3),
      (
        [.status(429, headers: "Retry-After: 1\r\n"), .status(503, headers: "Retry-After: 0\r\n")],
        nil, 4, 3
      ),
      ([.status(429, headers: "Retry-After: 3600\r\n")], .unavailable, 0, 1),
      (
        [.status(503, headers: "Retry-After: Fri, 31 Dec 2199 23:59:59 GMT\r\n")], .unavailable, 0,
        1
      ),
      (
        [.status(503, headers: "Retry-After: Thu, 01 Jan 1998 00:00:00 GMT\r\n"), .status(204)],
        nil, 4, 2
      ),
      ([.status(500, body: "")], .unavailable, 0, 1),
      ([.status(500, body: error("internal error", "disk full"))], .unavailable, 0, 1),
      ([.status(200, body: "<html>Sign in</html>")], .protocolError, 0, 1),
      ([.status(302, headers: "Location: /login\r\n")], .protocolError, 0, 1),
      // InfluxDB 1.8 has databases behind its buckets.
      (
        [
          .status(404, body: "{\"error\":\"database not found: \\\"raw points\\\"\"}"),
          .status(200, body: "{\"results\":[{\"statement_id\":0}]}"), .status(204),
        ], nil, 4, 3
      ),
      (
        [
          .status(404, body: "{\"error\":\"database not found: \\\"raw points\\\"\"}"),
          .status(403, body: "{\"error\":\"not allowed\"}"),
        ], .unauthorized, 0, 2
      ),
    ] as [([FakeServer.Answer], DeliveryError.Reason?, Int, Int)])
  func `an answer of version 2 or 3 ends in points taken or in a reason`(
    answers: [FakeServer.Answer], reason: DeliveryError.Reason?, taken: Int, requests: Int
  ) async throws {
    let server = try FakeServer(answers)
    defer { server.stop() }
    let delivery = await write(
      [batch(InfluxDBAnswersTests.points)], to: sink(server.url + "/"), within: .seconds(4))
    #expect(delivery.error?.reason == reason, "\(delivery)")
    #expect(delivery.receipt.taken == taken, "\(delivery)")
    if reason == nil { #expect(delivery.receipt.refused == 4 - taken) }
    #expect(server.requests.count == requests)
    #expect(server.requests.allSatisfy { $0.contains("Authorization: Token hidden==") })
    #expect(
      server.requests.first?.hasPrefix(
        "POST /api/v2/write?bucket=raw%20points&precision=ns&org=r%C3%A4nge HTTP/1.1") == true)
    #expect(!"\(delivery)".contains("hidden"))
  }

  @Test func `a bad line is named, where the server does not, by its beginning`() async throws {
    let bad = FakeServer.Answer.status(400, body: Self.error("invalid", "unable to parse points"))
    let server = try FakeServer([bad, .status(204), bad, bad, .status(204)])
    defer { server.stop() }
    let delivery = await write([batch(InfluxDBAnswersTests.points)], to: sink(server.url))
    #expect((delivery.receipt.taken, delivery.receipt.refused) == (3, 1))
    #expect(
      delivery.receipt.messages.first?.hasPrefix(
        "unable to parse points, in the line: m,group=web,host=web1 v=2i ") == true)
  }

  @Test func `a batch of nothing but bad lines ends, and each is counted`() async throws {
    let bad = FakeServer.Answer.status(400, body: Self.error("invalid", "unable to parse"))
    let server = try FakeServer(Array(repeating: bad, count: 2_000))
    defer { server.stop() }
    let points = (0..<1_500).map { number in
      var point = Point("m", time: Timestamp(nanoseconds: Int64(number)))
      point.integer("v", Int64(number))
      return point
    }
    let delivery = await write([batch(points)], to: sink(server.url))
    #expect(delivery.error == nil)
    #expect((delivery.receipt.taken, delivery.receipt.refused) == (0, 1_500))
    #expect(server.requests.count < 1_100)
    #expect(delivery.receipt.messages.count <= 10)
  }

  @Test(.enabled(if: VictoriaServer.isInstalled, "needs Debian's victoria-metrics"))
  func `VictoriaMetrics takes points by either way of writing, and twice is once`() async throws {
    let server = try VictoriaServer()
    var point = Point("mem")
    point.integer("used", Int64(42))
    point.percent("used_percent", 12.5)
    let first = InfluxDB(.init(url: server.url, database: "raw"))
    for _ in 0..<2 {
      let old = await write([batch([point], host: "one")], to: first)
      let new = await write([batch([point], host: "two")], to: sink(server.url))
      #expect(old == Delivery(receipt: Receipt(taken: 1)))
      #expect(new == Delivery(receipt: Receipt(taken: 1)))
    }
    for (metric, value) in [("mem_used", 42), ("mem_used_percent", 12.5)] {
      let samples = try server.samples(of: metric)
      let distinct = Set(samples.map { "\($0.labels["host"] ?? "") \($0.time) \($0.value)" })
      #expect(
        distinct
          == Set(["one", "two"].map { "\($0) \(noon.nanoseconds / 1_000_000) \(Double(value))" }))
    }
  }

  @Test(
    arguments: [
      ("eyJhbGciOiJIUzI1NiJ9.e30.x", "Bearer"), ("user:pass", "Token"), ("abc==", "Token"),
    ])
  func `version 1 takes a token for a user`(token: String, scheme: String) async throws {
    let server = try FakeServer([])
    defer { server.stop() }
    var configuration = InfluxDB.Configuration(url: server.url, database: "x")
    configuration.token = token
    let delivery = await write(
      [batch(InfluxDBAnswersTests.points)], to: InfluxDB(configuration))
    #expect(delivery.error == nil)
    #expect(server.requests.first?.contains("Authorization: \(scheme) \(token)\r\n") == true)
  }
}
