import Lab
import Testing

@testable import Probes

/// Nothing listens on the port: whoever reads the message learns which port that is.
struct RefusedPortTests {
  @Test(arguments: [
    "tcp", "ssh", "vnc", "x11", "rdp", "smb", "http", "https", "smtp", "imap", "pop3", "ftp", "udp",
    "mysql", "postgres", "ntp", "dns",
  ])
  func `a refused connection names the port`(kind: String) async throws {
    guard Probes.all.contains(where: { $0.name == kind }) else { return }
    let port = freePort()
    let options =
      switch kind {
      case "dns": ", name: lab.example"
      case "mysql", "postgres": ", user: lab"
      default: ""
      }
    let answer = try await ask("{\(kind): {port: \(port)\(options)}}")
    #expect(answer.verdict.reason == .connectionRefused, "\(answer.verdict)")
    #expect(answer.verdict.message.contains("\(port)"), "\(answer.verdict.message)")
  }
}
