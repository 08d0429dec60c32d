import Engine
import Lab
import Testing

@testable import Transfer

/// What a failed transfer is called: the phase, what came, and what to look at.
@Suite(.serialized) struct FailureWordsTests {
  @Test(
    arguments: [
      ([.head], "http", "without an answer"),
      ([.head, .reset], "http", "broke off before the first byte of the answer"),
      ([.say("SSH-2.0-x\r\n"), .head], "http", "no answer of HTTP; is the port right?"),
      (
        [.head, .say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")], "http",
        "after 2 bytes of the body; 9 were announced"
      ),
      ([.head, .say("HTTP/1.1 200 O")], "http", "without an answer"),
      ([.say("HTTP/1.1 400 Bad Request\r\n\r\n"), .close], "https", "no TLS"),
      ([.say("220 mail\r\n"), .silence], "https", "no TLS; does the port speak TLS?"),
      ([.close], "https", "TLS handshake: "),
    ] as [([Peer.Step], String, String)])
  func `a server that fails is described in words of ours`(
    steps: [Peer.Step], scheme: String, words: String
  ) async throws {
    let server = try Peer(steps)
    defer { server.stop() }
    var request = TransferRequest("GET", "\(scheme)://127.0.0.1:\(server.port)/")
    request.address = "127.0.0.1"
    let message = await fetch(request, within: .seconds(3)).error?.message ?? ""
    #expect(message.contains(words), "\(message)")
    Self.checkOwn(message)
  }

  @Test(
    arguments: [
      ([.say("554 no\r\n"), .silence], "smtp", "unexpected answer 554; is the port right?"),
      (
        [.say("HTTP/1.1 400 Bad Request\r\n\r\n"), .close], "smtp",
        "after 28 bytes of the conversation"
      ),
      ([.say("-ERR busy\r\n"), .silence], "pop3", "unexpected answer"),
      ([.say("* BYE busy\r\n"), .close], "imap", "unexpected answer"),
      ([.close], "smtp", "broke off before the greeting"),
      (
        [
          .say("220 m\r\n"), .line, .say("250-m\r\n250 AUTH PLAIN\r\n"), .line, .say("535 no\r\n"),
          .line,
        ],
        "smtp", "the server refuses the log-in"
      ),
    ] as [([Peer.Step], String, String)])
  func `a mail server that refuses is described in words of ours`(
    steps: [Peer.Step], scheme: String, words: String
  ) async throws {
    let server = try Peer(steps)
    defer { server.stop() }
    var request = TransferRequest("GET", "\(scheme)://127.0.0.1:\(server.port)/")
    request.address = "127.0.0.1"
    request.user = "u"
    request.password = "p"
    let message = await fetch(request, within: .seconds(3)).error?.message ?? ""
    #expect(message.contains(words), "\(message)")
    Self.checkOwn(message)
  }

  @Test func `a refused connection names address and port`() async {
    let port = freePort()
    var request = TransferRequest("GET", "http://127.0.0.1:\(port)/")
    request.address = "127.0.0.1"
    let message = await fetch(request).error?.message ?? ""
    #expect(
      message == "connection refused; nothing listens on the port (127.0.0.1:\(port))", "\(message)"
    )
  }

  @Test(
    arguments: [
      ("http://h:80/x", "10.0.0.1", "10.0.0.1:80"), ("https://h/", "10.0.0.1", "10.0.0.1"),
      ("http://u:p@h:81?x:9", "10.0.0.1", "10.0.0.1:81"), ("http://[::1]:82/", "::1", "[::1]:82"),
      ("http://[::1]/", "::1", "[::1]"), ("nonsense", "10.0.0.1", "10.0.0.1"),
      ("http://h:80/", nil, nil),
    ] as [(String, String?, String?)])
  func `a place is the address with the port of the URL`(
    url: String, address: String?, place: String?
  ) {
    #expect(FailureWords.place(url, address: address) == place)
  }

  @Test func `a stranger at the port of MySQL is no lost connection`() async throws {
    for steps in [
      [.say("220 mail.example ESMTP\r\n"), .silence], [.say("SSH-2.0-x\r\n"), .close],
    ]
      as [[Peer.Step]]
    {
      let server = try Peer(steps)
      defer { server.stop() }
      let answer = await Reactor().run { reactor in
        await MySQLSession.ask(
          DatabaseRequest(address: "127.0.0.1", port: server.port, user: "u"), on: reactor,
          by: .after(.seconds(2)))
      }
      #expect(answer.error?.reason == .malformed, "\(answer)")
      #expect(answer.error?.message.contains("not MySQL: it began with") == true, "\(answer)")
      Self.checkOwn(answer.error?.message ?? "")
    }
    let server = try Peer([.close])
    defer { server.stop() }
    let answer = await Reactor().run { reactor in
      await MySQLSession.ask(
        DatabaseRequest(address: "127.0.0.1", port: server.port, user: "u"), on: reactor,
        by: .after(.seconds(2)))
    }
    #expect(
      answer.error?.reason == .lost
        && answer.error?.message.contains("before its greeting") == true, "\(answer)")
  }

  @Test(
    arguments: [
      ([.close], TransferError.Reason.lost, "broke off while logging in"),
      (
        [.say("HTTP/1.1 400 Bad Request\r\n"), .silence], .malformed, "is the port right?"
      ),
      ([.pause(1), .reset], .lost, "broke off while logging in"),
    ] as [([Peer.Step], TransferError.Reason, String)])
  func `a server at PostgreSQL's port that fails is described in words of ours`(
    steps: [Peer.Step], reason: TransferError.Reason, words: String
  ) async throws {
    let server = try Peer(steps)
    defer { server.stop() }
    let answer = await Reactor().run { reactor in
      await PostgreSQLSession.ask(
        DatabaseRequest(address: "127.0.0.1", port: server.port, user: "u"), on: reactor,
        by: .after(.seconds(2)))
    }
    #expect(answer.error?.reason == reason, "\(answer)")
    #expect(answer.error?.message.contains(words) == true, "\(answer)")
    Self.checkOwn(answer.error?.message ?? "")
  }

  /// None of the libraries' words for how they noticed.
  static func checkOwn(_ message: String) {
    for foreign in [
      "errno", "system error", "SSL_ERROR", "Couldn't", "Recv failure", "OpenSSL", "Login denied",
      "Got unexpected",
    ] {
      #expect(!message.contains(foreign), "\(message)")
    }
  }
}
