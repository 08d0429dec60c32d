import Foundation
import Lab
import Testing

/// A real dnsmasq in a network namespace, and a client in another, with a cable between them.
private final class DHCPLab {
  static let program = "/usr/sbin/dnsmasq"
  static let isPossible =
    FileManager.default.isExecutableFile(atPath: program) && MariaDB.canHaveNamespaces

  let scratch = Scratch()
  private let client: Daemon
  private var server: Daemon?
  private var holder: Daemon?

  init() throws {
    let log = "\(scratch.path)/log"
    client = try Daemon("/usr/bin/unshare", ["-n", "/bin/sleep", "120"], log: log)
    let holder = try Daemon("/usr/bin/unshare", ["-n", "/bin/sleep", "120"], log: log)
    self.holder = holder
    for daemon in [client, holder] {
      // unshare(1) must have made the namespace before it is entered.
      let path = "/proc/\(daemon.identifier)/ns/net"
      let ours = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
      _ = eventually {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: path)) != ours
      }
    }
    try inside(client, "ip link set lo up; ip link add c0 type veth peer name s0")
    try inside(client, "ip link set s0 netns \(holder.identifier)")
    try inside(client, "ip address add 10.98.0.2/24 dev c0; ip link set c0 up")
    try inside(holder, "ip link set lo up; ip address add 10.98.0.1/24 dev s0; ip link set s0 up")
  }

  @discardableResult
  private func inside(_ daemon: Daemon, _ script: String) throws -> Outcome {
    try run("/usr/bin/nsenter", ["-n", "-t", "\(daemon.identifier)", "/bin/sh", "-c", script])
  }

  /// Starts dnsmasq with this range; `more` are options of dnsmasq(8).
  func serve(_ range: String, _ more: [String] = []) throws {
    guard let holder else { return }
    let path = scratch.path
    server = nil
    server = try Daemon(
      "/usr/bin/nsenter",
      [
        "-n", "-t", "\(holder.identifier)", Self.program, "--no-daemon", "--conf-file=/dev/null",
        "--port=0", "--interface=s0", "--dhcp-range=\(range)", "--dhcp-authoritative",
        "--dhcp-leasefile=\(path)/leases", "--pid-file=", "--user=root", "--log-dhcp", "--no-ping",
      ] + more, log: "\(path)/dnsmasq.log")
    let started = eventually {
      (scratch.read("dnsmasq.log") ?? "").contains("DHCP, IP range") || server?.isRunning == false
    }
    guard started, server?.isRunning == true else {
      throw Unavailable(description: "dnsmasq: \(scratch.read("dnsmasq.log") ?? "")")
    }
  }

  func stop() { server = nil }
  var log: String { scratch.read("dnsmasq.log") ?? "" }

  func probe(_ entry: String, user: String? = nil) throws -> Outcome {
    let drop = user.map { ["/usr/bin/setpriv", "--reuid", $0, "--clear-groups"] } ?? []
    return try run(
      "/usr/bin/nsenter",
      ["-n", "-t", "\(client.identifier)"] + drop + [Scrape.program, "probe", entry, "10.98.0.1"])
  }
}

@Suite(.serialized, .enabled(if: DHCPLab.isPossible), .timeLimit(.minutes(4)))
struct DHCPProbeTests {
  @Test func `a server offers an address, and a small pool is not exhausted`() throws {
    let lab = try DHCPLab()
    // Five addresses for forty questions.
    try lab.serve("10.98.0.100,10.98.0.104,255.255.255.0,1h")
    for number in 1...40 {
      let outcome = try lab.probe("{dhcp: {interface: c0, timeout: 2s}}")
      guard outcome.status == 0, outcome.output.contains("offers 10.98.0.10") else {
        Issue.record("probe \(number): \(outcome) \(lab.log.suffix(400))")
        return
      }
    }
    #expect(!lab.log.contains("no address available"))
    #expect((lab.scratch.read("leases") ?? "").isEmpty)
    // Each time it was the same one that was set aside.
    let offered = (0..<5).filter { lab.log.contains("DHCPOFFER(s0) 10.98.0.10\($0)") }
    #expect(offered.count == 1, "\(offered)")
    #expect(lab.log.occurrences(of: "DHCPOFFER") == 40 && !lab.log.contains("DHCPACK"))
    let found = try lab.probe("{dhcp: {timeout: 2s, range: 10.98.0.100-10.98.0.104}}")
    #expect(found.status == 0, "\(found)")
    let elsewhere = try lab.probe("{dhcp: {timeout: 2s, range: 10.98.0.7-10.98.0.9}}")
    #expect(elsewhere.output.contains("not of the range expected"), "\(elsewhere)")
    let stranger = try lab.probe("{dhcp: {timeout: 2s, server: 10.98.0.9}}")
    #expect(stranger.output.contains("no offer from 10.98.0.9, but from 10.98.0.1"), "\(stranger)")
  }

  @Test func `a relay agent's question is answered, too`() throws {
    let lab = try DHCPLab()
    try lab.serve("10.98.0.100,10.98.0.101,255.255.255.0,1h")
    let outcome = try lab.probe("{dhcp: {relay: yes, timeout: 2s}}")
    #expect(outcome.status == 0, "\(outcome) \(lab.log)")
  }

  @Test func `without a server nobody offers, and without the right nobody is asked`() throws {
    let lab = try DHCPLab()
    let silent = try lab.probe("{dhcp: {timeout: 1s}}")
    #expect(silent.status == 1 && silent.output.contains("nobody offers"), "\(silent)")
    let denied = try lab.probe("{dhcp: {timeout: 1s}}", user: "nobody")
    #expect(denied.output.contains("not permitted"), "\(denied)")
  }
}
