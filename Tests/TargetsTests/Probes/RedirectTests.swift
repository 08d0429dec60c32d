import Foundation
import Lab
import Metrics
import Testing

@testable import Hosts
@testable import Inventory

@Suite(.timeLimit(.minutes(1))) struct RedirectTests {
  private static func answer(_ status: Int, _ place: String) -> String {
    "HTTP/1.1 \(status) x\r\nLocation: \(place)\r\nContent-Length: 0\r\n\r\n"
  }
  private static let good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

  @Test(arguments: [301, 302, 303, 307, 308])
  func `another origin gets no header and no credentials`(status: Int) async throws {
    setenv("SCRAPE_TEST_REDIRECT", "open-sesame", 1)
    let other = try Answerer { _ in Self.good }
    let first = try Answerer { [port = other.port] _ in
      Self.answer(status, "http://eve:pw@127.0.0.1:\(port)/gift?x=1")
    }
    let result = try await ask(
      """
      {http: {port: \(first.port), redirects: 2, redirect_to: loopback, user: mon, \
      password: "${SCRAPE_TEST_REDIRECT}", headers: {X-Key: "${SCRAPE_TEST_REDIRECT}", X-Team: red}}}
      """)
    #expect(result.summary == "ok - up", "\(result.verdict.message)")
    #expect(first.requests.first?.contains("X-Key: open-sesame") == true)
    #expect(first.requests.first?.contains("Authorization: Basic") == true)
    let lines = other.requests.first?.split(separator: "\r\n").map(String.init) ?? []
    #expect(
      lines == [
        "GET /gift?x=1 HTTP/1.1", "Host: 127.0.0.1:\(other.port)", "User-Agent: scrape",
        "Accept: */*",
      ])
  }

  @Test func `the same origin gets what it had, and no longer after another`() async throws {
    setenv("SCRAPE_TEST_REDIRECT", "open-sesame", 1)
    let other = try Answerer { _ in Self.answer(302, "http://127.0.0.1:PORT/last") }
    let first = try Answerer { [port = other.port] request in
      if request.hasPrefix("GET /second") { return Self.answer(302, "http://127.0.0.1:\(port)/") }
      return request.hasPrefix("GET / ") ? Self.answer(302, "/second") : Self.good
    }
    let result = try await ask(
      """
      {http: {port: \(first.port), redirects: 5, redirect_to: loopback, \
      headers: {X-Key: "${SCRAPE_TEST_REDIRECT}"}}}
      """)
    #expect(first.requests.count == 2)
    #expect(first.requests.allSatisfy { $0.contains("X-Key: open-sesame") })
    #expect(other.requests.allSatisfy { !$0.contains("X-Key") })
    // The last place is no URL.
    #expect(result.summary == "critical wrong_answer up", "\(result.verdict.message)")
  }

  @Test(arguments: [307, 308], ["POST", "PUT", "DELETE"])
  func `what changes something is sent to no other origin`(status: Int, method: String) async throws
  {
    let other = try Answerer { _ in Self.good }
    let first = try Answerer { [port = other.port] _ in
      Self.answer(status, "http://127.0.0.1:\(port)/query?q=DROP+DATABASE+scrape")
    }
    let result = try await ask(
      "{http: {port: \(first.port), method: \(method), redirects: 2, redirect_to: loopback}}")
    #expect(result.summary == "critical wrong_answer up")
    #expect(result.verdict.message.contains("redirects a \(method) to another server"))
    #expect(other.requests.isEmpty)
  }

  @Test(
    arguments: [
      ("http://127.0.0.1:PORT/", "loopback"), ("http://localhost:PORT/", "loopback"),
      ("http://[::1]:PORT/", "loopback"), ("http://0.0.0.0:PORT/", "loopback"),
      ("http://[::ffff:127.0.0.1]:PORT/", "loopback"), ("//127.1:PORT/", "loopback"),
      ("http://2130706433:PORT/", "loopback"),
      ("http://169.254.169.254/latest/meta-data", "link-local"),
      ("http://[fe80::1%25lo]:PORT/", "link-local"), ("http://224.0.0.1:PORT/", "link-local"),
      ("ftp://127.0.0.1/", "not followed"), ("file:///etc/shadow", "not followed"),
      ("gopher://127.0.0.1:PORT/", "not followed"),
    ])
  func `redirects to this machine or to link-local addresses are not followed`(
    place: String, word: String
  ) async throws {
    let victim = try Answerer { _ in Self.good }
    let place = place.replacing("PORT", with: "\(victim.port)")
    let first = try Answerer { _ in Self.answer(302, place) }
    let result = try await ask("{http: {port: \(first.port), redirects: 2}}")
    #expect(result.summary == "critical wrong_answer up", "\(result.verdict.message)")
    #expect(result.verdict.message.contains(word), "\(result.verdict.message)")
    #expect(victim.requests.isEmpty)
  }

  @Test(arguments: ["127.0.0.1", "localhost"])
  func `no redirect leads to a sink of the scraper`(host: String) async throws {
    let sink = try Answerer { _ in Self.good }
    let first = try Answerer { [port = sink.port] _ in
      Self.answer(302, "http://127.0.0.1:\(port)/query?q=DROP+DATABASE+scrape")
    }
    let entry = "{http: {port: \(first.port), redirects: 2, redirect_to: [loopback]}}"
    let result = try await ask(entry, sinks: ["http://\(host):\(sink.port)/prefix"])
    #expect(result.summary == "critical wrong_answer up")
    #expect(result.verdict.message.contains("a sink of this scraper"), "\(result.verdict.message)")
    #expect(sink.requests.isEmpty)
    let allowed = try await ask(
      entry.replacing("[loopback]", with: "[loopback, sinks]"),
      sinks: ["http://\(host):\(sink.port)"])
    #expect(allowed.summary == "ok - up" && sink.requests.count == 1)
  }
}

/// What comes around a body has no limit of its own.
@Suite(.timeLimit(.minutes(1))) struct RawBytesTests {
  @Test(
    arguments: [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0;",
    ])
  func `a chunk extension without end does not burn the deadline`(head: String) async throws {
    let server = FakeServer([.read(20), .send(head), .flood(.init(repeating: 0x78, count: 65_536))])
    let result = try await ask("{http: {port: \(server.port), timeout: 20s}}", within: .seconds(25))
    #expect(result.summary == "critical protocol_error down", "\(result.verdict.message)")
    #expect(result.verdict.message.contains("sends without end"), "\(result.verdict.message)")
  }

  @Test func `a body in chunks of one byte is whole`() async throws {
    let chunks = String(repeating: "1\r\nx\r\n", count: 200_000)
    let server = FakeServer([
      .read(20), .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)0\r\n\r\n"),
      .silence,
    ])
    let result = try await ask("{http: {port: \(server.port), timeout: 20s}}", within: .seconds(25))
    #expect(result.summary == "ok - up", "\(result.verdict.message)")
    #expect(result.verdict.message.contains("200000 bytes"), "\(result.verdict.message)")
  }
}
