import CLab
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

  /// What else there is to it.
  public struct Options: Sendable {
    /// Each host has an SSH server and a host key of its own; else one serves all hosts of a segment.
    public var isEachApart = false
    /// Jump hosts have a root that nobody can write to, empty folders for temporary files, nothing of this
    /// tests' own, and keep a record of commands and of what these read and write.
    public var isSealed = false
    /// The password of root for the hosts of a segment, which then take no keys.
    public var passwords: [String: String] = [:]
    /// Further addresses of each segment, for BMCs.
    public var further: [String] = []

    public init() {}
  }

  public let scratch = Scratch()
  public let options: Options
  public private(set) var nodes: [Node] = []
  private var holders: [String: Daemon] = [:]
  private var servers: [String: [Daemon]] = [:]
  /// Those that show another host key than their own.
  private var strangers: Set<String> = []

  public var key: String { "\(scratch.path)/user" }
  public var knownHosts: String { scratch.read("known_hosts") ?? "" }
  public static let jumpHosts = ["jp1", "jp2", "jp11", "jp12", "jp21", "jp22"]

  public init(hosts: Int = 15, _ options: Options = Options()) throws {
    self.options = options
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
    for node in nodes { try waitUntilListening(node) }
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
    let addresses = node.isHosts ? node.addresses + options.further : [node.address]
    try inside(
      node.name,
      "echo 0 > /proc/sys/net/ipv4/ip_forward\nip link set lo up; ip link set u0 up\n"
        + addresses.map { "ip address add \($0)/24 dev u0" }.joined(separator: "\n"))
    nodes.append(node)
    try start(node)
  }

  /// What the SSH servers of a node are called, with the addresses of each; one takes at most 16 addresses.
  private func parts(of node: Node) -> [(name: String, addresses: [String])] {
    guard node.isHosts else { return [(node.name, [node.address])] }
    guard options.isEachApart else { return [(node.name, node.addresses)] }
    return node.addresses.indices.map { ("\(node.name)-\($0 + 1)", [node.addresses[$0]]) }
  }

  private func start(_ node: Node) throws {
    servers[node.name] = try parts(of: node).map { part in
      try start(part.name, at: part.addresses, node)
    }
  }

  private func start(_ name: String, at addresses: [String], _ node: Node) throws -> Daemon {
    // A jump host that is sealed sees nothing but this folder.
    let isSealed = options.isSealed && !node.isHosts
    let folder = isSealed ? "\(name)/" : ""
    let hostKey = "\(name).\(strangers.contains(node.name) ? "stranger" : "host")"
    if scratch.read(folder + hostKey) == nil {
      scratch.write("\(folder)authorized_keys", scratch.read("user.pub") ?? "")
      try run(
        "/usr/bin/ssh-keygen",
        ["-q", "-t", "ed25519", "-N", "", "-f", "\(scratch.path)/\(folder)\(hostKey)"])
    }
    let seen = isSealed ? "/mnt" : scratch.path
    let password = options.passwords[node.name]
    let log = "\(scratch.path)/\(node.name).log"
    scratch.write(
      "\(folder)\(name).config",
      (addresses.map { "ListenAddress \($0)" } + [
        "HostKey \(seen)/\(hostKey)", "AuthorizedKeysFile \(seen)/authorized_keys",
        "StrictModes no", "PermitRootLogin yes", "PidFile none", "UsePAM no",
        "LogLevel \(isSealed ? "DEBUG1" : "VERBOSE")",
        "MaxStartups 500:30:1000", "PrintMotd no", "PrintLastLog no",
        "SetEnv HOME=\(isSealed ? "/tmp" : scratch.path)",
        "PubkeyAuthentication \(password == nil ? "yes" : "no")",
        isSealed ? "ForceCommand \(seen)/record" : "",
      ]).joined(separator: "\n") + "\n")
    let command = "/usr/sbin/sshd -D -e -f \(seen)/\(name).config"
    var words = ["-n", "-t", "\(holders[node.name]?.identifier ?? 0)"]
    var preparation = ""
    if isSealed {
      try? FileManager.default.createDirectory(
        atPath: "\(scratch.path)/\(name)/records", withIntermediateDirectories: true)
      scratch.write(
        "\(name)/record",
        """
        #!/bin/bash
        printf '%s\\n' "$SSH_ORIGINAL_COMMAND" > /mnt/records/command.$$
        exec /bin/sh -c "$SSH_ORIGINAL_COMMAND" \\
          < <(exec tee /mnt/records/in.$$ 2> /dev/null) > >(exec tee /mnt/records/out.$$)
        """, mode: 0o755)
      preparation = """
        mount --bind \(scratch.path)/\(name) /mnt
        mount -o remount,bind,ro /
        for folder in \(Self.temporary.joined(separator: " ")); do mount -t tmpfs none $folder; done
        """
    } else if let password {
      let hash = try run("/usr/bin/openssl", ["passwd", "-5", password]).output
      scratch.write(
        "\(node.name).passwd",
        "root:x:0:0:root:/root:/bin/sh\nsshd:x:101:65534::/run/sshd:/bin/false\n", mode: 0o644)
      scratch.write(
        "\(node.name).shadow",
        "root:\(hash.trimmingCharacters(in: .whitespacesAndNewlines)):19000:0:99999:7:::\n"
          + "sshd:*:19000::::::\n")
      preparation = """
        mount --bind \(scratch.path)/\(node.name).passwd /etc/passwd
        mount --bind \(scratch.path)/\(node.name).shadow /etc/shadow
        """
    }
    words +=
      preparation.isEmpty
      ? command.split(separator: " ").map(String.init)
      : ["/usr/bin/unshare", "-m", "/bin/sh", "-e", "-c", "\(preparation)\nexec \(command)"]
    return try Daemon("/usr/bin/nsenter", words, log: log)
  }

  /// The folders of a sealed jump host that can be written to.
  public static let temporary = ["/tmp", "/var/tmp", "/dev/shm"]

  private func waitUntilListening(_ node: Node) throws {
    let listening = eventually(within: 30) {
      let log = log(of: node.name)
      return parts(of: node).allSatisfy {
        log.contains("Server listening on \($0.addresses.last ?? "") ")
      }
    }
    guard listening else { throw Unavailable(description: log(of: node.name)) }
  }

  private func line(of node: Node) throws -> String {
    let isSealed = options.isSealed && !node.isHosts
    func key(_ name: String) -> String {
      let file = isSealed ? "\(name)/\(name)" : name
      return (scratch.read("\(file).host.pub") ?? "").split(separator: " ").prefix(2)
        .joined(separator: " ")
    }
    guard node.isHosts else { return "\(node.address) \(key(node.name))\n" }
    let names = node.addresses.indices.map { "\(node.name)-\($0 + 1)" }
    guard options.isEachApart else {
      return "\(names.joined(separator: ",")) \(key(node.name))\n"
    }
    return names.map { "\($0) \(key($0))\n" }.joined()
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

  /// Calls the body on a thread in a namespace: the sockets and processes that it makes belong there.
  public func within<Value>(_ place: String, _ body: @escaping () throws -> Value) throws -> Value {
    // The calling thread waits, and takes the result after the other has ended.
    nonisolated(unsafe) let body = body
    nonisolated(unsafe) var result: Result<Value, any Error>?
    let ended = DispatchSemaphore(value: 0)
    let process = holders[place]?.identifier ?? 0
    let thread = Thread {
      defer { ended.signal() }
      result = Result {
        guard lab_enter_network(process) == 0 else {
          throw Unavailable(description: "setns: \(String(cString: strerror(errno)))")
        }
        return try body()
      }
    }
    thread.stackSize = 1 << 20
    thread.start()
    ended.wait()
    guard let result else { throw Unavailable(description: "no thread") }
    return try result.get()
  }

  /// The files of a sealed jump host that are not the tests' own.
  public func leftovers(of node: String) -> [String] {
    guard let server = servers[node]?.first else { return [] }
    return Self.temporary.flatMap { folder in
      let path = "/proc/\(server.identifier)/root\(folder)"
      return (try? FileManager.default.subpathsOfDirectory(atPath: path))?.map { "\(folder)/\($0)" }
        ?? ["\(folder) cannot be read"]
    }
  }

  /// What commands on a sealed jump host were, read and wrote, of each one after the other.
  public func records(of node: String) -> [[UInt8]] {
    let folder = "\(scratch.path)/\(node)/records"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.sorted().compactMap { FileManager.default.contents(atPath: "\(folder)/\($0)") }
      .map(Array.init)
  }

  /// The arguments and the environments of all processes of these nodes at this moment.
  public func words(of nodes: [String]) -> Set<Data> {
    let files = FileManager.default
    let spaces = Set(
      nodes.compactMap { holders[$0]?.identifier }.compactMap {
        try? files.destinationOfSymbolicLink(atPath: "/proc/\($0)/ns/net")
      })
    let all = (try? files.contentsOfDirectory(atPath: "/proc")) ?? []
    var found: Set<Data> = []
    for process in all where Int32(process) != nil {
      guard let space = try? files.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/net"),
        spaces.contains(space)
      else { continue }
      for name in ["cmdline", "environ"] {
        if let words = files.contents(atPath: "/proc/\(process)/\(name)") { found.insert(words) }
      }
    }
    return found
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
    log(of: node).occurrences(of: "Accepted publickey")
  }

  /// Ends a server and all its sessions.
  public func kill(_ node: String) {
    for server in servers[node] ?? [] {
      let children = "/proc/\(server.identifier)/task/\(server.identifier)/children"
      let list = (try? String(contentsOfFile: children, encoding: .utf8)) ?? ""
      for child in list.split(separator: " ").compactMap({ Int32($0) }) {
        Foundation.kill(child, SIGKILL)
      }
      server.stop(SIGKILL)
    }
  }

  /// Pulls the cable of a node: packets to and from it are dropped.
  public func unplug(_ node: String) throws { try inside(node, "ip link set u0 down") }

  /// Starts a server that was killed, with its own host key or with a new one.
  public func revive(_ node: String, isStranger: Bool = false) throws {
    guard let found = nodes.first(where: { $0.name == node }) else { return }
    if isStranger { strangers.insert(node) } else { strangers.remove(node) }
    // The log begins anew: what it says of listening must be of this server.
    try? FileManager.default.removeItem(atPath: "\(scratch.path)/\(node).log")
    try start(found)
    try waitUntilListening(found)
  }
}
