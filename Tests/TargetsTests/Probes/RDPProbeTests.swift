import Foundation
import Lab
import Metrics
import Testing

@testable import Targets

/// A real xrdp on a loopback port.
private final class Desktop {
  static let program = "/usr/sbin/xrdp"
  static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

  let scratch = Scratch()
  let port = freePort()
  private let daemon: Daemon

  init(security: String, _ certificate: (certificate: String, key: String)) throws {
    let usual = try String(contentsOfFile: "/etc/xrdp/xrdp.ini", encoding: .utf8)
    let own = [
      "port=3389": "port=tcp://127.0.0.1:\(port)", "certificate=": "certificate=\(certificate.0)",
      "key_file=": "key_file=\(certificate.1)",
      "security_layer=negotiate": "security_layer=\(security)",
    ]
    let lines = usual.split(separator: "\n", omittingEmptySubsequences: false)
      .map { own[String($0)] ?? String($0) }
    let file = scratch.write("xrdp.ini", lines.joined(separator: "\n"))
    daemon = try Daemon(
      "/usr/bin/timeout", ["-s", "KILL", "60", Self.program, "--nodaemon", "--config", file],
      log: scratch.path + "/log")
    let port = port
    guard eventually(within: 20, { listens(port) }) else {
      throw Unavailable(description: scratch.read("log") ?? "xrdp")
    }
  }
}

struct RDPProbeTests {
  @Test(.enabled(if: Desktop.isInstalled)) func `xrdp shows its security and its certificate`()
    async throws
  {
    let authority = try Authority()
    let server = try Desktop(security: "negotiate", try authority.certificate("desk"))
    let answer = try await ask("rdp:\(server.port)")
    #expect(answer.told == "ok - up" && answer.isSound, "\(answer.verdict.message)")
    #expect(answer.verdict.message.contains("security tls, TLSv1."))
    #expect(answer.points.contains { $0.measurement == "x509_cert" })
    // Only where it is asked for, the certificate must be somebody's whom we trust.
    let strict = "{rdp: {port: \(server.port), tls: yes, security: tls}}"
    #expect(try await ask(strict).told == "critical certificate_untrusted up")
    #expect(try await ask(strict, ca: authority.file).told == "ok - up")
    let nla = try await ask("{rdp: {port: \(server.port), security: nla}}")
    #expect(nla.told == "major wrong_answer up", "\(nla.verdict.message)")
  }

  @Test(.enabled(if: Desktop.isInstalled)) func `an old certificate and old security are found`()
    async throws
  {
    let authority = try Authority()
    let old = try Desktop(security: "tls", try authority.certificate("old", from: -9, to: -2))
    #expect(try await ask("rdp:\(old.port)").told == "critical certificate_expired up")
    let plain = try Desktop(security: "rdp", try authority.certificate("plain"))
    let answer = try await ask("rdp:\(plain.port)")
    #expect(answer.told == "ok - up", "\(answer.verdict.message)")
    #expect(answer.verdict.message.contains("security rdp"))
    let wanted = try await ask("{rdp: {port: \(plain.port), security: tls}}")
    #expect(wanted.told == "major wrong_answer up", "\(wanted.verdict.message)")
  }
}
