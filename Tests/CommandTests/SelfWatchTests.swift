import Foundation
import Lab
import Testing

/// The scraper, cut off in namespaces of its own: the real command, real hosts, a real gateway.
@Suite(.serialized, .enabled(if: RoutedRange.isPossible), .timeLimit(.minutes(3)))
struct SelfWatchTests {
  private static let count = 20

  /// A range with its inventory: each host is asked over SSH and pinged.
  private final class Lab {
    let network: RoutedRange
    let range: Range

    init(settings: String = "", probes: String = "[{icmp: {count: 1, wait: 500ms}}]") throws {
      network = try RoutedRange(hosts: count)
      let scratch = network.scratch
      let folder = scratch.path
      for name in ["host", "user"] {
        try run(
          "/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", "\(folder)/\(name)"])
      }
      scratch.write("authorized_keys", scratch.read("user.pub") ?? "")
      scratch.write(
        "config",
        """
        Port 22
        HostKey \(folder)/host
        AuthorizedKeysFile \(folder)/authorized_keys
        StrictModes no
        PermitRootLogin yes
        PidFile none
        UsePAM no
        MaxStartups 500:30:1000
        SetEnv HOME=\(folder)

        """)
      let key = (scratch.read("host.pub") ?? "").split(separator: " ").prefix(2)
      scratch.write(
        "known_hosts",
        "\(network.addresses.joined(separator: ",")) \(key.joined(separator: " "))\n")
      try? FileManager.default.createDirectory(
        atPath: "/run/sshd", withIntermediateDirectories: true)
      try network.start(.hosts, "/usr/sbin/sshd", ["-D", "-e", "-f", "\(folder)/config"])
      let hosts = network.addresses.enumerated().map { "    h\($0 + 1): {address: \($1)}\n" }
      range = Range(
        hosts: """
          all:
            vars:
              user: \(NSUserName())
              key: \(folder)/user
              known_hosts: \(folder)/known_hosts
              profile: small
              probes: \(probes)
            hosts:
          \(hosts.joined())
          """,
        settings: """
          profiles: {small: {collectors: {mem: {}}}}
          connect_timeout: 1s
          rules: {lost: {when: scrape.up, critical: "< 1"}}
          \(settings)

          """)
      _ = eventually {
        (try? network.inside(.hosts, "ss -Hltn sport = :22").output.contains(":22")) == true
      }
    }

    @discardableResult
    func scrape(_ words: String...) throws -> Outcome {
      try network.scraper(
        Scrape.program, words + ["--inventory", range.inventory, "--store", range.store])
    }

    /// The lines of trouble of a pass, one for each kind.
    func trouble() throws -> [String] {
      try scrape("run").errors.split(separator: "\n").dropFirst().map(String.init)
    }

    /// What has changed in the states of hosts, the newest first.
    func changes() throws -> (hosts: [String], scraper: [String]) {
      let lines = try scrape("status", "--history").output.split(separator: "\n").map(String.init)
      return (
        lines.filter { !$0.contains("(scraper)") }, lines.filter { $0.contains("(scraper)") }
      )
    }

    /// Passes until all is well: links take a moment to come up.
    func settle() throws {
      let isWell = eventually(within: 20) { (try? scrape("run").status) == 0 }
      guard isWell else { throw Unavailable(description: "\(try scrape("run"))") }
    }
  }

  @Test func `a cut link is one message, and no host is judged`() throws {
    let lab = try Lab()
    try lab.settle()
    let before = try lab.changes().hosts
    try lab.network.inside(.gateway, "ip link set g0 down")
    for _ in 0..<2 {
      let trouble = try lab.trouble()
      #expect(trouble.count == 1, "\(trouble)")
      let words = "the scraper is cut off: no network interface has a carrier and an address"
      #expect(trouble.first?.hasPrefix("critical  (scraper)") == true, "\(trouble)")
      #expect(trouble.first?.contains("\(words); 20 hosts not judged") == true, "\(trouble)")
    }
    let status = try lab.scrape("status")
    let lines = status.output.split(separator: "\n")
    #expect(status.status == 1 && lines.count == 2, "\(status)")
    #expect(lines.last?.contains("(scraper)  network") == true, "\(status)")
    // Suppressed are messages, never data.
    let seen = try lab.scrape("status", "h3", "--json").output
    #expect(seen.contains(#""state":"ok""#) && seen.contains(#""up":false"#), "\(seen)")
    let points = Line.all(try lab.scrape("run", "--stdout").output)
    let up = points.filter { $0.measurement == "scrape" && $0.fields["up"] == "0i" }
    #expect(up.count == Self.count)
    let summary = points.first { $0.measurement == "service_summary" && $0.tags["scope"] == "all" }
    #expect(summary?.fields["unknown"] == "20i", "\(String(describing: summary))")
    try lab.network.inside(.gateway, "ip link set g0 up")
    try lab.settle()
    let after = try lab.changes()
    #expect(after.hosts == before)
    #expect(after.scraper.count == 2, "\(after.scraper)")
    #expect(after.scraper.first?.contains("network: critical → ok") == true)
    #expect(try lab.scrape("status").status == 0)
  }
}
