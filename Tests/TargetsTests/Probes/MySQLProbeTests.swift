import Foundation
import Lab
import Metrics
import Testing

@Suite(.serialized, .enabled(if: MariaDB.isInstalled), .timeLimit(.minutes(3)))
struct MySQLProbeTests {
  static let accounts = [
    "CREATE USER mon@'%' IDENTIFIED BY 'right'", "CREATE DATABASE shop",
    "CREATE TABLE shop.item (id INT PRIMARY KEY, name VARCHAR(2000))",
    "INSERT INTO shop.item VALUES (1, 'first'), (2, REPEAT('x', 2000))",
    "GRANT SELECT ON shop.* TO mon@'%'",
  ]

  @Test func `a log-in and a query are evaluated`() async throws {
    setenv("SCRAPE_TEST_DB", "right", 1)
    setenv("SCRAPE_TEST_WRONG", "wrong-word", 1)
    let server = try MariaDB(Self.accounts)
    let port = server.port
    func entry(_ rest: String, password: String = "SCRAPE_TEST_DB") -> String {
      "{mysql: {port: \(port), user: mon, password: \"${\(password)}\"\(rest)}}"
    }
    let cases: [(String, String, String)] = [
      ("mysql:\(port)", "ok - up", "asks for a log-in"),
      (entry(""), "ok - up", "SELECT 1 gave 1, version 10.11"),
      (entry(", database: shop, query: SELECT name FROM item, expect: first"), "ok - up", "first"),
      (
        entry(", database: shop, query: SELECT name FROM item, expect: last"),
        "critical wrong_answer up", "gave \"first\", expected \"last\""
      ),
      (
        entry(", database: shop, query: SELECT name FROM item WHERE id = 2, expect: x"),
        "critical wrong_answer up", "xxx"
      ),
      (
        entry(", database: shop, query: SELECT name FROM item WHERE id = 3, expect: x"),
        "critical wrong_answer up", "gave nothing"
      ),
      (entry(", query: SELEKT"), "critical wrong_answer up", "(1064)"),
      (entry(", query: DO 1"), "ok - up", "gave nothing"),
      (entry(", database: none"), "critical auth_failed up", "(1044)"),
      (entry("", password: "SCRAPE_TEST_WRONG"), "critical auth_failed up", "(1045)"),
      ("{mysql: {port: \(port), user: root}}", "ok - up", ""),
      // No TLS there, and none is accepted as an answer.
      (entry(", tls: yes"), "critical tls_failed down", ""),
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
    #expect(
      try await ask("{mysql: {port: \(port), timeout: 1s}}").summary == "critical timeout down")
    #expect(Date().timeIntervalSince(start) < 2)
    server.stop()
    #expect(try await ask("mysql:\(port)").summary == "critical connection_refused down")
  }

  @Test(
    arguments: [
      ([.silence], "critical timeout down"), ([.close], "critical connection_lost down"),
      ([.reset], "critical connection_lost down"),
      ([.say("SSH-2.0-OpenSSH_9.2\r\n"), .silence], ""), ([.flood("\u{1}\u{0}\u{0}\u{0}x")], ""),
      ([.say("\u{1}\u{0}\u{0}\u{0}\u{9}"), .silence], ""),
      ([.drip(String(repeating: "J", count: 90), 50)], ""),
    ] as [([Peer.Step], String)])
  func `a server that misbehaves gets its verdict, in time`(
    steps: [Peer.Step], summary: String
  ) async throws {
    let peer = try Peer(steps)
    defer { peer.stop() }
    let start = Date()
    let result = try await ask("{mysql: {port: \(peer.port), timeout: 1s}}")
    #expect(result.summary == summary || summary.isEmpty && result.verdict.severity == .critical)
    #expect(result.isSound && result.verdict.isUp == false, "\(result.verdict)")
    #expect(Date().timeIntervalSince(start) < 2.5)
  }

  @Test(.enabled(if: Plugin.isInstalled("check_mysql")))
  func `check_mysql is of the same opinion`() async throws {
    setenv("SCRAPE_TEST_DB", "right", 1)
    setenv("SCRAPE_TEST_WRONG", "wrong-word", 1)
    let server = try MariaDB(Self.accounts)
    for (name, word) in [("SCRAPE_TEST_DB", "right"), ("SCRAPE_TEST_WRONG", "wrong-word")] {
      let ours = try await ask(
        "{mysql: {port: \(server.port), user: mon, password: \"${\(name)}\", database: shop}}")
      let theirs = try Plugin.run(
        "check_mysql",
        ["-H", "127.0.0.1", "-P", "\(server.port)", "-u", "mon", "-p", word, "-d", "shop"])
      #expect((ours.verdict.severity == .ok) == (theirs.status == 0), "\(ours.verdict) \(theirs)")
    }
  }
}
