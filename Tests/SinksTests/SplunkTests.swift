import Transfer
import Engine
import Foundation
import Metrics
import Testing

@testable import Sinks
@testable import Store

@Suite(.timeLimit(.minutes(1))) struct SplunkTests {
  private func login(_ user: String, _ number: Int = 0) -> Point {
    var point = Point(
      "login", tags: [Tag("kind", "ssh")],
      time: Timestamp(nanoseconds: noon.nanoseconds + Int64(number) * 1_000_000))
    point.string("user", user)
    point.integer("duration_s", Int64(3))
    return point
  }

  private func sink(
    _ url: String, token: String = "hidden", index: String? = nil,
    format: Splunk.Format = .events
  ) -> Splunk {
    var configuration = Splunk.Configuration(url: url)
    configuration.token = token
    configuration.index = index
    configuration.format = format
    return Splunk(configuration)
  }

  @Test func `an event arrives with its time, host and fields`() async throws {
    let collector = try SplunkCollector(token: "hidden", indexes: ["range"])
    defer { collector.stop() }
    let delivery = await write(
      [batch([login("a\"\u{1b}\n"), Point("empty")])], to: sink(collector.url, index: "range"))
    #expect(delivery == Delivery(receipt: Receipt(taken: 1)))
    let event = try #require(collector.events.first)
    #expect(event["time"] as? Double == Double(noon.seconds))
    #expect(event["host"] as? String == "web1")
    #expect(event["index"] as? String == "range")
    #expect(event["source"] as? String == "scrape")
    #expect(event["sourcetype"] as? String == "scrape:login")
    let content = try #require(event["event"] as? [String: Any])
    #expect(
      NSDictionary(dictionary: content)
        == [
          "measurement": "login", "kind": "ssh", "group": "web", "host": "web1",
          "user": "a\"\u{1b}\n", "duration_s": 3,
        ])
  }

  @Test func `metrics carry every number of a point`() async throws {
    let collector = try SplunkCollector(token: "hidden")
    defer { collector.stop() }
    var point = Point("cpu", tags: [Tag("cpu", "cpu0")])
    point.float("usage_idle", 87.5)
    point.integer("n", Int64(4))
    point.string("text", "none")
    let delivery = await write(
      [batch([point, login("nobody")])], to: sink(collector.url, format: .metrics))
    #expect(delivery == Delivery(receipt: Receipt(taken: 2)))
    #expect(collector.events.first?["event"] as? String == "metric")
    #expect(
      collector.events.first?["fields"] as? NSDictionary
        == [
          "cpu": "cpu0", "group": "web", "metric_name:cpu.usage_idle": 87.5, "metric_name:cpu.n": 4,
        ])
  }

  @Test func `only the event that Splunk cannot take is set aside`() async throws {
    let collector = try SplunkCollector(token: "hidden", limit: 2_000)
    defer { collector.stop() }
    let users = (0..<40).map { $0 == 17 ? "poison" : "user\($0)" }
    let delivery = await write(
      [batch(users.enumerated().map { login($1, $0) })], to: sink(collector.url))
    #expect(delivery.receipt.taken == 39)
    #expect(delivery.receipt.refused == 1)
    let said = delivery.receipt.messages.joined()
    #expect(said.contains("indexed fields"), "\(said)")
    let found = collector.events.compactMap { ($0["event"] as? [String: Any])?["user"] as? String }
    #expect(found == users.filter { $0 != "poison" })
  }

  @Test func `a busy Splunk is waited for`() async throws {
    let collector = try SplunkCollector(token: "hidden", busyTimes: 2)
    defer { collector.stop() }
    let delivery = await write([batch([login("a")])], to: sink(collector.url))
    #expect(delivery == Delivery(receipt: Receipt(taken: 1)))
    #expect(collector.events.count == 1)
  }

  @Test(
    arguments: [
      ("hidden", "nowhere", .missing, "code 7: Incorrect index; let the token write to nowhere"),
      ("wrong", nil, .unauthorized, "code 4: Invalid token; check the token"),
      ("disabled", nil, .unauthorized, "code 1: Token •••; enable the token"),
    ] as [(String, String?, DeliveryError.Reason, String)])
  func `what is set up wrongly keeps the events and says what to do`(
    token: String, index: String?, reason: DeliveryError.Reason, message: String
  ) async throws {
    let collector = try SplunkCollector(token: "hidden")
    defer { collector.stop() }
    let delivery = await write(
      [batch([login("a")])], to: sink(collector.url, token: token, index: index))
    #expect(delivery.error?.reason == reason)
    #expect(delivery.error?.message.contains(message) == true, "\(String(describing: delivery))")
    #expect(delivery.receipt == Receipt())
  }

  @Test(
    arguments: [
      ([.status(200, body: "{\"text\":\"Success\",\"code\":0}")], nil),
      ([.status(200, body: "<html>Splunk</html>")], .protocolError),
      ([.status(404, body: "")], .missing),
      (
        Array(repeating: .status(503, body: "{\"text\":\"Server is busy\",\"code\":9}"), count: 9),
        .unavailable
      ),
      ([.status(400, body: "{\"text\":\"Data channel is missing\",\"code\":10}")], .protocolError),
      ([.status(400, body: "{\"text\":\"No data\",\"code\":5}")], nil),
      ([.silence], .timeout), ([.reset], .unreachable), ([.hangUp], .unreachable),
      ([.bytes("SSH-2.0-OpenSSH_9.2\r\n")], .protocolError),
    ] as [([FakeServer.Answer], DeliveryError.Reason?)])
  func `a server's answer ends in events taken or in a reason`(
    answers: [FakeServer.Answer], reason: DeliveryError.Reason?
  ) async throws {
    let server = try FakeServer(answers)
    defer { server.stop() }
    let delivery = await write([batch([login("a")])], to: sink(server.url), within: .seconds(3))
    #expect(delivery.error?.reason == reason)
    #expect(delivery.error?.message.contains("hidden") != true)
  }
}
