import Foundation
import Lab
import Metrics
import Testing

@testable import Targets

/// A real smbd on a loopback port with a folder of its own.
private final class Samba {
  static let program = "/usr/sbin/smbd"
  static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

  let scratch = Scratch()
  let port = freePort()
  private let daemon: Daemon

  init(_ lines: [String]) throws {
    let folder = scratch.path
    let own = [
      "private dir", "lock directory", "state directory", "cache directory",
      "pid directory", "ncalrpc dir",
    ]
    let conf = scratch.write(
      "smb.conf",
      ([
        "[global]", "interfaces = 127.0.0.1", "bind interfaces only = yes", "smb ports = \(port)",
        "disable netbios = yes", "log file = \(folder)/smbd.log",
      ] + own.map { "\($0) = \(folder)" }
        + lines).joined(separator: "\n") + "\n")
    daemon = try Daemon(
      "/usr/bin/timeout",
      ["-s", "KILL", "120", Self.program, "-F", "--no-process-group", "-s", conf],
      log: folder + "/log")
    let port = port
    guard eventually(within: 30, { listens(port) }) else {
      throw Unavailable(description: scratch.read("log") ?? "smbd")
    }
  }
}

struct SMBProbeTests {
  @Test(.enabled(if: Samba.isInstalled)) func `the dialect and signing are those of the server`()
    async throws
  {
    let strict = try Samba(["server signing = mandatory"])
    let answer = try await ask("{smb: {port: \(strict.port), signing: required, dialect: 3.1.1}}")
    #expect(answer.told == "ok - up", "\(answer.verdict.message)")
    #expect(answer.verdict.message == "SMB 3.1.1, signing required")
    let old = try Samba(["server max protocol = SMB2_10", "server signing = disabled"])
    let plain = try await ask("smb:\(old.port)")
    #expect(plain.told == "ok - up" && plain.verdict.message.hasPrefix("SMB 2.1, signing "))
    let low = try await ask("{smb: {port: \(old.port), dialect: '3.0'}}")
    #expect(low.told == "major wrong_answer up")
    let unsigned = try await ask("{smb: {port: \(old.port), signing: required}}")
    #expect(unsigned.told == "major wrong_answer up")
  }
}
