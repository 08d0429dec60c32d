import Foundation
import Lab
import Metrics
import Testing

@testable import IPMI

@Suite(.serialized, .enabled(if: Nginx.isInstalled), .timeLimit(.minutes(2)))
struct HTTPProbeTests {
  static let server = """
    location = /missing { return 404; }
    location = /broken { return 503; }
    location = /busy { return 429; }
    location = /choices { return 300 "[]"; }
    location = /moved { return 302 /; }
    location = /ring { return 302 /ring; }
    location = /json { add_header X-Mode live; return 200 '{"state": "green"}'; }
    location = /host { return 200 "host $http_host"; }
    location = /method { return 200 "method $request_method"; }
    location = /key { if ($http_x_key != "open-sesame") { return 403; } return 200 "in"; }
    location = /login {
      if ($http_authorization = "Basic YWxpY2U6cGFzcw==") { return 200 "in"; }
      if ($http_authorization = "Bearer tok") { return 200 "in"; }
      return 401;
    }
    """

  @Test func `a page is evaluated by its status, header and body`() async throws {
    setenv("SCRAPE_TEST_PASS", "pass", 1)
    setenv("SCRAPE_TEST_WRONG", "wrong", 1)
    setenv("SCRAPE_TEST_TOKEN", "tok", 1)
    setenv("SCRAPE_TEST_KEY", "open-sesame", 1)
    let server = try Nginx(Self.server)
    let port = server.port
    let cases: [(String, String, String)] = [
      ("http:\(port)", "ok - up", "200 OK, 18 bytes"),
      ("http:\(port)/missing", "major wrong_answer up", "404 Not Found"),
      ("http:\(port)/broken", "critical wrong_answer up", "503 Service Temporarily Unavailable"),
      ("http:\(port)/busy", "major refused_by_protection up", "429 Too Many Requests"),
      ("http:\(port)/choices", "ok - up", "300"),
      ("http:\(port)/moved", "ok - up", "302 Moved Temporarily → "),
      ("{http: {port: \(port), path: /moved, redirects: 3}}", "ok - up", "200 OK, 18 bytes"),
      (
        "{http: {port: \(port), path: /ring, redirects: 3}}", "critical wrong_answer up",
        "more than 3 redirects"
      ),
      ("{http: {port: \(port), path: /missing, status: [200, 404]}}", "ok - up", "404"),
      ("{http: {port: \(port), path: /moved, status: 2xx}}", "critical wrong_answer up", "302"),
      ("{http: {port: \(port), path: missing, status: 400-499}}", "ok - up", "404"),
      ("{http: {port: \(port), body: it works}}", "ok - up", "200"),
      (
        "{http: {port: \(port), body: it broke}}", "critical wrong_answer up",
        "the body does not hold"
      ),
      ("{http: {port: \(port), path: /json, header: {x-mode: live}}}", "ok - up", "200"),
      (
        "{http: {port: \(port), path: /json, header: {X-Mode: dead}}}", "critical wrong_answer up",
        "header x-mode is \"live\""
      ),
      (
        "{http: {port: \(port), path: /json, header: {X-None: \"\"}}}", "critical wrong_answer up",
        "header x-none is missing"
      ),
      (
        "{http: {port: \(port), path: /host, host: w.example, body: host w.example}}", "ok - up", ""
      ),
      ("{http: {port: \(port), path: /method, method: POST, body: method POST}}", "ok - up", ""),
      ("{http: {port: \(port), method: HEAD}}", "ok - up", "200 OK, 0 bytes"),
      ("http:\(port)/login", "major auth_failed up", "give user and password"),
      (
        "{http: {port: \(port), path: /login, user: alice, password: \"${SCRAPE_TEST_PASS}\"}}",
        "ok - up", "200"
      ),
      (
        "{http: {port: \(port), path: /login, user: alice, password: \"${SCRAPE_TEST_WRONG}\"}}",
        "major auth_failed up", "check user and password"
      ),
      (
        "{http: {port: \(port), path: /login, bearer: \"${SCRAPE_TEST_TOKEN}\"}}", "ok - up", "200"
      ),
      (
        "{http: {port: \(port), path: /key, headers: {X-Key: \"${SCRAPE_TEST_KEY}\"}}}", "ok - up",
        ""
      ),
      (
        "{http: {port: \(port), path: /key, headers: {X-Key: no}}}", "major auth_failed up", ""
      ),
    ]
    for (entry, summary, words) in cases {
      let result = try await ask(entry)
      #expect(result.summary == summary && result.isSound, "\(entry): \(result.verdict)")
      #expect(words.isEmpty || result.verdict.message.contains(words), "\(result.verdict)")
      let trace = result.trace?.steps.map(\.detail).joined(separator: "\n") ?? ""
      #expect(!trace.contains("open-sesame") && !trace.contains("Bearer tok"))
      #expect(!trace.contains("YWxpY2U6cGFzcw"))
    }
    server.stop()
    #expect(try await ask("http:\(port)").summary == "critical connection_refused down")
  }

  @Test func `the point is Telegraf's, with the phases`() async throws {
    let server = try Nginx(Self.server)
    let url = "http://127.0.0.1:\(server.port)/"
    let good = try await ask("{http: {port: \(server.port), body: works}}")
    let point = try #require(good.points.last)
    #expect(point.measurement == "http_response")
    #expect(
      point.tags == [
        Tag("server", url), Tag("method", "GET"), Tag("status_code", "200"),
        Tag("result", "success"),
      ])
    #expect(point[field: "http_response_code"] == .integer(200))
    #expect(point[field: "content_length"] == .integer(18))
    #expect(point[field: "response_string_match"] == .integer(1))
    #expect(point[field: "connect_time"] != nil && point[field: "first_byte_time"] != nil)
    #expect(point[field: "tls_time"] == nil)
    let results: [(String, String, Int64)] = [
      ("{http: {port: \(server.port), body: no}}", "response_string_mismatch", 1),
      ("http:\(server.port)/broken", "response_status_code_mismatch", 6),
      ("http:\(freePort())", "connection_failed", 3),
    ]
    for (entry, name, code) in results {
      let point = try #require(try await ask(entry).points.last)
      #expect(point[tag: "result"] == name && point[field: "result_code"] == .integer(code))
    }
  }

  @Test(
    arguments: [
      ([.silence], "critical timeout down"), ([.close], "critical connection_lost down"),
      ([.line, .reset], "critical connection_lost down"),
      (
        [.line, .say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), .reset],
        "critical connection_lost down"
      ),
      ([.line, .say("SSH-2.0-OpenSSH_9.2\r\n"), .silence], "critical protocol_error down"),
      ([.line, .say("HTTP/1.1 200 OK\r\n"), .flood("x: y\r\n")], "critical protocol_error down"),
      ([.line, .drip("HTTP/1.1 200 OK\r\n\r\nslow", 200)], "critical timeout down"),
      (
        [.line, .say("HTTP/1.0 200 \u{1b}[2J\r\nContent-Length: 1\r\n\r\nx"), .pause(200)],
        "ok - up"
      ),
    ] as [([Peer.Step], String)])
  func `a server that misbehaves gets its verdict, in time`(
    steps: [Peer.Step], summary: String
  ) async throws {
    let peer = try Peer(steps)
    defer { peer.stop() }
    let start = Date()
    let result = try await ask("{http: {port: \(peer.port), timeout: 1s}}")
    #expect(result.summary == summary && result.isSound, "\(result.verdict)")
    #expect(Date().timeIntervalSince(start) < 2.5)
  }

  @Test(
    arguments: [
      ("good", "DNS:lab", -1, 90, "ok - up"),
      ("soon", "DNS:lab", -1, 5.5, "minor certificate_expiring up"),
      ("sooner", "DNS:lab", -1, 1.5, "major certificate_expiring up"),
      ("expired", "DNS:lab", -90, -1, "critical certificate_expired up"),
      ("early", "DNS:lab", 1, 90, "critical certificate_not_yet_valid up"),
      ("other", "DNS:other.example", -1, 90, "minor certificate_name up"),
    ] as [(String, String, Double, Double, String)])
  func `a certificate is checked by chain, name and days`(
    name: String, names: String, from: Double, to: Double, summary: String
  ) async throws {
    let authority = try Authority()
    let server = try Nginx(
      certificate: authority.certificate(name, names: names, from: from, to: to))
    let entry = "https:\(server.port)"
    let result = try await ask(entry, ca: authority.file)
    #expect(result.summary == summary && result.isSound, "\(result.verdict)")
    let point = try #require(result.points.last)
    #expect(point.measurement == "x509_cert")
    #expect(point[tag: "source"] == "https://127.0.0.1:\(server.port)")
    let isValid = summary.hasPrefix("ok") || summary.contains("expiring")
    #expect(point[tag: "verification"] == (isValid ? "valid" : "invalid"))
    #expect(point[field: "common_name"] == .string(name))
    guard case .integer(let expiry)? = point[field: "expiry"] else {
      Issue.record("no expiry")
      return
    }
    #expect(abs(Double(expiry) - to * 86_400) < 60)
    // Nobody vouches for it where the group's authority is not named.
    let stranger = try await ask(entry)
    #expect(stranger.verdict.message.contains("its issuer CN=Lab is not known here"))
    #expect(stranger.verdict.severity != .ok && stranger.verdict.isUp == true)
  }

  @Test func `TLS options: a file, a name and days`() async throws {
    let authority = try Authority()
    let server = try Nginx(
      certificate: authority.certificate("named", names: "DNS:named.example", to: 20.5))
    let port = server.port
    let file = authority.file
    let cases: [(String, String)] = [
      ("{https: {port: \(port), tls: {ca: \(file)}}}", "minor certificate_name up"),
      ("{https: {port: \(port), host: named.example, tls: {ca: \(file)}}}", "ok - up"),
      ("{https: {port: \(port), tls: {ca: \(file), name: named.example}}}", "ok - up"),
      (
        "{https: {port: \(port), host: named.example, tls: {ca: \(file), days: 30}}}",
        "critical certificate_expiring up"
      ),
      (
        "{https: {port: \(port), host: named.example, tls: {ca: \(file), days: {minor: 30}}}}",
        "minor certificate_expiring up"
      ),
      (
        "{https: {port: \(port), tls: {ca: /missing.pem}}}", "unknown local_error ?"
      ),
    ]
    for (entry, summary) in cases {
      let result = try await ask(entry)
      #expect(result.summary == summary && result.isSound, "\(entry): \(result.verdict)")
    }
    // HTTP spoken to a port of HTTPS and the other way round.
    #expect(try await ask("http:\(port)").summary == "major wrong_answer up")
    let clear = try Nginx()
    #expect(try await ask("https:\(clear.port)").summary == "critical tls_failed down")
  }

  @Test(
    arguments: [
      ("{http: {status: 99}}", "not a status of HTTP"), ("{http: {status: abc}}", "not a status"),
      ("{http: {pth: /x}}", "unknown option \"pth\""), ("{http: {password: x}}", "in clear"),
      ("{http: {method: get it}}", "method"), ("{http: {path: \"/a b\"}}", "%XX"),
      ("{http: {host: \"a/b\"}}", "host is a name"), ("{https: {tls: {dys: 3}}}", "\"dys\""),
      ("{http: {redirects: 21}}", "redirects"),
      ("{http: {redirect_to: [everywhere]}}", "no place that redirects may lead to"),
      ("{http: {headers: {X: \"file:\"}}}", "without a path"),
    ])
  func `a slip in the options is named`(entry: String, words: String) throws {
    let (plan, findings) = try read(entry)
    #expect(plan == nil)
    #expect(findings.errors.first?.description.contains(words) == true, "\(findings.errors)")
  }

  @Test(.enabled(if: Plugin.isInstalled("check_http")))
  func `check_http is of the same opinion`() async throws {
    let server = try Nginx(Self.server)
    let port = server.port
    let cases: [(String, [String])] = [
      ("http:\(port)", ["-u", "/"]), ("http:\(port)/missing", ["-u", "/missing"]),
      ("http:\(port)/broken", ["-u", "/broken"]), ("http:\(port)/choices", ["-u", "/choices"]),
      ("{http: {port: \(port), body: works}}", ["-u", "/", "-s", "works"]),
      ("{http: {port: \(port), body: broke}}", ["-u", "/", "-s", "broke"]),
    ]
    for (entry, arguments) in cases {
      let ours = try await ask(entry).verdict.severity
      let theirs = try Plugin.run(
        "check_http", ["-H", "127.0.0.1", "-p", "\(port)"] + arguments)
      let states: [Severity] = [.ok, .major, .critical]
      #expect(theirs.status < 3 && ours == states[Int(theirs.status)], "\(entry) \(theirs)")
    }
  }

  @Test(
    arguments: [
      "HTTP/1.1 200 OK\r\nCon", "HTTP/1.1 200 OK\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", "HTTP/1.0 200 OK\r\nServer: x\r\n",
    ])
  func `a header that is cut off is no answer`(head: String) async throws {
    let server = FakeServer([.answer { _ in Array(head.utf8) }, .close])
    let answer = try await ask("http:\(server.port)")
    #expect(
      answer.summary == "critical connection_lost down" && answer.isSound, "\(answer.verdict)")
    #expect(answer.verdict.message.contains("in the middle of the header"), "\(answer.verdict)")
  }

  @Test func `a header that is whole is an answer, without a body too`() async throws {
    for head in ["HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 204 None\r\n\r\n", "HTTP/1.0 200 OK\n\nok"] {
      let server = FakeServer([.answer { _ in Array(head.utf8) }, .close])
      let answer = try await ask("http:\(server.port)")
      #expect(answer.summary == "ok - up", "\(head): \(answer.verdict)")
    }
  }
}
