import Foundation
import Lab
import Metrics
import Testing

@testable import Engine
@testable import Hosts
@testable import Inventory

/// Certificates of hosts, beside what ssh(1) makes of them.
@Suite(.serialized) struct HostCertificateTests {
  /// What the authority signs, and what is known of it.
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var authority = "ed25519"
    var host = "ed25519"
    var sign = ["-h", "-n", "127.0.0.1"]
    /// Lines of known_hosts: `CA` and `KEY` stand for the keys, `PORT` for the port.
    var known = "@cert-authority 127.0.0.1 CA"
    /// Nil where the host is accepted.
    var reason: Reason?
    var words = ""

    var testDescription: String { name }
  }

  static let cases: [Case] = [
    Case(name: "valid"),
    Case(name: "an ECDSA authority", authority: "ecdsa"),
    Case(name: "an RSA authority", authority: "rsa"),
    Case(name: "an ECDSA key of the host", host: "ecdsa"),
    Case(name: "several principals", sign: ["-h", "-n", "a,127.0.0.1,b"]),
    Case(name: "no principals", sign: ["-h"]),
    Case(name: "valid for an hour", sign: ["-h", "-n", "127.0.0.1", "-V", "-1m:+1h"]),
    Case(name: "a line with the port", known: "@cert-authority [127.0.0.1]:PORT CA"),
    Case(name: "a pattern", known: "@cert-authority 127.*,!127.0.0.2 CA"),
    Case(name: "an extension", sign: ["-h", "-n", "127.0.0.1", "-O", "extension:x@y=z"]),
    Case(
      name: "expired", sign: ["-h", "-n", "127.0.0.1", "-V", "20200101:20200102"],
      reason: .certificateExpired, words: "expired at 2020-01-02T"),
    Case(
      name: "not yet valid", sign: ["-h", "-n", "127.0.0.1", "-V", "20900101:20900102"],
      reason: .certificateNotYetValid, words: "is valid from 2090-01-01T"),
    Case(
      name: "another principal", sign: ["-h", "-n", "web1,web2"], reason: .certificateName,
      words: "is for web1, web2, not for 127.0.0.1"),
    Case(
      name: "a principal with a wildcard", sign: ["-h", "-n", "127.*"],
      reason: .certificateName),
    Case(
      name: "another authority", known: "@cert-authority 127.0.0.1 KEY",
      reason: .certificateUntrusted, words: "which no @cert-authority line for it names"),
    Case(
      name: "an authority for others", known: "@cert-authority 10.* CA", reason: .hostKeyUnknown,
      words: "which nobody has accepted"),
    Case(
      name: "a certificate for users", sign: ["-n", "127.0.0.1"], reason: .certificateUntrusted,
      words: "not for a host"),
    Case(
      name: "a critical option", sign: ["-h", "-n", "127.0.0.1", "-O", "critical:x@y=z"],
      reason: .certificateUntrusted, words: "critical options that are not known: x@y"),
    Case(
      name: "a revoked authority",
      known: "@cert-authority 127.0.0.1 CA\n@revoked 127.0.0.1 CA", reason: .hostKeyRevoked),
    Case(
      name: "a revoked key", known: "@cert-authority 127.0.0.1 CA\n@revoked [127.0.0.1]:PORT KEY",
      reason: .hostKeyRevoked),
  ]

  /// A server whose key an authority has signed, and the lines of known_hosts.
  private func server(_ one: Case) throws -> (sshd: Sshd, known: String) {
    let sshd = try Sshd(hostKeys: [one.host])
    let folder = sshd.scratch.path
    try run("/usr/bin/ssh-keygen", ["-q", "-t", one.authority, "-N", "", "-f", "\(folder)/ca"])
    let signed = try run(
      "/usr/bin/ssh-keygen",
      ["-q", "-s", "\(folder)/ca", "-I", "of a test", "-z", "7"] + one.sign
        + ["\(folder)/host_\(one.host).pub"])
    #expect(signed.status == 0, "\(signed)")
    try present("host_\(one.host)-cert.pub", by: sshd)
    func key(_ file: String) -> String {
      (sshd.scratch.read(file) ?? "").split(separator: " ").prefix(2).joined(separator: " ")
    }
    let known = one.known.replacing("CA", with: key("ca.pub"))
      .replacing("KEY", with: key("host_\(one.host).pub"))
      .replacing("PORT", with: "\(sshd.port)")
    return (sshd, known + "\n")
  }

  private func present(_ certificate: String, by sshd: Sshd) throws {
    sshd.scratch.write(
      "config",
      (sshd.scratch.read("config") ?? "")
        + "HostCertificate \(sshd.scratch.path)/\(certificate)\n")
    try sshd.daemon.restart()
    #expect(eventually { listens(sshd.port, at: "127.0.0.1") })
  }

  private func ssh(_ sshd: Sshd, known: String) throws -> Bool {
    let file = sshd.scratch.write("ssh_known", known)
    let outcome = try run(
      "/usr/bin/ssh",
      [
        "-F", "none", "-p", "\(sshd.port)", "-i", sshd.key, "-o", "UserKnownHostsFile=\(file)",
        "-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes", "-o",
        "BatchMode=yes", "-o", "IdentitiesOnly=yes", "127.0.0.1", "true",
      ])
    return outcome.status == 0
  }

  @Test(arguments: cases)
  func `a certificate counts where ssh lets it count`(one: Case) async throws {
    let (sshd, known) = try server(one)
    let answer = await sshd.target(credentials: try sshd.credentials(), knownHosts: known)
      .ask(Probe.batch("true"))
    #expect(answer.failure?.reason == one.reason, "\(answer.failure as Any)\n\(sshd.log)")
    if !one.words.isEmpty {
      #expect(answer.failure?.detail.contains(one.words) == true, "\(answer.failure as Any)")
    }
    let isAccepted = one.reason == nil
    #expect(try ssh(sshd, known: known) == isAccepted)
    if isAccepted {
      let step = answer.steps.first { $0.name == "certificate" }
      #expect(step?.detail.hasPrefix("\"of a test\" of authority SHA256:") == true)
    }
  }

  @Test func `a certificate for the other key of the host counts for that key`() async throws {
    let sshd = try Sshd(hostKeys: ["ed25519", "ecdsa"])
    let folder = sshd.scratch.path
    try run("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", "\(folder)/ca"])
    try run(
      "/usr/bin/ssh-keygen",
      ["-q", "-s", "\(folder)/ca", "-h", "-I", "x", "\(folder)/host_ecdsa.pub"])
    try present("host_ecdsa-cert.pub", by: sshd)
    let known = "@cert-authority * \(sshd.scratch.read("ca.pub") ?? "")"
    let answer = await sshd.target(credentials: try sshd.credentials(), knownHosts: known)
      .ask(Probe.batch("true"))
    #expect(answer.failure == nil, "\(sshd.log)")
    #expect(answer.hostKey?.type == "ecdsa-sha2-nistp256")
  }

  @Test func `a plain line that fits needs no certificate, a certificate mends one that does not`()
    async throws
  {
    let (sshd, known) = try server(Case(name: ""))
    let plain = sshd.scratch.read("known_hosts") ?? ""
    let first = await sshd.target(credentials: try sshd.credentials(), knownHosts: known + plain)
      .ask(Probe.batch("true"))
    #expect(first.failure == nil && !first.steps.contains { $0.name == "certificate" })
    try run(
      "/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", "\(sshd.scratch.path)/old"])
    let old =
      "[127.0.0.1]:\(sshd.port) "
      + (sshd.scratch.read("old.pub") ?? "").split(separator: " ").prefix(2).joined(separator: " ")
    let second = await sshd.target(
      credentials: try sshd.credentials(), knownHosts: known + old + "\n"
    ).ask(Probe.batch("true"))
    #expect(second.failure == nil && second.steps.contains { $0.name == "certificate" })
    let other =
      "@cert-authority 127.0.0.1 \(old.split(separator: " ").dropFirst().joined(separator: " "))\n"
    let third = await sshd.target(
      credentials: try sshd.credentials(), knownHosts: other + old + "\n"
    ).ask(Probe.batch("true"))
    #expect(third.failure?.reason == .hostKeyChanged)
    #expect(sshd.log.components(separatedBy: "Accepted publickey").count == 3)
  }

  @Test func `a server without a certificate is not accepted, and gets no credential`()
    async throws
  {
    let sshd = try Sshd()
    let known = "@cert-authority * \(sshd.scratch.read("user.pub") ?? "")"
    let answer = await sshd.target(credentials: try sshd.credentials(), knownHosts: known)
      .ask(Probe.batch("true"))
    #expect(answer.failure?.reason == .hostKeyUnknown)
    #expect(answer.failure?.detail.contains("set HostCertificate there") == true)
    #expect(!sshd.log.contains("publickey"))
  }

  @Test func `a certificate that was changed is damaged or not signed`() throws {
    let (sshd, known) = try server(Case(name: ""))
    let fields = (sshd.scratch.read("host_ed25519-cert.pub") ?? "").split(separator: " ")
    let blob = try #require(Base64.decode(fields[1].utf8))
    let good = try #require(HostCertificate(blob))
    #expect(good.isSigned && good.serial == 7 && good.name == "of a test")
    #expect(
      good.key.text
        == (sshd.scratch.read("host_ed25519.pub") ?? "").split(separator: " ")
        .prefix(2).joined(separator: " "))
    var lines = KnownHosts()
    lines.add(Array(known.utf8), file: "known_hosts")
    let accepted = lines.lines(for: ["127.0.0.1"])
    try good.verify(with: accepted, at: .now)
    // No byte can change, and none can be missing, without the certificate being refused.
    for index in blob.indices {
      var changed = blob
      changed[index] ^= 0x01
      let certificate = HostCertificate(changed)
      #expect(throws: TargetError.self, "byte \(index)") {
        guard let certificate else { throw TargetError(.protocolError, "") }
        try certificate.verify(with: accepted, at: .now)
      }
      #expect(HostCertificate(Array(blob[..<index])) == nil)
    }
  }

  @Test(
    arguments: [
      [.send(Array("SSH-2.0-x\r\n".utf8)), .silence],
      [.send(Array("SSH-2.0-x\r\n".utf8) + [0xff, 0xff, 0xff, 0xff, 0x04, 0x14]), .silence],
      [
        .send(Array("SSH-2.0-x\r\n".utf8) + [0, 0, 0, 12, 4, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        .silence,
      ],
      [.flood(Array("no banner\n".utf8))], [.close],
      [.send(Array("SSH-2.0-x\r\n".utf8) + [UInt8](repeating: 0, count: 4000)), .close],
    ] as [[FakeServer.Act]])
  func `a server that misbehaves costs its time`(acts: [FakeServer.Act]) async throws {
    let server = FakeServer(acts)
    let reactor = Reactor()
    let start = Deadline.now
    let failure = await reactor.run { reactor -> TargetError? in
      do {
        let addresses = try await Connect.resolve(
          "127.0.0.1", port: server.port, on: reactor, by: .after(.seconds(2)))
        let socket = try await Connect.tcp(
          to: addresses, on: reactor, by: .after(.seconds(2)))
        var exchange = CertificateExchange(over: SocketCarrier(owning: socket))
        _ = try await exchange.fetch(on: reactor, by: .after(.seconds(1)))
        return nil
      } catch let error as TargetError { return error } catch { return nil }
    }
    #expect(failure != nil)
    #expect(Deadline.now.since(start) < .seconds(4))
  }
}
