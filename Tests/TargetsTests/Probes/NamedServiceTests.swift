import Foundation
import Lab
import Metrics
import Testing

@testable import Probes

/// Services that are named as port scanners print them are asked in their own protocol.
struct NamedServiceTests {
  @Test(
    arguments: [
      ("ssh", "ssh (22)"), ("http-alt", "http-alt (http 8000)"), ("x11:1", "x11:1 (6001)"),
      ("http:8080/x", "http:8080/x"), ("icmp", "icmp"), ("ldap", "ldap (tcp 389)"),
      ("tcp:113 closed", "tcp:113 closed"), ("{https: {name: shop}}", "shop (https 443)"),
      ("X11", "X11 (6000)"), ("http-proxy closed", "http-proxy (proxy 8080) closed"),
    ])
  func `what a name means is shown with it`(entry: String, words: String) throws {
    let plan = try #require(try read(entry).0)
    #expect(plan.described == words)
  }

  @Test func `the names of ports are the scanner's`() {
    let ports: [UInt16] = [8000, 8080, 8081, 113, 5000, 22]
    #expect(
      ports.map { serviceName($0, .tcp) }
        == ["http-alt", "http-proxy", "blackice-icecap", "ident", "upnp", "ssh"])
  }

  /// What an ident server says to a question that it has read.
  private static func answer(_ words: String) -> FakeServer.Act {
    .answer { question in
      let asked = question.filter { $0 != 13 && $0 != 10 }
      return asked + Array(" : \(words)\r\n".utf8)
    }
  }

  @Test(
    arguments: [
      ([answer("ERROR : NO-USER")], "ok - up", "answers ERROR NO-USER"),
      ([answer("USERID : UNIX : alice")], "ok - up", "answers USERID"),
      ([answer("NOTHING : X")], "critical protocol_error down", "no answer of an ident server"),
      (
        [.send("1,2 : ERROR : NO-USER\r\n"), .silence], "critical protocol_error down",
        "1,2 : ERROR"
      ),
      ([.send("SSH-2.0-OpenSSH_9.2\r\n"), .silence], "critical protocol_error down", "SSH-2.0"),
      ([.silence], "critical timeout down", "waiting for the answer"),
      ([.read(4), .close], "critical connection_lost down", "waiting for the answer"),
      ([.flood([0x41])], "critical protocol_error down", "without an end of line"),
    ] as [([FakeServer.Act], String, String)])
  func `ident is asked, not only connected to`(
    acts: [FakeServer.Act], summary: String, words: String
  ) async throws {
    let server = FakeServer(acts)
    let answer = try await ask("{ident: {port: \(server.port), timeout: 500ms}}")
    #expect(answer.summary == summary && answer.isSound, "\(answer.verdict)")
    #expect(answer.verdict.message.contains(words), "\(answer.verdict.message)")
  }

  @Test(
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/sbin/oidentd") && getuid() == 0)
  )
  func `oidentd answers about the probe's own connection`() async throws {
    let scratch = Scratch()
    let port = freePort()
    let daemon = try Daemon(
      "/usr/bin/timeout",
      ["-s", "KILL", "60", "/usr/sbin/oidentd", "-i", "-S", "-a", "127.0.0.1", "-p", "\(port)"],
      log: "\(scratch.path)/log")
    #expect(eventually { listens(port) }, "\(scratch.read("log") ?? "")")
    let answer = try await ask("ident:\(port)")
    #expect(answer.summary == "ok - up", "\(answer.verdict.message)")
    withExtendedLifetime(daemon) {}
  }

  @Test(
    arguments: [
      ("HTTP/1.1 403 Forbidden\r\nServer: squid\r\n\r\n", "", "ok - up", "a proxy: 403 Forbidden"),
      ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "", "ok - up", "a proxy: 407"),
      ("HTTP/1.0 503 Unavailable\r\n\r\n", "", "ok - up", "a proxy: 503"),
      ("HTTP/1.1 200 Connection established\r\n\r\n", "", "ok - up", "connects: 200"),
      ("HTTP/1.1 405 Not Allowed\r\n\r\n", "", "critical wrong_answer up", "no proxy"),
      ("HTTP/1.1 400 Bad Request\r\n\r\n", "", "critical wrong_answer up", "no proxy"),
      (
        "HTTP/1.1 403 For", "", "critical connection_lost down", "waiting for the answer to CONNECT"
      ),
      ("HTTP/1.1 403 Forbidden\r\nSer", "", "critical connection_lost down", "reading the head"),
      ("SSH-2.0-OpenSSH_9.2\r\n", "", "critical protocol_error down", "no answer of a proxy"),
      (
        "HTTP/1.1 200 OK\r\n\r\n", ", connect: \"a.example:443\"", "ok - up",
        "connects to a.example:443"
      ),
      (
        "HTTP/1.1 403 Forbidden\r\n\r\n", ", connect: \"a.example:443\"",
        "critical wrong_answer up", "no connection to a.example:443: 403 Forbidden"
      ),
      (
        "HTTP/1.1 407 Who\r\n\r\n", ", connect: \"a.example:443\"", "major auth_failed up",
        "give user and password"
      ),
    ])
  func `a proxy is distinguished from a web server by its answer to CONNECT`(
    says: String, options: String, summary: String, words: String
  ) async throws {
    let server = FakeServer([.answer { _ in Array(says.utf8) }, .close])
    let answer = try await ask("{proxy: {port: \(server.port), timeout: 1s\(options)}}")
    #expect(answer.summary == summary && answer.isSound, "\(answer.verdict)")
    #expect(answer.verdict.message.contains(words), "\(answer.verdict.message)")
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/tinyproxy")))
  func `tinyproxy is a proxy, and nginx is none`() async throws {
    let scratch = Scratch()
    let port = freePort()
    let page = try Nginx()
    let file = scratch.write(
      "conf",
      """
      Port \(port)
      Listen 127.0.0.1
      Timeout 10
      MaxClients 10
      ConnectPort \(page.port)
      BasicAuth monitor secret
      LogLevel Info

      """)
    let daemon = try Daemon(
      "/usr/bin/timeout", ["-s", "KILL", "60", "/usr/bin/tinyproxy", "-d", "-c", file],
      log: "\(scratch.path)/log")
    #expect(eventually { listens(port) }, "\(scratch.read("log") ?? "")")
    let asked = try await ask("{http-proxy: {port: \(port)}}")
    #expect(asked.summary == "ok - up" && asked.verdict.message.contains("407"), "\(asked.verdict)")
    scratch.write("password", "secret")
    let options = "port: \(port), user: monitor, password: \"file:\(scratch.path)/password\""
    let through = try await ask(
      "{proxy: {\(options), connect: \"127.0.0.1:\(page.port)\"}}")
    #expect(through.summary == "ok - up", "\(through.verdict)")
    let refused = try await ask("{proxy: {\(options), connect: \"127.0.0.1:1\"}}")
    #expect(refused.summary == "critical wrong_answer up", "\(refused.verdict)")
    let web = try await ask("{http-proxy: {port: \(page.port)}}")
    #expect(web.summary == "critical wrong_answer up", "\(web.verdict)")
    let steps = (through.trace?.steps ?? []).map(\.detail).joined()
    #expect(steps.contains("CONNECT") && !steps.contains("bW9uaXRvcjpzZWNyZXQ"))
    withExtendedLifetime(daemon) {}
  }
}
