import Foundation
import Lab
import Hosts
import Testing

@testable import Alerts
@testable import Console
@testable import Passes
@testable import Scraper

@Suite(.timeLimit(.minutes(2))) struct TrustTests {
  private let key = HostKey(blob: Array("\0\0\0\u{0b}ssh-ed25519 and more".utf8))

  @Test(
    arguments: [
      ("y", TrustAnswers.Answer.accept, .accept), ("Yes", .accept, .accept), ("", .refuse, .refuse),
      ("n", .refuse, .refuse), ("all", .acceptAllNew, .refuse), ("A", .acceptAllNew, .refuse),
      ("q", .quit, .quit), ("SHA256:short", .refuse, .refuse),
      (
        "256 SHA256:\(String(repeating: "x", count: 43)) root@web1", .otherFingerprint,
        .otherFingerprint
      ),
    ] as [(String, TrustAnswers.Answer, TrustAnswers.Answer)])
  func `an answer means one thing, and all never takes a changed key`(
    line: String, new: TrustAnswers.Answer, changed: TrustAnswers.Answer
  ) {
    #expect(TrustAnswers.answer(line, to: key, isNew: true) == new)
    #expect(TrustAnswers.answer(line, to: key, isNew: false) == changed)
  }

  @Test func `the fingerprint in place of an answer accepts its key only`() {
    for text in [key.fingerprint, "256 \(key.fingerprint) root@web1 (ED25519)\n"] {
      #expect(TrustAnswers.answer(text, to: key, isNew: false) == .accept)
    }
    let other = HostKey(blob: Array("another".utf8))
    #expect(TrustAnswers.answer(other.fingerprint, to: key, isNew: true) == .otherFingerprint)
  }

  private func range(_ servers: [Sshd]) -> Range {
    let hosts = servers.enumerated().map { index, sshd in
      "    h\(index): {address: 127.0.0.1, port: \(sshd.port), key: \(sshd.key)}\n"
    }
    return Range(hosts: "all:\n  hosts:\n" + hosts.joined())
  }

  private func trust(_ range: Range, input: String?) throws -> Outcome {
    try run(
      Scrape.program, ["trust", "--inventory", range.inventory, "--store", range.store],
      environment: ["SSH_AUTH_SOCK": ""], input: input)
  }

  @Test func `a host with a certificate of an accepted authority needs no line of its own`() throws
  {
    let sshd = try Sshd()
    let folder = sshd.scratch.path
    try run("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", "\(folder)/ca"])
    try run(
      "/usr/bin/ssh-keygen",
      ["-q", "-s", "\(folder)/ca", "-h", "-n", "h0", "-I", "x", "\(folder)/host_ed25519.pub"])
    sshd.scratch.write(
      "config",
      (sshd.scratch.read("config") ?? "") + "HostCertificate \(folder)/host_ed25519-cert.pub\n")
    try sshd.daemon.restart()
    #expect(eventually { listens(sshd.port) })
    let range = range([sshd])
    range.scratch.write(
      "inventory/known_hosts", "@cert-authority h* \(sshd.scratch.read("ca.pub") ?? "")")
    let outcome = try trust(range, input: nil)
    #expect(outcome.status == 0 && outcome.output.contains("known "), "\(outcome)")
    let host = try range.scrape("host", "h0", "--explain")
    #expect(host.status == 0 && host.output.contains("of authority SHA256:"), "\(host)")
    range.scratch.write(
      "inventory/known_hosts", "@cert-authority 127.* \(sshd.scratch.read("ca.pub") ?? "")")
    let refused = try range.scrape("host", "h0")
    #expect(refused.output.contains("certificate_name: "), "\(refused)")
  }

  @Test func `fingerprints from a pipe accept their hosts' keys, and no other`() throws {
    let servers = [try Sshd(), try Sshd()]
    let range = range(servers)
    let console = try run(
      "/usr/bin/ssh-keygen", ["-lf", "\(servers[1].scratch.path)/host_ed25519.pub"]
    ).output
    let outcome = try trust(range, input: "the second host:\n\(console)")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("1 accepted, 1 not accepted"), "\(outcome.errors)")
    #expect(outcome.errors.contains("only keys whose fingerprints came in it"))
    let known = range.scratch.read("inventory/known_hosts") ?? ""
    #expect(known.contains("\(servers[1].port)") && !known.contains("\(servers[0].port)"))
  }

  @Test(arguments: [nil, "", "y\ny\n"])
  func `a pipe without fingerprints accepts nothing, and says why`(input: String?) throws {
    let sshd = try Sshd()
    let range = range([sshd])
    let outcome = try trust(range, input: input)
    extendLifetime(sshd)
    #expect(outcome.status == 1 && outcome.errors.contains("0 accepted, 1 not accepted"))
    #expect(outcome.errors.contains("standard input is no terminal and holds no fingerprint"))
    #expect(outcome.errors.contains("--accept-new"), "\(outcome.errors)")
    #expect(range.scratch.read("inventory/known_hosts") == nil)
  }

  @Test func `all at a terminal accepts all new keys with one answer`() throws {
    let servers = [try Sshd(), try Sshd(), try Sshd()]
    let range = range(servers)
    let line = "\(Scrape.program) trust --inventory \(range.inventory) --store \(range.store)"
    let outcome = try run(
      "/usr/bin/script", ["-qec", line, "/dev/null"], environment: ["SSH_AUTH_SOCK": ""],
      input: "all\n")
    extendLifetime(servers)
    #expect(outcome.output.contains("3 accepted, 0 not accepted"), "\(outcome.output)")
    #expect(outcome.output.components(separatedBy: "Accept the key").count == 2)
  }
}
