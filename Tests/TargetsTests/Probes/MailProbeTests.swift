import Foundation
import Lab
import Metrics
import Testing

@Suite(.serialized, .timeLimit(.minutes(3)))
struct MailProbeTests {
  @Test(.enabled(if: Dovecot.isInstalled))
  func `greeting, TLS, log-in and farewell of a real server`() async throws {
    setenv("SCRAPE_TEST_MAIL", "right", 1)
    setenv("SCRAPE_TEST_WRONG", "wrong-word", 1)
    let authority = try Authority()
    let server = try Dovecot(certificate: authority.certificate("mail"))
    let ports = [("imap", server.imap), ("pop3", server.pop3), ("smtp", server.smtp)]
    for (name, port) in ports {
      let login = "port: \(port), user: alice, password: \"${SCRAPE_TEST_MAIL}\""
      let cases: [(String, String, String)] = [
        ("\(name):\(port)", "ok - up", ""),
        ("{\(name): {port: \(port), expect: no such}}", "critical wrong_answer up", "greets with"),
        ("{\(name): {port: \(port), security: starttls}}", "ok - up", ", TLS"),
        ("{\(name): {port: \(port), tls: yes}}", "ok - up", ", TLS"),
        ("{\(name): {\(login)}}", "ok - up", ", TLS, logged in"),
        (
          "{\(name): {port: \(port), user: alice, password: \"${SCRAPE_TEST_WRONG}\"}}",
          "critical auth_failed up", ""
        ),
        (
          "{\(name): {port: \(port), tls: {days: {major: 200}}}}",
          "major certificate_expiring up", ""
        ),
        (
          "{\(name): {port: \(port), capability: NOSUCHTHING}}", "critical wrong_answer up",
          "does not offer"
        ),
      ]
      for (entry, summary, words) in cases {
        let result = try await ask(entry, ca: authority.file)
        #expect(result.summary == summary && result.isSound, "\(entry): \(result.verdict)")
        #expect(words.isEmpty || result.verdict.message.contains(words), "\(result.verdict)")
        let steps = result.trace?.steps.map(\.detail).joined(separator: "\n") ?? ""
        #expect(!steps.contains("wrong-word") && !steps.contains("AGFsaWNl"), "\(steps)")
      }
      let stranger = try await ask("{\(name): {\(login)}}")
      #expect(stranger.verdict.reason == .certificateUntrusted, "\(stranger.verdict)")
    }
    let imaps = "{imap: {port: \(server.imaps), security: tls, capability: IMAP4rev1}}"
    #expect(try await ask(imaps, ca: authority.file).summary == "ok - up")
    let pop3s = "{pop3: {port: \(server.pop3s), security: tls, capability: UIDL}}"
    let tls = try await ask(pop3s, ca: authority.file)
    #expect(tls.summary == "ok - up", "\(tls.verdict)")
    #expect(tls.points.last?.measurement == "x509_cert")
    #expect(tls.points.last?[tag: "verification"] == "valid")
    server.stop()
    #expect(try await ask("imap:\(server.imap)").summary == "critical connection_refused down")
  }

  /// libcurl goes on where a server offers no log-in; that must not count as logged in.
  @Test func `a log-in that the server does not offer has failed`() async throws {
    setenv("SCRAPE_TEST_MAIL", "right", 1)
    let server = FakeServer([
      .send("220 m\r\n"), .read(8), .send("250-m\r\n250 SIZE 1\r\n"), .read(6),
      .send("221 bye\r\n"),
    ])
    let result = try await ask(
      "{smtp: {port: \(server.port), security: none, user: mon, password: \"${SCRAPE_TEST_MAIL}\"}}"
    )
    #expect(result.summary == "critical auth_failed up", "\(result.verdict)")
    #expect(result.verdict.message.contains("offers no log-in"), "\(result.verdict)")
  }

  @Test(.enabled(if: Dovecot.isInstalled && Postfix.isInstalled))
  func `a mail is sent, found and deleted`() async throws {
    setenv("SCRAPE_TEST_MAIL", "right", 1)
    setenv("SCRAPE_TEST_WRONG", "wrong-word", 1)
    let authority = try Authority()
    let mailbox = try Dovecot(certificate: authority.certificate("mail"))
    let server = try Postfix(into: mailbox.scratch.path)
    func entry(
      to: String = "alice@lab.example", password: String = "SCRAPE_TEST_MAIL", port: UInt16? = nil,
      _ more: String = ""
    ) -> String {
      "{smtp: {port: \(server.port), roundtrip: {from: scrape@mon.example, to: \(to), "
        + "imap: {port: \(port ?? mailbox.imap), user: alice, password: \"${\(password)}\"}\(more)}}}"
    }
    func mails() -> Int {
      ["new", "cur"].reduce(0) { count, folder in
        let path = "\(mailbox.scratch.path)/mail/Maildir/\(folder)"
        return count + ((try? FileManager.default.contentsOfDirectory(atPath: path))?.count ?? 0)
      }
    }
    for (entry, summary, words) in [
      (entry(), "ok - up", "the mail arrived after"),
      (entry(", within: {minor: 10ms, critical: 9s}"), "minor beyond_limit up", "arrived after"),
      (entry(to: "bob@elsewhere.example"), "critical wrong_answer up", "was not taken"),
      (entry(password: "SCRAPE_TEST_WRONG"), "critical auth_failed up", "imap: "),
      (entry(port: freePort()), "critical connection_refused up", "imap: "),
    ] {
      let before = mails()
      let result = try await ask(entry, ca: authority.file)
      #expect(
        result.summary == summary && result.isSound, "\(entry): \(result.verdict) \(server.log)")
      #expect(result.verdict.message.contains(words), "\(result.verdict)")
      if words.contains("arrived") { #expect(mails() == before) }
    }
    #expect(server.log.contains("status=sent"), "\(server.log)")
    // Taken, and on its way for longer than anybody waits.
    server.stop()
    let slow = try Postfix(
      into: mailbox.scratch.path, settings: "defer_transports = virtual")
    let late = try await ask(
      entry(", within: 500ms").replacing(
        "port: \(server.port)", with: "port: \(slow.port), timeout: 2s"),
      ca: authority.file)
    #expect(late.summary == "critical timeout up", "\(late.verdict)")
    #expect(late.verdict.message.contains("had not arrived"), "\(late.verdict)")
  }

  @Test(
    arguments: [
      ("{smtp: {roundtrip: {}}}", "needs from"),
      ("{smtp: {roundtrip: {from: a@b, to: c@d}}}", "needs imap"),
      ("{smtp: {roundtrip: {from: \"a@b>\\r\\nX: y\", to: c@d, imap: {}}}}", "not a mail address"),
      ("{smtp: {roundtrip: {from: a@b, to: c@d, imap: {usr: x}}}}", "unknown option"),
    ])
  func `a slip in the round trip is named`(entry: String, words: String) throws {
    let (plan, findings) = try read(entry)
    #expect(plan == nil)
    #expect(findings.errors.contains { $0.description.contains(words) }, "\(findings.errors)")
  }

  @Test(
    arguments: ["imap", "pop3", "smtp"].flatMap { name in
      [
        (name, [Peer.Step.silence], "critical timeout down"),
        (name, [.close], "critical connection_lost down"),
        (name, [.reset], "critical connection_lost down"),
        (name, [.say("220 "), .flood("x")], ""), (name, [.flood("220-more\r\n")], ""),
        (name, [.flood("* OK more\r\n")], ""), (name, [.flood("+OK\r\n")], ""),
        (name, [.drip("220 slow\r\n", 300)], "critical timeout down"),
        (name, [.say("SSH-2.0-x\r\n"), .silence], ""),
      ]
    })
  func `a server that misbehaves gets its verdict, in time`(
    name: String, steps: [Peer.Step], summary: String
  ) async throws {
    let peer = try Peer(steps)
    defer { peer.stop() }
    let start = Date()
    let result = try await ask("{\(name): {port: \(peer.port), timeout: 600ms}}")
    #expect(result.summary == summary || summary.isEmpty, "\(result.verdict)")
    #expect(result.verdict.severity == .critical && result.isSound, "\(result.verdict)")
    #expect(Date().timeIntervalSince(start) < 2.5)
  }

  @Test(
    arguments: [
      ("smtp", [.say("220 x ESMTP\r\n"), .line, .say("250-x\r\n250 HELP\r\n"), .line, .silence]),
      ("pop3", [.say("+OK x\r\n"), .line, .say("-ERR no\r\n"), .line, .silence]),
      (
        "imap",
        [.say("* OK x\r\n"), .line, .say("* CAPABILITY IMAP4rev1\r\nA001 OK\r\n"), .line, .silence]
      ),
    ] as [(String, [Peer.Step])])
  func `a server that does not answer the farewell holds nobody up`(
    name: String, steps: [Peer.Step]
  ) async throws {
    let peer = try Peer(steps)
    defer { peer.stop() }
    let start = Date()
    let result = try await ask("{\(name): {port: \(peer.port), timeout: 600ms}}")
    #expect(result.summary == "critical timeout down", "\(result.verdict)")
    #expect(Date().timeIntervalSince(start) < 1.8)
    #expect(peer.lines.last?.contains(name == "imap" ? "LOGOUT" : "QUIT") == true)
  }

  @Test func `a farewell that is answered, but no end of the connection, is enough`() async throws {
    let peer = try Peer([
      .say("220 x ESMTP\r\n"), .line, .say("250 x\r\n"), .line, .say("221 bye\r\n"), .silence,
    ])
    defer { peer.stop() }
    let start = Date()
    let result = try await ask("{smtp: {port: \(peer.port), timeout: 3s}}")
    #expect(result.summary == "ok - up", "\(result.verdict)")
    #expect(Date().timeIntervalSince(start) < 1)
  }

  @Test(.enabled(if: Dovecot.isInstalled && Plugin.isInstalled("check_imap")))
  func `check_imap, check_pop and check_smtp are of the same opinion`() async throws {
    let authority = try Authority()
    let server = try Dovecot(certificate: authority.certificate("mail"))
    defer { _ = authority.file }
    for (name, plugin, port) in [
      ("imap", "check_imap", server.imap), ("pop3", "check_pop", server.pop3),
      ("smtp", "check_smtp", server.smtp),
    ] {
      let theirs = try Plugin.run(plugin, ["-H", "127.0.0.1", "-p", "\(port)"])
      #expect(
        try await ask("\(name):\(port)").summary == "ok - up" && theirs.status == 0, "\(theirs)")
    }
    server.stop()
    for (name, plugin, port) in [
      ("imap", "check_imap", server.imap), ("smtp", "check_smtp", server.smtp),
    ] {
      let theirs = try Plugin.run(plugin, ["-H", "127.0.0.1", "-p", "\(port)"])
      let ours = try await ask("\(name):\(port)").verdict.severity
      #expect(ours == .critical && theirs.status == 2, "\(theirs)")
    }
  }
}

@Suite(.serialized, .timeLimit(.minutes(3)))
struct FTPProbeTests {
  @Test(.enabled(if: Vsftpd.isInstalled))
  func `log-in, list and farewell of a real server`() async throws {
    setenv("SCRAPE_TEST_WRONG", "wrong-word", 1)
    let server = try Vsftpd()
    let port = server.port
    let cases: [(String, String, String)] = [
      ("ftp:\(port)", "ok - up", "2 names listed"), ("ftp:\(port)/pub", "ok - up", "1 names"),
      ("{ftp: {port: \(port), path: pub, expect: hello.txt}}", "ok - up", ""),
      (
        "{ftp: {port: \(port), path: pub, expect: other.txt}}", "critical wrong_answer up",
        "not among the 1"
      ),
      ("ftp:\(port)/empty", "ok - up", "0 names"),
      ("ftp:\(port)/none", "critical wrong_answer up", "550"),
      (
        "{ftp: {port: \(port), user: bob, password: \"${SCRAPE_TEST_WRONG}\", security: none}}",
        "critical auth_failed up", "530"
      ),
      (
        "{ftp: {port: \(port), user: bob, password: \"${SCRAPE_TEST_WRONG}\"}}",
        "critical tls_failed up", "no TLS"
      ),
    ]
    for (entry, summary, words) in cases {
      let result = try await ask(entry)
      #expect(result.summary == summary && result.isSound, "\(entry): \(result.verdict)")
      #expect(words.isEmpty || result.verdict.message.contains(words), "\(result.verdict)")
      #expect(result.trace?.steps.contains { $0.detail.contains("wrong-word") } == false)
    }
    if Plugin.isInstalled("check_ftp") {
      #expect(try Plugin.run("check_ftp", ["-H", "127.0.0.1", "-p", "\(port)"]).status == 0)
    }
    server.stop()
    #expect(try await ask("ftp:\(port)").summary == "critical connection_refused down")
  }

  @Test(.enabled(if: Vsftpd.isInstalled))
  func `the control connection changes to TLS`() async throws {
    let authority = try Authority()
    let server = try Vsftpd(certificate: authority.certificate("ftp"))
    let entry = "{ftp: {port: \(server.port), tls: yes, path: pub, expect: hello.txt}}"
    let good = try await ask(entry, ca: authority.file)
    #expect(good.summary == "ok - up", "\(good.verdict)")
    #expect(good.points.last?[tag: "verification"] == "valid")
    let stranger = try await ask(entry)
    #expect(stranger.summary == "minor certificate_untrusted up", "\(stranger.verdict)")
    // A password is shown to nobody whose certificate is not believed.
    setenv("SCRAPE_TEST_WRONG", "wrong-word", 1)
    let withheld = try await ask(
      "{ftp: {port: \(server.port), user: bob, password: \"${SCRAPE_TEST_WRONG}\"}}")
    #expect(withheld.summary == "major certificate_untrusted up", "\(withheld.verdict)")
    #expect(withheld.verdict.message.contains("nothing secret was sent"))
  }

  @Test(
    arguments: [
      ([.silence], "critical timeout down"), ([.close], "critical connection_lost down"),
      ([.say("421 too many\r\n"), .line, .close], "critical refused_by_protection up"),
      ([.flood("220-more\r\n")], "critical protocol_error down"),
      ([.say("220 "), .flood("x")], "critical protocol_error down"),
      ([.say("SSH-2.0-x\r\n"), .silence], "critical protocol_error down"),
      (
        [.say("220 x\r\n"), .line, .say("230 in\r\n"), .line, .reset],
        "critical connection_lost down"
      ),
      (
        [
          .say("220 x\r\n"), .line, .say("230 in\r\n"), .line, .say("500 no\r\n"), .line,
          .say("227 Entering (127,0,0,1,999,1)\r\n"), .line, .close,
        ], "critical wrong_answer up"
      ),
      (
        // A port elsewhere is not gone to: the address of the server is kept.
        [
          .say("220 x\r\n"), .line, .say("230 in\r\n"), .line, .say("500 no\r\n"), .line,
          .say("227 Entering (192,0,2,1,0,1)\r\n"), .silence,
        ], "critical connection_refused down"
      ),
    ] as [([Peer.Step], String)])
  func `a server that misbehaves gets its verdict, in time`(
    steps: [Peer.Step], summary: String
  ) async throws {
    let peer = try Peer(steps)
    defer { peer.stop() }
    let start = Date()
    let result = try await ask("{ftp: {port: \(peer.port), timeout: 600ms}}")
    #expect(result.summary == summary && result.isSound, "\(result.verdict)")
    #expect(Date().timeIntervalSince(start) < 2.6)
  }
}
