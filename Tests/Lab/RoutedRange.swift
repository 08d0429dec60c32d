import Foundation

/// A scraper, a gateway and a number of hosts behind it, each in a network namespace of its own.
public final class RoutedRange {
  /// Whether this user may make such namespaces.
  public static let isPossible =
    getuid() == 0 && (try? run("/usr/bin/unshare", ["-n", "/bin/true"]).status) == 0

  public enum Place: Int, Sendable { case scraper, gateway, hosts }

  public static let gateway = "10.96.0.1"
  public let scratch = Scratch()
  /// The addresses of the hosts, all of which are one machine.
  public let addresses: [String]
  private let holders: [Daemon]
  private var daemons: [Daemon] = []

  public init(hosts: Int = 20) throws {
    addresses = (1...hosts).map { "10.96.1.\($0)" }
    let log = "\(scratch.path)/log"
    holders = try (0..<3).map { _ in
      try Daemon("/usr/bin/unshare", ["-n", "/bin/sleep", "300"], log: log)
    }
    let ours = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
    for holder in holders {
      // unshare(1) must have made the namespace before it is entered.
      let path = "/proc/\(holder.identifier)/ns/net"
      _ = eventually {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: path)).map { $0 != ours }
          ?? false
      }
    }
    let pids = holders.map(\.identifier)
    try inside(
      .gateway,
      """
      ip link set lo up; echo 1 > /proc/sys/net/ipv4/ip_forward
      ip link add g0 type veth peer name s0; ip link set s0 netns \(pids[0])
      ip link add g1 type veth peer name h0; ip link set h0 netns \(pids[2])
      ip address add \(Self.gateway)/24 dev g0; ip link set g0 up
      ip address add 10.96.1.254/24 dev g1; ip link set g1 up
      """)
    try inside(
      .scraper,
      """
      ip link set lo up; ip address add 10.96.0.2/24 dev s0; ip link set s0 up
      ip route add default via \(Self.gateway)
      """)
    try inside(
      .hosts,
      "ip link set lo up; ip link set h0 up\n"
        + addresses.map { "ip address add \($0)/24 dev h0" }.joined(separator: "\n")
        + "\nip route add default via 10.96.1.254")
  }

  /// Runs a script of the shell in a namespace.
  @discardableResult
  public func inside(_ place: Place, _ script: String) throws -> Outcome {
    let outcome = try run(
      "/usr/bin/nsenter",
      ["-n", "-t", "\(holders[place.rawValue].identifier)", "/bin/sh", "-e", "-c", script])
    guard outcome.status == 0 else { throw Unavailable(description: "\(script): \(outcome)") }
    return outcome
  }

  /// Runs a program in the scraper's namespace.
  public func scraper(_ program: String, _ arguments: [String]) throws -> Outcome {
    try run(
      "/usr/bin/nsenter",
      ["-n", "-t", "\(holders[0].identifier)", program] + arguments,
      environment: ["USER": NSUserName(), "SSH_AUTH_SOCK": ""])
  }

  /// Starts a program that runs on the hosts as long as they are there.
  public func start(_ place: Place, _ program: String, _ arguments: [String]) throws {
    daemons.append(
      try Daemon(
        "/usr/bin/nsenter",
        ["-n", "-t", "\(holders[place.rawValue].identifier)", program] + arguments,
        log: "\(scratch.path)/daemon"))
  }
}
