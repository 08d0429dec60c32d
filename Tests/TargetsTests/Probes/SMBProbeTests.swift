import Foundation
import Lab
import Metrics
import Testing

struct SMBProbeTests {
  @Test(.enabled(if: Samba.isInstalled)) func `the dialect and signing are those of the server`()
    async throws
  {
    let strict = try Samba(["server signing = mandatory"])
    let answer = try await ask("{smb: {port: \(strict.port), signing: required, dialect: 3.1.1}}")
    #expect(answer.summary == "ok - up", "\(answer.verdict.message)")
    #expect(answer.verdict.message == "SMB 3.1.1, signing required")
    let old = try Samba(["server max protocol = SMB2_10", "server signing = disabled"])
    let plain = try await ask("smb:\(old.port)")
    #expect(plain.summary == "ok - up" && plain.verdict.message.hasPrefix("SMB 2.1, signing "))
    let low = try await ask("{smb: {port: \(old.port), dialect: '3.0'}}")
    #expect(low.summary == "major wrong_answer up")
    let unsigned = try await ask("{smb: {port: \(old.port), signing: required}}")
    #expect(unsigned.summary == "major wrong_answer up")
  }
}
