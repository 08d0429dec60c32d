import Foundation
import Lab
import Metrics
import Testing

@Suite(.serialized, .enabled(if: PostgreSQL.isInstalled), .timeLimit(.minutes(3)))
struct PostgresProbeTests {
  static let accounts = [
    "CREATE ROLE mon LOGIN PASSWORD 'right'", "CREATE DATABASE shop OWNER mon",
  ]

  @Test func `a log-in and a query are evaluated`() async throws {
    setenv("SCRAPE_TEST_DB", "right", 1)
    setenv("SCRAPE_TEST_WRONG", "wrong-word", 1)
    let server = try PostgreSQL(Self.accounts)
    let port = server.port
    func entry(_ rest: String, password: String = "SCRAPE_TEST_DB") -> String {
      "{postgres: {port: \(port), user: mon, password: \"${\(password)}\"\(rest)}}"
    }
    let cases: [(String, String, String)] = [
      ("postgres:\(port)", "ok - up", "speaks PostgreSQL, without TLS"),
      (entry(", database: shop"), "ok - up", "SELECT 1 gave 1, version 15"),
      (
        entry(", database: shop, query: \"SELECT generate_series(7, 100000)\", expect: 7"),
        "ok - up",
        "gave 7"
      ),
      (
        entry(", database: shop, query: SELECT 'x', expect: y"), "critical wrong_answer up",
        "gave \"x\", expected \"y\""
      ),
      (
        entry(", database: shop, query: SELECT NULL, expect: y"), "critical wrong_answer up",
        "gave nothing"
      ),
      (entry(", database: shop, query: SELEKT"), "critical wrong_answer up", "(42601)"),
      (entry(", database: none"), "critical wrong_answer up", "(3D000)"),
      (
        entry(", database: shop", password: "SCRAPE_TEST_WRONG"), "critical auth_failed up",
        "(28P01)"
      ),
      (entry(", database: shop, tls: yes"), "critical tls_failed down", "does not offer TLS"),
    ]
    for (entry, summary, words) in cases {
      let result = try await ask(entry)
      #expect(result.summary == summary && result.isSound, "\(entry): \(result.verdict)")
      #expect(words.isEmpty || result.verdict.message.contains(words), "\(result.verdict)")
      let all = "\(result.verdict) \(result.trace?.steps.map(\.detail) ?? [])"
      #expect(!all.contains("wrong-word"))
    }
    server.freeze()
    let start = Date()
    let silent = try await ask("{postgres: {port: \(port), timeout: 1s}}")
    #expect(silent.summary == "critical timeout down")
    #expect(
      try await ask("{postgres: {port: \(port), timeout: 1s, user: mon}}").summary
        == "critical timeout down")
    #expect(Date().timeIntervalSince(start) < 3)
    server.thaw()
    server.stop()
    #expect(try await ask("postgres:\(port)").summary == "critical connection_refused down")
    #expect(try await ask(entry("")).summary == "critical connection_refused down")
  }

  @Test func `TLS is agreed on, and verified where it is demanded`() async throws {
    setenv("SCRAPE_TEST_DB", "right", 1)
    let authority = try Authority()
    let server = try PostgreSQL(
      Self.accounts, certificate: authority.certificate("db", names: "IP:127.0.0.1"))
    let port = server.port
    let login = "port: \(port), user: mon, password: \"${SCRAPE_TEST_DB}\", database: shop"
    #expect(
      try await ask("postgres:\(port)").verdict.message == "speaks PostgreSQL, with TLS")
    let good = try await ask("{postgres: {\(login), tls: {ca: \(authority.file)}}}")
    #expect(good.summary == "ok - up", "\(good.verdict)")
    let stranger = try await ask("{postgres: {\(login), tls: yes}}")
    #expect(
      stranger.verdict.reason == .certificateUntrusted
        || stranger.verdict.reason == .certificateName, "\(stranger.verdict)")
  }

  @Test(arguments: [false, true])
  func `two hundred probes without credentials leave no line in the log`(
    withTLS: Bool
  ) async throws {
    let authority = try Authority()
    let server = try PostgreSQL(certificate: withTLS ? authority.certificate("db") : nil)
    let before = server.log
    for _ in 0..<200 {
      let result = try await ask("postgres:\(server.port)")
      guard result.summary == "ok - up" else {
        Issue.record("\(result.verdict)")
        return
      }
    }
    #expect(server.log == before)
  }

  @Test(
    arguments: [
      ([.silence], "critical timeout down"), ([.close], "critical connection_lost down"),
      ([.reset], "critical connection_lost down"),
      ([.say("HTTP/1.1 400 Bad Request\r\n"), .silence], "critical protocol_error down"),
      ([.flood("R")], "critical protocol_error down"),
      ([.flood("N")], ""), ([.say("S"), .pause(50), .flood("xyz")], "critical tls_failed down"),
    ] as [([Peer.Step], String)])
  func `a server that misbehaves gets its verdict, in time`(
    steps: [Peer.Step], summary: String
  ) async throws {
    let peer = try Peer(steps)
    defer { peer.stop() }
    let start = Date()
    let result = try await ask("{postgres: {port: \(peer.port), timeout: 1s}}")
    #expect((result.summary == summary || summary.isEmpty) && result.isSound, "\(result.verdict)")
    let login = try await ask("{postgres: {port: \(peer.port), timeout: 1s, user: x}}")
    #expect(login.verdict.isUp == false && login.isSound, "\(login.verdict)")
    #expect(Date().timeIntervalSince(start) < 4.5)
  }

  @Test(.enabled(if: Plugin.isInstalled("check_pgsql")))
  func `check_pgsql is of the same opinion`() async throws {
    setenv("SCRAPE_TEST_DB", "right", 1)
    setenv("SCRAPE_TEST_WRONG", "wrong-word", 1)
    let server = try PostgreSQL(Self.accounts)
    for (name, word) in [("SCRAPE_TEST_DB", "right"), ("SCRAPE_TEST_WRONG", "wrong-word")] {
      let ours = try await ask(
        "{postgres: {port: \(server.port), user: mon, password: \"${\(name)}\", database: shop}}")
      let theirs = try Plugin.run(
        "check_pgsql",
        ["-H", "127.0.0.1", "-P", "\(server.port)", "-l", "mon", "-p", word, "-d", "shop"])
      #expect((ours.verdict.severity == .ok) == (theirs.status == 0), "\(ours.verdict) \(theirs)")
    }
  }
}
