import Transfer
import Foundation
import Lab
import Metrics
import Testing

@testable import Notifiers

@Suite(.serialized, .timeLimit(.minutes(2)))
struct WebhookTests {
  @Test func `the object holds all that a notification says`() {
    var notice = Notice.outage(message: "no \"answer\"\u{1b}[31m")
    notice.isSilent = true
    #expect(
      notice.object(.first).text
        == #"""
        {"version":1,"kind":"problem","occasion":"first","contact":"ops",
        "incident":"web-1738555506","severity":"critical","subject":"🔴 web[03-04] down",
        "text":"web03 ssh: no \"answer\"\u001b[31m\nscrape host web03",
        "opened":"2025-02-03T04:05:06.000Z","silent":true,"alerts":[
        {"host":"web03","group":"web","check":"ssh","severity":"critical","from":"ok",
        "message":"no \"answer\"\u001b[31m","since":"2025-02-03T04:05:06.000Z",
        "tags":{"team":"blue","rack-1":"a"}},
        {"host":"web04","group":"web","check":"rule disk full{path=/}","severity":"minor",
        "from":"ok","message":"91 %","since":"2025-02-03T04:05:06.000Z","cause":"web03"}]}
        """#.replacingOccurrences(of: "\n", with: ""))
    let over = notice.over.object(.end).text
    #expect(over.contains(#""closed":"2025-02-03T04:10:06.000Z""#))
    #expect(over.contains(#""until":"2025-02-03T04:10:06.000Z""#))
  }

  @Test func `a notice without bounds is cut and says so`() {
    var notice = Notice.outage()
    notice.alerts = Array(repeating: notice.alerts[0], count: 2_500)
    #expect(notice.object(.first).text.hasSuffix(#"],"truncated":500}"#))
    #expect(notice.alertmanager().text.contains(#""truncatedAlerts":500"#))
  }

  @Test func `a receiver of Alertmanager's finds all that it reads`() async throws {
    let server = try HTTPReceiver()
    defer { server.stop() }
    var settings = Webhook.Configuration(url: server.url)
    settings.format = .alertmanager
    let webhook = Webhook(settings)
    #expect(await deliver(webhook, .outage()).error == nil)
    #expect(await deliver(webhook, .outage().over, .end).error == nil)
    try #require(server.requests.count == 2)
    let firing = try #require(server.requests[0].json)
    #expect(server.requests[0].head.contains("Content-Type: application/json"))
    #expect(firing["version"] as? String == "4" && firing["status"] as? String == "firing")
    #expect(firing["receiver"] as? String == "ops" && firing["truncatedAlerts"] as? Int == 0)
    #expect(firing["groupKey"] as? String == "{}:{incident=\"web-1738555506\"}")
    #expect(firing["groupLabels"] as? [String: String] == ["incident": "web-1738555506"])
    #expect(
      firing["commonLabels"] as? [String: String]
        == ["group": "web", "incident": "web-1738555506", "job": "scrape"])
    #expect(firing["commonAnnotations"] as? [String: String] == [:])
    #expect(firing["externalURL"] as? String == "")
    let alerts = try #require(firing["alerts"] as? [[String: Any]])
    try #require(alerts.count == 2)
    #expect(
      alerts[0]["labels"] as? [String: String] == [
        "alertname": "ssh", "host": "web03", "instance": "web03", "group": "web",
        "severity": "critical", "incident": "web-1738555506", "job": "scrape", "team": "blue",
        "rack_1": "a",
      ])
    #expect(
      alerts[1]["annotations"] as? [String: String] == [
        "summary": "web04 rule disk full{path=/} minor", "description": "91 %", "cause": "web03",
      ])
    #expect(alerts[0]["startsAt"] as? String == "2025-02-03T04:05:06.000Z")
    #expect(alerts[0]["endsAt"] as? String == "0001-01-01T00:00:00Z")
    #expect((alerts[0]["fingerprint"] as? String)?.count == 16)
    let resolved = try #require(server.requests[1].json)
    #expect(resolved["status"] as? String == "resolved")
    let ended = try #require(resolved["alerts"] as? [[String: Any]])
    #expect(ended.map { $0["status"] as? String } == ["resolved", "resolved"])
    #expect(
      ended.map { $0["endsAt"] as? String }
        == Array(repeating: "2025-02-03T04:10:06.000Z", count: 2))
    // It is the same alert, with the same labels.
    #expect(
      ended.map { $0["fingerprint"] as? String } == alerts.map { $0["fingerprint"] as? String })
    #expect(ended[0]["labels"] as? [String: String] == alerts[0]["labels"] as? [String: String])
  }

  @Test func `a test fires and leaves nothing open, and a report fires never`() async throws {
    let server = try HTTPReceiver()
    defer { server.stop() }
    var settings = Webhook.Configuration(url: server.url)
    settings.format = .alertmanager
    var notice = Notice.outage()
    notice.kind = .test
    #expect(await deliver(Webhook(settings), notice).error == nil)
    notice.kind = .report
    notice.alerts = []
    #expect(await deliver(Webhook(settings), notice).error == nil)
    let states = server.requests.map { $0.json?["status"] as? String }
    #expect(states == ["firing", "resolved", "resolved"])
  }

  @Test func `credentials and headers arrive and are not shown`() async throws {
    let server = try HTTPReceiver([
      "HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 403 X\r\nContent-Length: 26\r\n\r\nbad t0ps3cret, key k3y-123\n",
    ])
    defer { server.stop() }
    setenv("SCRAPE_TEST_TOKEN", "t0ps3cret", 1)
    setenv("SCRAPE_TEST_KEY", "k3y-123", 1)
    let found = try places(
      """
      {webhook: {url: "\(server.url)?room=1", token: "${SCRAPE_TEST_TOKEN}",
      headers: {X-Room: ops, X-Api-Key: "${SCRAPE_TEST_KEY}"}}}
      """)
    #expect(found.findings.errors == [])
    let webhook = try #require(found.notifiers.first)
    #expect(webhook.name == "webhook \(server.url)")
    #expect(await deliver(webhook, .outage()).error == nil)
    let head = try #require(server.requests.first?.head)
    #expect(head.hasPrefix("POST /hook?room=1 HTTP/1.1\r\n"))
    for line in ["Authorization: Bearer t0ps3cret", "X-Room: ops", "X-Api-Key: k3y-123"] {
      #expect(head.contains(line), "\(head)")
    }
    let error = try #require(await deliver(webhook, .outage()).error)
    #expect(error.reason == .forbidden)
    #expect(error.message.hasPrefix("answered 403: bad •••, key •••;"), "\(error)")
  }

  @Test func `no part of a token is shown where a server's words are cut`() async throws {
    let token = "t0ps3cret-of-the-hook"
    for words in [String(repeating: "x", count: 190) + " " + token, token + "\u{301}"] {
      let server = try HTTPReceiver([
        "HTTP/1.1 403 X\r\nContent-Length: \(words.utf8.count)\r\n\r\n\(words)"
      ])
      defer { server.stop() }
      var configuration = Webhook.Configuration(url: server.url)
      configuration.token = token
      let error = try #require(await deliver(Webhook(configuration), .outage()).error)
      #expect(!error.message.contains("t0ps3"), "\(error)")
    }
  }

  @Test func `an address that is a secret is shown nowhere`() async throws {
    let server = try HTTPReceiver(["HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n"])
    defer { server.stop() }
    setenv("SCRAPE_TEST_HOOK", "\(server.url)/T0/B1/s3cr3t", 1)
    let found = try places("{webhook: {url: \"${SCRAPE_TEST_HOOK}\"}}")
    let webhook = try #require(found.notifiers.first)
    #expect(webhook.name == "webhook ${SCRAPE_TEST_HOOK}")
    let error = try #require(await deliver(webhook, .outage()).error)
    #expect(error.reason == .missing && !"\(error)".contains("s3cr3t"))
    #expect(server.requests.first?.head.hasPrefix("POST /hook/T0/B1/s3cr3t ") == true)
  }

  @Test(
    arguments: [
      ("HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n", nil, ""),
      ("HTTP/1.1 202 X\r\nContent-Length: 2\r\n\r\nok", nil, ""),
      (
        "HTTP/1.1 400 X\r\nContent-Length: 20\r\n\r\n\n bad\u{1b}[31m field\nmore", .refused,
        "answered 400: bad\\x1b[31m field"
      ),
      ("HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n", .unauthorized, "answered 401; check token"),
      ("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", .missing, "check `url:`"),
      ("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", .busy, "answered 500"),
      (
        "HTTP/1.1 302 X\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\n\r\n",
        .refused, "it leads elsewhere to http://elsewhere.example/, which is not followed"
      ),
      ("SSH-2.0-OpenSSH_9.2\r\n", .protocolError, ""),
      (
        "HTTP/1.1 422 X\r\nContent-Length: 999999\r\n\r\n" + String(repeating: "x", count: 9_000),
        .refused, "…"
      ),
    ] as [(String, DeliveryError.Reason?, String)])
  func `each answer is explained in clear words`(
    answer: String, reason: DeliveryError.Reason?, says: String
  ) async throws {
    let server = try HTTPReceiver([answer])
    defer { server.stop() }
    let outcome = await deliver(Webhook(.init(url: server.url)), .outage())
    #expect(outcome.error?.reason == reason, "\(outcome)")
    #expect(says.isEmpty || outcome.error?.message.contains(says) == true, "\(outcome)")
    #expect(outcome.error.map { $0.message.utf8.count < 400 } ?? true)
    #expect((outcome.sent == SentMessage()) == (reason != nil))
  }

  @Test func `a server that asks to wait is not called`() async throws {
    let server = try HTTPReceiver([
      "HTTP/1.1 429 X\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n"
    ])
    defer { server.stop() }
    let webhook = Webhook(.init(url: server.url))
    let first = await deliver(webhook, .outage())
    #expect(first.error?.reason == .busy && first.error?.retryAfter == .seconds(2))
    let second = await deliver(webhook, .outage(), memory: first.memory)
    #expect(second.error?.reason == .busy && server.requests.count == 1)
    try await Task.sleep(for: .seconds(3))
    let third = await deliver(webhook, .outage(), memory: second.memory)
    #expect(third.error == nil && server.requests.count == 2 && third.memory == NotifierMemory())
  }

  @Test(arguments: ["", "x", "-5", "99999999999999999999", "9000000000000000000"])
  func `a memory of nonsense does not silence it`(text: String) async throws {
    let server = try HTTPReceiver()
    defer { server.stop() }
    let memory = NotifierMemory(["retry_after": text])
    #expect(await deliver(Webhook(.init(url: server.url)), .outage(), memory: memory).error == nil)
  }
}
