import Foundation

/// A range of segments without routes between them: a centre, jump hosts in two levels, and hosts behind
/// the second. Each is a network namespace of its own with real SSH servers.
///
///     centre ─ jp1 ┬ jp11 ─ hosts        centre ─ jp2 ┬ jp21 ─ hosts
///                  └ jp12 ─ hosts                     └ jp22 ─ hosts
///
/// No namespace forwards packets, so that nothing but a jump host can carry anything on.
public final class Segments: @unchecked Sendable {
  /// Whether this user may make such namespaces.
  public static var isPossible: Bool { RoutedRange.isPossible }

  /// A namespace with a server.
  public struct Node: Sendable {
    public var name: String
    /// Nil for a jump host of the first level.
    public var parent: String?
    /// The address towards the parent, where the server listens.
    public var address: String
    public var isHosts = false
    /// The addresses of the hosts, where it holds hosts.
    public var addresses: [String] = []
  }

  public let scratch = Scratch()
  public private(set) var nodes: [Node] = []
  private var holders: [String: Daemon] = [:]
  private var servers: [String: Daemon] = [:]

  public var key: String { "\(scratch.path)/user" }
  public var knownHosts: String { scratch.read("known_hosts") ?? "" }

  public init(hosts: Int = 15) throws {
    try run("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key])
    scratch.write("authorized_keys", scratch.read("user.pub") ?? "")
    try? FileManager.default.createDirectory(
      atPath: "/run/sshd", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755]
    )
    holders["centre"] = try holder()
    try inside("centre", "ip link set lo up")
    for outer in 1...2 {
      try add(
        Node(name: "jp\(outer)", address: "10.97.\(outer).2"), to: "centre", "10.97.\(outer).1")
      for inner in 1...2 {
        let jump = "jp\(outer)\(inner)"
        try add(
          Node(name: jump, parent: "jp\(outer)", address: "10.97.\(outer)\(inner).2"),
          to: "jp\(outer)", "10.97.\(outer)\(inner).1")
        // The same addresses behind every jump host: segments are often copies of one another.
        let addresses = (1...hosts).map { "10.98.0.\($0)" }
        try add(
          Node(
            name: "hosts\(outer)\(inner)", parent: jump, address: addresses[0], isHosts: true,
            addresses: addresses), to: jump, "10.98.0.254")
      }
    }
    scratch.write("known_hosts", try nodes.map(line).joined())
  }

  private func holder() throws -> Daemon {
    let holder = try Daemon(
      "/usr/bin/unshare", ["-n", "/bin/sleep", "600"], log: "\(scratch.path)/holders")
    let ours = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
    let path = "/proc/\(holder.identifier)/ns/net"
    _ = eventually {
      (try? FileManager.default.destinationOfSymbolicLink(atPath: path)).map { $0 != ours } ?? false
    }
    return holder
  }

  private func add(_ node: Node, to parent: String, _ near: String) throws {
    let holder = try holder()
    holders[node.name] = holder
    let link = "l\(nodes.count)"
    try inside(
      parent,
      """
      ip link add \(link) type veth peer name u0 netns \(holder.identifier)
      ip address add \(near)/24 dev \(link); ip link set \(link) up
      """)
    let addresses = node.isHosts ? node.addresses : [node.address]
    try inside(
      node.name,
      "echo 0 > /proc/sys/net/ipv4/ip_forward\nip link set lo up; ip link set u0 up\n"
        + addresses.map { "ip address add \($0)/24 dev u0" }.joined(separator: "\n"))
    nodes.append(node)
    try start(node)
  }

  /// Starts the server of a node; one takes at most 16 addresses.
  private func start(_ node: Node) throws {
    let file = "\(scratch.path)/\(node.name)"
    if scratch.read("\(node.name).host") == nil {
      try run(
        "/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", "\(file).host"])
    }
    let addresses = node.isHosts ? node.addresses : [node.address]
    scratch.write(
      "\(node.name).config",
      (addresses.map { "ListenAddress \($0)" } + [
        "HostKey \(file).host", "AuthorizedKeysFile \(scratch.path)/authorized_keys",
        "StrictModes no", "PermitRootLogin yes", "PidFile none", "UsePAM no", "LogLevel VERBOSE",
        "MaxStartups 500:30:1000", "PrintMotd no", "PrintLastLog no",
        "SetEnv HOME=\(scratch.path)",
      ]).joined(separator: "\n") + "\n")
    servers[node.name] = try Daemon(
      "/usr/bin/nsenter",
      [
        "-n", "-t", "\(holders[node.name]?.identifier ?? 0)", "/usr/sbin/sshd", "-D", "-e", "-f",
        "\(file).config",
      ], log: "\(file).log")
    let listening = eventually {
      log(of: node.name).contains("Server listening on \(addresses.last ?? "")")
    }
    guard listening else { throw Unavailable(description: log(of: node.name)) }
  }

  private func line(of node: Node) throws -> String {
    let key = (scratch.read("\(node.name).host.pub") ?? "").split(separator: " ").prefix(2)
    let names =
      node.isHosts
      ? node.addresses.indices.map { "\(node.name)-\($0 + 1)" } : [node.address]
    return "\(names.joined(separator: ",")) \(key.joined(separator: " "))\n"
  }

  /// Runs a script of the shell in a namespace.
  @discardableResult
  public func inside(_ place: String, _ script: String) throws -> Outcome {
    let outcome = try run(
      "/usr/bin/nsenter",
      ["-n", "-t", "\(holders[place]?.identifier ?? 0)", "/bin/sh", "-e", "-c", script])
    guard outcome.status == 0 else { throw Unavailable(description: "\(script): \(outcome)") }
    return outcome
  }

  /// Runs a program in the centre's namespace.
  public func centre(
    _ program: String, _ arguments: [String], timeout: TimeInterval = 90
  ) throws -> Outcome {
    try run(
      "/usr/bin/nsenter",
      ["-n", "-t", "\(holders["centre"]?.identifier ?? 0)", program] + arguments,
      environment: ["USER": NSUserName(), "SSH_AUTH_SOCK": ""], timeout: timeout)
  }

  public func log(of node: String) -> String { scratch.read("\(node).log") ?? "" }

  /// Where the connections to a server came from.
  public func origins(of node: String) -> Set<String> {
    Set(
      log(of: node).components(separatedBy: "Connection from ").dropFirst().compactMap {
        $0.split(separator: " ").first.map(String.init)
      })
  }

  public func logIns(at node: String) -> Int {
    log(of: node).components(separatedBy: "Accepted publickey").count - 1
  }

  /// Ends a server and all its sessions.
  public func kill(_ node: String) {
    guard let server = servers[node] else { return }
    let children = "/proc/\(server.identifier)/task/\(server.identifier)/children"
    let list = (try? String(contentsOfFile: children, encoding: .utf8)) ?? ""
    for child in list.split(separator: " ").compactMap({ Int32($0) }) {
      Foundation.kill(child, SIGKILL)
    }
    server.stop(SIGKILL)
  }

  /// Pulls the cable of a node: packets to and from it are dropped.
  public func unplug(_ node: String) throws { try inside(node, "ip link set u0 down") }

  /// Starts a server that was killed.
  public func revive(_ node: String) throws {
    if let found = nodes.first(where: { $0.name == node }) { try start(found) }
  }
}
