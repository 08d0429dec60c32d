import Foundation
import Lab
import Metrics
import Testing

@testable import Probes

/// What is found of a service that works is no outage.
@Suite(.enabled(if: Nginx.isInstalled)) struct FindingTests {
  /// An X server that lets everybody in.
  private static let openDisplay: [FakeServer.Act] = [
    .read(12),
    .send(
      [1, 0, 11, 0, 0, 0, 10, 0] + [UInt8](repeating: 0, count: 16) + [5, 0]
        + [UInt8](repeating: 0, count: 14) + Array("ACME!".utf8) + [0, 0, 0]), .silence,
  ]
  /// A screen server without a password.
  private static let openScreen: [FakeServer.Act] = [
    .send("RFB 003.008\n"), .read(12), .send([1, 1]), .read(1), .send([0, 0, 0, 0]), .silence,
  ]

  @Test(
    arguments: [
      ("x11", openDisplay, "", "minor open_display up"),
      ("x11", openDisplay, ", findings: critical", "critical open_display up"),
      ("x11", openDisplay, ", findings: ok", "ok - up"),
      ("x11", openDisplay, ", open_display: major", "major open_display up"),
      ("x11", openDisplay, ", open_display: ok, findings: major", "ok - up"),
      ("vnc", openScreen, "", "minor no_password up"),
      ("vnc", openScreen, ", findings: major", "major no_password up"),
      ("vnc", openScreen, ", findings: ok", "ok - up"),
    ])
  func `a finding is minor unless the entry says otherwise`(
    probe: String, acts: [FakeServer.Act], options: String, summary: String
  ) async throws {
    let server = FakeServer(acts)
    let answer = try await ask("{\(probe): {port: \(server.port)\(options)}}")
    #expect(answer.summary == summary && answer.isSound, "\(answer.verdict)")
  }

  @Test func `a certificate is compared with the names that the inventory gives`() async throws {
    let authority = try Authority()
    func server(_ names: String) throws -> Nginx {
      try Nginx(certificate: authority.certificate("web", names: names))
    }
    let own = try server("DNS:lab")
    let known = try server("DNS:shop.example")
    let numbered = try server("IP:127.0.0.1")
    let ca = authority.file
    let cases: [(Nginx, String, String, String?, String)] = [
      (own, "", "lab", nil, "ok - up"),
      (own, "", "other", nil, "minor certificate_name up"),
      (known, "", "lab", "shop.example", "ok - up"),
      (known, "", "lab", nil, "minor certificate_name up"),
      (known, ", host: shop.example", "lab", nil, "ok - up"),
      (known, ", host: other.example", "lab", "shop.example", "minor certificate_name up"),
      // An address is compared where it is written so, and not else.
      (numbered, "", "lab", nil, "minor certificate_name up"),
      (numbered, ", tls: {name: 127.0.0.1}", "lab", nil, "ok - up"),
      (numbered, ", address: 127.0.0.1", "lab", nil, "ok - up"),
      (numbered, "", "127.0.0.1", nil, "ok - up"),
    ]
    for (server, options, host, hostname, summary) in cases {
      let pairs = "port: \(server.port)\(options)"
      let page = try await ask("{https: {\(pairs)}}", host: host, hostname: hostname, ca: ca)
      #expect(page.summary == summary && page.isSound, "https \(options) \(host): \(page.verdict)")
      if !options.contains("host:") {
        let tls = options.contains("tls:") ? "" : ", tls: yes"
        let tcp = try await ask("{tcp: {\(pairs)\(tls)}}", host: host, hostname: hostname, ca: ca)
        #expect(tcp.summary == summary && tcp.isSound, "tcp \(options) \(host): \(tcp.verdict)")
      }
    }
  }

  @Test func `all that is wrong is said, the same each time, also of many at once`() async throws {
    let authority = try Authority()
    let server = try Nginx(
      certificate: authority.certificate("old", names: "DNS:old.example", from: -90, to: -3))
    let port = server.port
    for kind in ["https: {port: \(port)}", "tcp: {port: \(port), tls: yes}"] {
      var summary: Set<String> = []
      try await withThrowingTaskGroup(of: ServiceResult.self) { group in
        for _ in 0..<24 { group.addTask { try await ask("{\(kind)}") } }
        for try await result in group {
          summary.insert("\(result.summary): \(result.verdict.message)")
          #expect(result.isSound)
        }
      }
      #expect(
        summary == [
          "critical certificate_expired up: certificate: expired 3 days ago; its issuer CN=Lab is not "
            + "known here (name its authority with tls: {ca: FILE} if it is your own); it is for "
            + "old.example, not for lab (tls: {name: …} names another) (O=Range,CN=old)"
        ], "\(summary)")
    }
  }

  @Test func `behind a certificate that is not believed the page is looked at all the same`()
    async throws
  {
    let authority = try Authority()
    let server = try Nginx(
      "location /down { return 503; } location /r { return 302 https://localhost:$server_port/; }",
      certificate: authority.certificate("web", names: "DNS:lab"))
    let port = server.port
    let page = try await ask("{https: {port: \(port), body: it works}}")
    #expect(page.summary == "minor certificate_untrusted up", "\(page.verdict)")
    #expect(page.points.contains { $0.measurement == "x509_cert" })
    let down = try await ask("https:\(port)/down")
    #expect(down.summary == "critical wrong_answer up", "\(down.verdict)")
    let meant = try await ask("{https: {port: \(port), findings: ok}}")
    #expect(meant.summary == "ok - up", "\(meant.verdict)")
    // Where a redirect leads, that place's name counts.
    let led = try await ask(
      "{https: {port: \(port), path: /r, redirects: 2, redirect_to: [loopback]}}",
      ca: authority.file)
    #expect(led.summary == "minor certificate_name up", "\(led.verdict)")
    // A secret is not shown to who is not believed.
    setenv("SCRAPE_TEST_TOKEN", "secret-word", 1)
    let before = server.log
    for option in [
      "bearer: \"${SCRAPE_TEST_TOKEN}\"", "user: a, password: \"${SCRAPE_TEST_TOKEN}\"",
      "headers: {X-Key: \"${SCRAPE_TEST_TOKEN}\"}",
    ] {
      let kept = try await ask("{https: {port: \(port), \(option)}}")
      #expect(kept.summary == "major certificate_untrusted up", "\(kept.verdict)")
      #expect(kept.verdict.message.contains("nothing secret was sent"), "\(kept.verdict)")
      let believed = try await ask("{https: {port: \(port), \(option)}}", ca: authority.file)
      #expect(believed.summary == "ok - up", "\(believed.verdict)")
    }
    #expect(server.log.split(separator: "\n").count == before.split(separator: "\n").count + 3)
  }
}
