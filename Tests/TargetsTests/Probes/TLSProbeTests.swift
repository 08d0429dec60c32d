import Engine
import Foundation
import Lab
import Metrics
import Testing

/// A real TLS server: openssl s_server(1).
private final class Secured {
  let port = freePort()
  private let daemon: Daemon
  private let scratch = Scratch()

  init(_ certificate: (certificate: String, key: String), _ options: [String] = []) throws {
    daemon = try Daemon(
      "/usr/bin/timeout",
      [
        "-s", "KILL", "60", "/usr/bin/openssl", "s_server", "-accept", "127.0.0.1:\(port)", "-cert",
        certificate.certificate, "-key", certificate.key,
      ] + options, log: scratch.path + "/log")
    let port = port
    guard eventually(within: 20, { listens(port) }) else {
      throw Unavailable(description: scratch.read("log") ?? "s_server")
    }
  }
}

struct TLSProbeTests {
  @Test func `a certificate is checked by its authority, its name and its days`() async throws {
    let authority = try Authority()
    let stranger = try Authority()
    let cases: [(String, String, Double, Double, String, String)] = [
      ("good", "DNS:localhost,IP:127.0.0.1,DNS:lab", -1, 90, "ok - up", "valid"),
      ("soon", "IP:127.0.0.1,DNS:lab", -1, 10, "minor certificate_expiring up", "valid"),
      ("now", "IP:127.0.0.1,DNS:lab", -1, 1, "major certificate_expiring up", "valid"),
      ("past", "IP:127.0.0.1,DNS:lab", -9, -2, "critical certificate_expired up", "invalid"),
      ("early", "IP:127.0.0.1,DNS:lab", 3, 90, "critical certificate_not_yet_valid up", "invalid"),
      ("other", "DNS:other.example", -1, 90, "minor certificate_name up", "invalid"),
    ]
    for (name, names, from, to, summary, verification) in cases {
      let server = try Secured(
        try authority.certificate(name, names: names, from: from, to: to), ["-www"])
      let answer = try await ask("{tcp: {port: \(server.port), tls: yes}}", ca: authority.file)
      #expect(answer.summary == summary, "\(name): \(answer.verdict.message)")
      #expect(answer.isSound)
      let point = try #require(answer.points.first { $0.measurement == "x509_cert" })
      #expect(point[tag: "verification"] == verification)
      guard case .integer(let expiry)? = point[field: "expiry"] else { continue }
      #expect(abs(Double(expiry) - to * 86_400) < 600)
      if name == "good" {
        let own = "{tcp: {port: \(server.port), tls: {ca: \(authority.file), name: localhost}}}"
        #expect(try await ask(own).summary == "ok - up")
        let unknown = try await ask("{tcp: {port: \(server.port), tls: yes}}", ca: stranger.file)
        #expect(unknown.summary == "minor certificate_untrusted up")
        let page = try await ask(
          "{tcp: {port: \(server.port), tls: yes, send: \"GET / HTTP/1.0\\\\r\\\\n\\\\r\\\\n\", "
            + "expect: s_server}}", ca: authority.file)
        #expect(page.summary == "ok - up", "\(page.verdict.message)")
      }
    }
  }

  @Test func `a server without TLS is recognised, in every phase`() async throws {
    let plain = "{tcp: {port: PORT, tls: yes, timeout: 300ms}}"
    let stepwise =
      "{tcp: {port: PORT, timeout: 300ms, steps: [{expect: ready}, {starttls: yes}]}}"
    let cases: [([FakeServer.Act], String, String)] = [
      ([.send("SSH-2.0-OpenSSH_9.2\r\n"), .silence], plain, "critical tls_failed down"),
      ([.silence], plain, "critical timeout down"),
      ([.read(100), .close], plain, "critical connection_lost down"),
      ([.read(100), .reset], plain, "critical connection_lost down"),
      ([.flood([0x16, 3, 3, 0, 1, 2])], plain, "critical tls_failed down"),
      // A fatal alert: handshake_failure.
      (
        [.read(100), .send([0x15, 3, 3, 0, 2, 2, 40]), .silence], plain, "critical tls_failed down"
      ),
      ([.send("ready\r\n"), .silence], stepwise, "critical timeout down"),
      ([.send("ready"), .read(100), .close], stepwise, "critical connection_lost down"),
    ]
    for (acts, entry, summary) in cases {
      let server = FakeServer(acts)
      let start = Deadline.now
      let answer = try await ask(entry.replacing("PORT", with: "\(server.port)"))
      #expect(answer.summary == summary, "\(answer.verdict.message)")
      #expect(answer.isSound)
      #expect(Deadline.now.since(start) < .seconds(2))
    }
  }
}
