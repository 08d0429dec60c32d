import Foundation
import Lab
import Metrics
import Testing

struct RDPProbeTests {
  @Test(.enabled(if: Xrdp.isInstalled)) func `xrdp shows its security and its certificate`()
    async throws
  {
    let authority = try Authority()
    let server = try Xrdp(security: "negotiate", try authority.certificate("desk"))
    let answer = try await ask("rdp:\(server.port)")
    #expect(answer.summary == "ok - up" && answer.isSound, "\(answer.verdict.message)")
    #expect(answer.verdict.message.contains("security tls, TLSv1."))
    #expect(answer.points.contains { $0.measurement == "x509_cert" })
    // Only where it is asked for, the certificate must be somebody's whom we trust.
    let strict = "{rdp: {port: \(server.port), tls: yes, security: tls}}"
    #expect(try await ask(strict).summary == "minor certificate_untrusted up")
    #expect(try await ask(strict, ca: authority.file).summary == "ok - up")
    let nla = try await ask("{rdp: {port: \(server.port), security: nla}}")
    #expect(nla.summary == "major wrong_answer up", "\(nla.verdict.message)")
  }

  @Test(.enabled(if: Xrdp.isInstalled)) func `an old certificate and old security are found`()
    async throws
  {
    let authority = try Authority()
    let old = try Xrdp(security: "tls", try authority.certificate("old", from: -9, to: -2))
    #expect(try await ask("rdp:\(old.port)").summary == "critical certificate_expired up")
    let plain = try Xrdp(security: "rdp", try authority.certificate("plain"))
    let answer = try await ask("rdp:\(plain.port)")
    #expect(answer.summary == "ok - up", "\(answer.verdict.message)")
    #expect(answer.verdict.message.contains("security rdp"))
    let wanted = try await ask("{rdp: {port: \(plain.port), security: tls}}")
    #expect(wanted.summary == "major wrong_answer up", "\(wanted.verdict.message)")
  }
}
