import Configuration
import Foundation
import Lab
import Testing

@testable import Policies
@testable import Probes

/// The policy `sshd` and the probe `ssh` call the same algorithms weak.
struct PolicyAlgorithmTests {
  private struct File: Evidence {
    var text: String

    func kind(of path: [UInt8]) -> Result<PathKind, PathFailure> { .success(.regular) }
    func read(_ path: [UInt8], _ budget: Budget) -> Result<FileText, PathFailure> {
      .success(FileText(bytes: Array(text.utf8)))
    }
    func list(_ path: [UInt8], _ budget: Budget) -> Result<[FolderEntry], PathFailure> {
      .failure(.missing)
    }
    func run(_ command: [UInt8]) -> CommandResult { .absent }
    var processes: ProcessList { .absent }
  }

  @Test(arguments: [
    ("cipher", "Ciphers", "14", SSHOffer.Kind.ciphers, ["arcfour256", "blowfish-cbc"]),
    ("mac", "MACs", "15", .macs, ["hmac-ripemd160@openssh.com", "hmac-sha1-96-etm@openssh.com"]),
    ("kex", "KexAlgorithms", "16", .exchanges, ["diffie-hellman-group1-sha1"]),
    ("key", "HostKeyAlgorithms", "17", .keys, ["ssh-dss-cert-v01@openssh.com"]),
  ])
  func `an algorithm is weak for both or for none`(
    _ list: String, _ setting: String, _ id: String, _ kind: SSHOffer.Kind, _ more: [String]
  ) throws {
    let path = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../policies/sshd.yml").standardized.path()
    let policy = try PolicyReader.read(try Source.read(path))
    let known = try run("/usr/bin/ssh", ["-Q", list]).output.split(separator: "\n").map(String.init)
    #expect(known.count > 3)
    for name in known + more {
      let file = File(text: "# x\n\(setting) curve25519,\(name)\n")
      let result = policy.evaluate(file).checks.first { $0.check.id == id }
      let isWeak = SSHOffer.isWeak(name, kind)
      #expect(result?.verdict == (isWeak ? .failed : .passed), "\(name): \(result?.why ?? "")")
    }
    #expect(more.allSatisfy { SSHOffer.isWeak($0, kind) })
  }
}
