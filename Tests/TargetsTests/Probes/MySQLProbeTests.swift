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

  @Test func `TLS is agreed on only with a trusted certificate of the host`() async throws {
    setenv("SCRAPE_TEST_DB", "right", 1)
    let (ca, other) = (try Authority(), try Authority())
    let server = try MariaDB(
      Self.accounts + ["CREATE USER safe@'%' IDENTIFIED BY 'right' REQUIRE SSL"],
      certificate: ca.certificate("db"))
    let strange = try MariaDB(
      Self.accounts, certificate: ca.certificate("other", names: "DNS:other.example"))
    let old = try MariaDB(Self.accounts, certificate: ca.certificate("old", from: -9, to: -2))
    func entry(_ tls: String, user: String = "mon", at port: UInt16 = server.port) -> String {
      "{mysql: {port: \(port), user: \(user), password: \"${SCRAPE_TEST_DB}\"\(tls)}}"
    }
    let trusted = ", tls: {ca: \(ca.file)}"
    let cases: [(String, String, String)] = [
      (entry(""), "ok - up", "SELECT 1 gave 1"),
      (entry("", user: "safe"), "critical auth_failed up", "(1045)"),
      (entry(trusted), "ok - up", "SELECT 1 gave 1, version 10.11"),
      (entry(trusted, user: "safe"), "ok - up", "SELECT 1 gave 1"),
      (entry(trusted, user: "none"), "critical auth_failed up", "(1045)"),
      (entry("\(trusted), query: SELEKT"), "critical wrong_answer up", "(1064)"),
      (
        entry("\(trusted), query: 'SELECT REPEAT(\"x\", 300000)', expect: y"),
        "critical wrong_answer up", "xxx"
      ),
      (entry("\(trusted), database: none"), "critical auth_failed up", "(1044)"),
      (entry(", tls: yes"), "major certificate_untrusted up", "nothing secret was sent"),
      (
        entry(", tls: {ca: \(other.file)}"), "major certificate_untrusted up",
        "nothing secret was sent"
      ),
      (entry(trusted, at: strange.port), "major certificate_name up", "for other.example, not for"),
      (entry(trusted, at: old.port), "critical certificate_expired up", "expired 2 days ago"),
      (
        entry(", tls: {ca: /nonexistent/ca.pem}"), "unknown local_error ?",
        "ca: /nonexistent/ca.pem"
      ),
      ("{mysql: {port: \(server.port), tls: {ca: \(ca.file)}}}", "ok - up", "asks for a log-in"),
    ]
    for (entry, summary, words) in cases {
      let result = try await ask(entry)
      #expect(result.summary == summary && result.isSound, "\(entry): \(result.verdict)")
      #expect(result.verdict.message.contains(words), "\(result.verdict)")
    }
    let named = try await ask(entry(trusted, at: strange.port), hostname: "other.example")
    #expect(named.summary == "ok - up", "\(named.verdict)")
    let steps = named.trace?.steps.map(\.name) ?? []
    #expect(steps.contains("TLS"), "\(steps)")
    withExtendedLifetime((server, strange, old)) {}
  }

  /// libmariadb blocks in its own TLS: the reactor would wait for ever.
  @Test func `a server that stops anywhere in a conversation over TLS gets its verdict in time`()
    async throws
  {
    setenv("SCRAPE_TEST_DB", "right", 1)
    let ca = try Authority()
    let server = try MariaDB(Self.accounts, certificate: ca.certificate("db"))
    @Sendable func entry(_ port: UInt16, timeout: String) -> String {
      "{mysql: {port: \(port), user: mon, password: \"${SCRAPE_TEST_DB}\", timeout: \(timeout), "
        + "tls: {ca: \(ca.file)}}}"
    }
    let whole = try Relay(to: server.port)
    #expect(try await ask(entry(whole.port, timeout: "5s")).summary == "ok - up")
    whole.stop()
    // Up to the last answer; sizes of signatures differ by some bytes.
    let end = whole.passed - 60
    #expect(end > 1_000)
    for way in [Relay.End.silence, .close] {
      await withTaskGroup { group in
        for limit in [1, 3, 4, 5] + Array(stride(from: 60, to: end, by: end / 24)) + [end] {
          group.addTask {
            do {
              let relay = try Relay(to: server.port, limit: limit, then: way)
              defer { relay.stop() }
              let start = Date()
              let result = try await ask(entry(relay.port, timeout: "1s"))
              let took = Date().timeIntervalSince(start)
              #expect(
                result.summary == "critical timeout down"
                  || way == .close && result.verdict.severity == .critical && result.isSound,
                "\(limit) \(way): \(result.verdict)")
              #expect(took < 4, "\(limit) \(way)")
            } catch { Issue.record("\(limit) \(way): \(error)") }
          }
        }
      }
    }
    withExtendedLifetime(server) {}
  }

  @Test(.enabled(if: CachingServer.isPossible))
  func `MySQL 8 gets the password over TLS only`() async throws {
    setenv("SCRAPE_TEST_DB", "right", 1)
    setenv("SCRAPE_TEST_WRONG", "wrong-word", 1)
    let ca = try Authority()
    let server = try CachingServer(certificate: ca.certificate("db"), password: "right")
    defer { server.stop() }
    func entry(_ secret: String, _ file: String) -> String {
      "{mysql: {port: \(server.port), user: mon, password: \"${\(secret)}\", "
        + "tls: {ca: \(file)}}}"
    }
    let result = try await ask(entry("SCRAPE_TEST_DB", ca.file))
    #expect(result.summary == "ok - up", "\(result.verdict) \(server.log)")
    #expect(result.verdict.message.contains("version 8.0.36"), "\(result.verdict)")
    let wrong = try await ask(entry("SCRAPE_TEST_WRONG", ca.file))
    #expect(wrong.summary == "critical auth_failed up", "\(wrong.verdict)")
    let log = server.log
    #expect(log.contains("wrong-word"))
    let other = try Authority()
    let untrusted = try await ask(entry("SCRAPE_TEST_DB", other.file))
    #expect(untrusted.summary == "major certificate_untrusted up", "\(untrusted.verdict)")
    // In clear it is asked for a public key.
    _ = try await ask(
      "{mysql: {port: \(server.port), user: mon, password: \"${SCRAPE_TEST_DB}\"}}")
    let later = String(server.log.dropFirst(log.count))
    #expect(!later.contains("right"), "\(later)")
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
    for tls in ["", ", tls: yes"] {
      let start = Date()
      let result = try await ask("{mysql: {port: \(peer.port), timeout: 1s\(tls)}}")
      #expect(
        result.summary == summary || summary.isEmpty && result.verdict.severity == .critical,
        "\(result.verdict)")
      #expect(result.isSound && result.verdict.isUp == false, "\(result.verdict)")
      #expect(Date().timeIntervalSince(start) < 2.5)
    }
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
