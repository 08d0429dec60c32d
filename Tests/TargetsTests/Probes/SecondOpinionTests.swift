import Foundation
import Lab
import Testing

@testable import Probes

/// Debian's monitoring-plugins look at the same services, healthy and broken.
struct SecondOpinionTests {
  /// 0 ok, 1 minor or major, 2 critical, 3 unknown: as plugins end.
  private func exit(_ result: ServiceResult) -> Int32 {
    switch result.verdict.severity {
    case .ok: 0
    case .minor, .major: 1
    case .critical: 2
    case .unknown: 3
    }
  }

  @Test(.enabled(if: Plugin.isInstalled("check_tcp")))
  func `check_tcp and tcp agree on a conversation`() async throws {
    let cases: [([FakeServer.Act], Int32)] = [
      ([.send("220 mail\r\n"), .silence], 0), ([.send("554 no\r\n"), .close], 2),
      ([.silence], 2), ([.close], 2),
    ]
    for (acts, expected) in cases {
      let server = FakeServer(acts)
      let ours = try await ask("{tcp: {port: \(server.port), expect: '220 ', timeout: 1s}}")
      let theirs = try Plugin.run(
        "check_tcp",
        ["-H", "127.0.0.1", "-p", "\(server.port)", "-e", "220 ", "-M", "crit", "-t", "1"])
      #expect(
        exit(ours) == expected && theirs.status == expected, "\(ours.summary) \(theirs.output)")
    }
    let free = freePort()
    let theirs = try Plugin.run("check_tcp", ["-H", "127.0.0.1", "-p", "\(free)"])
    #expect(exit(try await ask("tcp:\(free)")) == theirs.status, "\(theirs.output)")
  }

  @Test(.enabled(if: Plugin.isInstalled("check_ssh")))
  func `check_ssh and ssh agree on servers, but not on half a banner`() async throws {
    let sshd = try Sshd()
    let free = freePort()
    for port in [sshd.port, free] {
      let ours = try await ask("ssh:\(port)")
      let theirs = try Plugin.run("check_ssh", ["-p", "\(port)", "127.0.0.1"])
      #expect(exit(ours) == theirs.status, "\(ours.summary) \(theirs.output)")
    }
    // The plugin looks at the first packet only: three letters do, and a slow banner does not.
    let half = FakeServer([.send("SSH"), .close])
    #expect(exit(try await ask("ssh:\(half.port)")) == 2)
  }

  @Test(.enabled(if: Plugin.isInstalled("check_icmp") && geteuid() == 0))
  func `check_icmp and icmp agree`() async throws {
    let ours = try await ask("icmp")
    let theirs = try Plugin.run("check_icmp", ["-n", "3", "127.0.0.1"])
    #expect(exit(ours) == theirs.status, "\(ours.summary) \(theirs.output)")
  }

  @Test(.enabled(if: Plugin.isInstalled("check_ntp_time") && NTPProbeTests.hasChrony))
  func `check_ntp_time and ntp agree on chronyd and on a dead port`() async throws {
    let server = try Chrony("local stratum 3")
    for _ in 0..<20 where try await ask("ntp:\(server.port)").verdict.severity != .ok {
      usleep(100_000)
    }
    let free = freePort()
    for port in [server.port, free] {
      let ours = try await ask("{ntp: {port: \(port), timeout: 1s}}")
      let theirs = try Plugin.run(
        "check_ntp_time", ["-H", "127.0.0.1", "-p", "\(port)", "-w", "0.1", "-c", "1", "-t", "3"])
      #expect(exit(ours) == theirs.status, "\(ours.summary) \(theirs.output)")
    }
  }
}
