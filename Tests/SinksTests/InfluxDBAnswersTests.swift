import Engine
import Metrics
import Testing
import Transfer

@testable import Sinks
@testable import Store

@Suite(.timeLimit(.minutes(1))) struct InfluxDBAnswersTests {
  static let points = (0..<4).map { number in
    var point = Point("m")
    point.integer("v", Int64(number))
    return point
  }

  @Test(
    arguments: [
      ([.status(204)], nil, 1),
      ([.status(503, headers: "Retry-After: 1\r\n"), .status(204)], nil, 2),
      ([.status(429, headers: "Retry-After: 86400\r\n")], .unavailable, 1),
      ([.status(503, headers: "Retry-After: -5\r\n"), .status(502), .status(204)], nil, 3),
      ([.status(503), .status(503), .status(503), .status(503)], .unavailable, 4),
      ([.status(500, body: "{\"error\":\"no space left on device\"}")], .unavailable, 1),
      ([.status(413), .status(204), .status(204)], nil, 3),
      ([.status(200, body: "<html>Welcome</html>")], .protocolError, 1),
      ([.status(200)], .protocolError, 1),
      ([.status(301, headers: "Location: http://127.0.0.1:1/\r\n")], .protocolError, 1),
      ([.status(400, body: "{\"error\":\"database is required\"}")], .protocolError, 1),
      ([.status(404, body: "404 page not found")], .missing, 1),
      (
        [
          .status(404, body: "{\"error\":\"database not found: \\\"x\\\"\"}"),
          .status(200, body: "{\"results\":[{\"statement_id\":0,\"error\":\"no\"}]}"),
        ], .missing, 2
      ),
      (
        [
          .status(404, body: "{\"error\":\"database not found: \\\"x\\\"\"}"),
          .status(200, body: "{\"results\":[{\"statement_id\":0}]}"),
          .status(404, body: "{\"error\":\"database not found: \\\"x\\\"\"}"),
        ], .missing, 3
      ),
      ([.status(401, body: "<html>login</html>")], .unauthorized, 1),
      ([.endless], .unavailable, 1),
      ([.silence], .timeout, 1),
      ([.reset], .unreachable, 1),
      ([.hangUp], .unreachable, 1),
      ([.bytes("SSH-2.0-OpenSSH_9.2\r\n")], .protocolError, 1),
      ([.bytes("HTTP/1.1 200\r\nContent-Length: -1\r\n\r\n")], .protocolError, 1),
      ([.bytes("HTTP/1.1 " + String(repeating: "9", count: 200) + "\r\n\r\n")], .protocolError, 1),
    ] as [([FakeServer.Answer], DeliveryError.Reason?, Int)])
  func `a server's answer ends in points taken or in a reason`(
    answers: [FakeServer.Answer], reason: DeliveryError.Reason?, requests: Int
  ) async throws {
    let server = try FakeServer(answers)
    defer { server.stop() }
    var configuration = InfluxDB.Configuration(url: server.url, database: "x")
    configuration.username = "user"
    configuration.password = "hidden"
    let start = Deadline.now
    let delivery = await write(
      [batch(Self.points)], to: InfluxDB(configuration), within: .seconds(4))
    #expect(delivery.error?.reason == reason, "\(delivery)")
    #expect(delivery.receipt.taken == (reason == nil ? 4 : 0))
    #expect(server.requests.count == requests)
    #expect(server.requests.allSatisfy { $0.contains("Basic dXNlcjpoaWRkZW4=") })
    #expect(server.requests.allSatisfy { !$0.contains("hidden") })
    #expect(!"\(delivery)".contains("hidden"))
    #expect(Deadline.now.since(start) < .seconds(6))
  }

  @Test func `a batch that is refused whole is halved down to the bad line`() async throws {
    let bad = FakeServer.Answer.status(400, body: "{\"error\":\"unable to parse 'm v': x\"}")
    let server = try FakeServer([bad, .status(204), bad, .status(204), bad])
    defer { server.stop() }
    let sink = InfluxDB(.init(url: server.url, database: "x"))
    let delivery = await write([batch(Self.points)], to: sink)
    #expect(delivery.error == nil)
    #expect((delivery.receipt.taken, delivery.receipt.refused) == (3, 1))
    #expect(delivery.receipt.messages.count == 1)
    #expect(
      delivery.receipt.messages.first?.hasPrefix(
        "unable to parse 'm v': x, in the line: m,group=web,host=web1 v=3i ") == true)
  }

  @Test func `connections are used again`() async throws {
    let server = try FakeServer([])
    defer { server.stop() }
    let client = Transfers()
    let statuses = await Reactor().run { reactor in
      var statuses: [Int?] = []
      for _ in 0..<3 {
        var request = TransferRequest("POST", server.url)
        request.keepsConnection = true
        request.body = Array(repeating: 0x61, count: 3_000_000)
        statuses.append(
          await client.run(request, on: reactor, by: .after(.seconds(10))).status)
      }
      return statuses
    }
    #expect(statuses == [204, 204, 204])
  }
}
