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
          profiles: {small: {deadline: 4s, collectors: {mem: {}}}}
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

  @Test func `a cut link is one message, and no host is evaluated`() throws {
    let lab = try Lab()
    try lab.settle()
    let before = try lab.changes().hosts
    try lab.network.inside(.gateway, "ip link set g0 down")
    for _ in 0..<2 {
      let trouble = try lab.trouble()
      #expect(trouble.count == 1, "\(trouble)")
      let words = "the scraper is cut off: no network interface has a carrier and an address"
      #expect(trouble.first?.hasPrefix("critical  (scraper)") == true, "\(trouble)")
      #expect(trouble.first?.contains("\(words); 20 hosts not evaluated") == true, "\(trouble)")
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

  @Test func `hosts that die behind a gateway that answers are down`() throws {
    let lab = try Lab()
    try lab.settle()
    try lab.network.inside(.hosts, "ip link set h0 down")
    let trouble = try lab.trouble()
    #expect(!trouble.contains { $0.contains("(scraper)") }, "\(trouble)")
    #expect(trouble.contains { $0.contains("h[1-20]") && $0.contains("ssh") }, "\(trouble)")
    let changes = try lab.changes().hosts.filter { $0.contains("ssh: ok → critical") }
    #expect(changes.count == Self.count)
  }

  @Test func `a gateway that vanishes behind a living switch is one message`() throws {
    let lab = try Lab()
    try lab.settle()
    let before = try lab.changes().hosts
    try lab.network.inside(.gateway, "ip address del \(RoutedRange.gateway)/24 dev g0")
    let trouble = try lab.trouble()
    #expect(trouble.count == 1, "\(trouble)")
    let words = "gateway 10.96.0.1 does not answer, and no host does; 20 hosts not evaluated"
    #expect(trouble.first?.contains(words) == true, "\(trouble)")
    #expect(try lab.changes().hosts == before)
    // The same in `scrape doctor`, without the hosts.
    let doctor = try lab.scrape("doctor")
    #expect(doctor.output.contains("✗ gateway"), "\(doctor)")
    // An anchor that answers says that it is not the scraper.
    try lab.network.inside(.gateway, "ip address add 10.96.0.9/24 dev g0")
    try lab.network.inside(.hosts, "ip link set h0 down")
    lab.range.scratch.write(
      "inventory/scrape.yml",
      "profiles: {small: {collectors: {mem: {}}}}\nconnect_timeout: 1s\n"
        + "self: {anchors: [10.96.0.9]}\n")
    let evaluated = try lab.trouble()
    #expect(evaluated.contains { $0.contains("h[1-20]") }, "\(evaluated)")
  }

  @Test func `a cut in the middle of a pass is not reported as hosts that are down`() throws {
    let lab = try Lab(
      settings: "fanout: 4", probes: "[{icmp: {count: 5, interval: 100ms, wait: 500ms}}]")
    try lab.settle()
    let before = try lab.changes().hosts
    let network = lab.network
    // At 0.4 s a host, the last are asked after two seconds.
    let cutter = Thread {
      usleep(900_000)
      _ = try? network.inside(.gateway, "ip address del \(RoutedRange.gateway)/24 dev g0")
    }
    cutter.start()
    let outcome = try lab.scrape("run")
    let trouble = outcome.errors.split(separator: "\n").dropFirst()
    #expect(trouble.count == 1 && trouble.first?.contains("(scraper)") == true, "\(outcome)")
    #expect(outcome.errors.contains(" up)") && !outcome.errors.contains("(0 up)"), "\(outcome)")
    #expect(try lab.changes().hosts == before)
    // Half of the hosts, while the rest answers, are down.
    try network.inside(.gateway, "ip address add \(RoutedRange.gateway)/24 dev g0")
    try lab.settle()
    try network.inside(
      .hosts, (11...20).map { "ip address del 10.96.1.\($0)/24 dev h0" }.joined(separator: "\n"))
    let down = try lab.trouble()
    #expect(down.contains { $0.contains("h[11-20]") }, "\(down)")
    #expect(!down.contains { $0.contains("(scraper)") }, "\(down)")
  }

  @Test func `without a route nobody is down, and without the watch all are`() throws {
    let lab = try Lab()
    try lab.settle()
    try lab.network.inside(.scraper, "ip route del default")
    let trouble = try lab.trouble()
    #expect(trouble.count == 1 && trouble[0].contains("there is no route"), "\(trouble)")
    lab.range.scratch.write(
      "inventory/scrape.yml", "profiles: {small: {collectors: {mem: {}}}}\nself: off\n")
    #expect(try lab.trouble().contains { $0.contains("h[1-20]") && $0.contains("unreachable") })
    // What is watched no more is no trouble.
    #expect(!(try lab.scrape("status").output.contains("(scraper)")))
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/sbin/nft")))
  func `a gateway that filters pings is found by its hardware address`() throws {
    let lab = try Lab()
    try lab.network.inside(
      .gateway,
      """
      nft add table inet t
      nft add chain inet t in '{ type filter hook input priority 0; }'
      nft add rule inet t in icmp type echo-request drop
      """)
    try lab.settle()
    // Nobody waits for its answer because of a host that is down.
    func quickest() throws -> Duration {
      let clock = ContinuousClock()
      return try (0..<3).map { _ in try clock.measure { _ = try lab.scrape("run") } }.min() ?? .zero
    }
    let well = try quickest()
    try lab.network.inside(.scraper, "ip route add unreachable 10.96.1.20")
    let withOneDown = try quickest()
    #expect(withOneDown < well + .seconds(1), "\(well), \(withOneDown)")
    try lab.network.inside(.scraper, "ip route del unreachable 10.96.1.20")
    try lab.settle()
    try lab.network.inside(.hosts, "ip link set h0 down")
    #expect(try lab.trouble().contains { $0.contains("h[1-20]") })
    try lab.network.inside(.hosts, "ip link set h0 up; ip route replace default via 10.96.1.254")
    try lab.settle()
    // Time takes a dead neighbour out of the table; here it is done by hand.
    try lab.network.inside(.gateway, "ip address del \(RoutedRange.gateway)/24 dev g0")
    try lab.network.inside(.scraper, "ip neigh flush all")
    let trouble = try lab.trouble()
    #expect(trouble.count == 1 && trouble[0].contains("gateway 10.96.0.1"), "\(trouble)")
  }

  @Test func `a gateway that never answered proves nothing`() throws {
    let lab = try Lab(settings: "self: {gateway: 10.96.0.77}")
    try lab.settle()
    try lab.network.inside(.hosts, "ip link set h0 down")
    #expect(try lab.trouble().contains { $0.contains("h[1-20]") })
  }

  @Test func `an own address of the scraper's is not beyond it`() throws {
    let lab = try Lab()
    lab.range.scratch.write(
      "inventory/own.yml",
      "all: {hosts: {me: {connection: local, address: 10.96.0.2, probes: [icmp]}}}\n")
    try lab.settle()
    try lab.network.inside(.gateway, "ip address del \(RoutedRange.gateway)/24 dev g0")
    // It answers itself all the same.
    let trouble = try lab.trouble()
    #expect(trouble.count == 1 && trouble[0].contains("20 hosts not evaluated"), "\(trouble)")
  }

  @Test(.enabled(if: Sshd.canHaveAccounts, "needs a mount namespace of its own"))
  func `name servers that do not answer are not held against those who have names`() throws {
    let lab = try Lab(settings: "self: {gateway: off}")
    try lab.settle()
    lab.range.scratch.write("resolv.conf", "nameserver 10.96.0.1\n")
    let hosts = (1...3).map { "n\($0): {address: n\($0).range.test}" }.joined(separator: ", ")
    lab.range.scratch.write(
      "inventory/named.yml",
      "all: {children: {named: {hosts: {\(hosts)}, vars: {probes: []}}}}\n")
    // The gateway refuses at once what it does not serve, and drops it in the second pass.
    let command =
      "mount --bind \(lab.range.scratch.path)/resolv.conf /etc/resolv.conf && exec "
      + "\(Scrape.program) run --limit named --inventory \(lab.range.inventory) "
      + "--store \(lab.range.store)"
    let outcome = try lab.network.scraper("/usr/bin/unshare", ["-m", "/bin/sh", "-c", command])
    let trouble = outcome.errors.split(separator: "\n").dropFirst().map(String.init)
    #expect(trouble.count == 1 && trouble[0].contains("(scraper)"), "\(outcome)")
    #expect(trouble.first?.contains("no answer from 10.96.0.1") == true, "\(outcome)")
    #expect(trouble.first?.contains("3 hosts not evaluated") == true, "\(outcome)")
    #expect(!(try lab.changes().hosts.contains { $0.contains("n1") }))
  }

  @Test(arguments: [
    ("self: {gateway: router}", "not an address in numbers"),
    ("self: {resolver: maybe}", "possible: auto, off"), ("self: {gatway: off}", "\"gateway\""),
    ("self: {deadman: {every: 1m}}", "deadman has no url"),
    ("self: {deadman: {url: \"ftp://x/y\"}}", "none of http"),
  ])
  func `faults are reported at their place`(settings: String, problem: String) throws {
    let range = Range(
      hosts: "all: {hosts: {me: {connection: local}}}\n", settings: settings + "\n")
    let outcome = try range.scrape("lint")
    #expect(outcome.status == 2 && outcome.errors.contains(problem), "\(outcome.errors)")
    #expect(outcome.errors.contains("scrape.yml:1"))
  }
}
