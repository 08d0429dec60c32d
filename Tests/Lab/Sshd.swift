import Foundation

/// A real OpenSSH server on loopback with throw-away keys.
public final class Sshd: Sendable {
  public let scratch = Scratch()
  public let port: UInt16
  public let addresses: [String]
  public let daemon: Daemon
  private let configuration: String

  /// The private key that may log in, Ed25519 in OpenSSH's format.
  public var key: String { "\(scratch.path)/user" }
  public var knownHosts: String { "\(scratch.path)/known_hosts" }
  public var log: String { scratch.read("log") ?? "" }

  /// Starts a server; `options` are lines of sshd_config(5). It takes at most 16 addresses.
  ///
  /// With `namespace` it runs in the network namespace of that process. With `wrapper` the server runs under `unshare -m sh -c`, after these commands.
  public init(
    addresses: [String] = ["127.0.0.1"], port: UInt16 = freePort(), options: [String] = [],
    hostKeys: [String] = ["ed25519"], wrapper: String? = nil, namespace: Int32? = nil
  ) throws {
    self.port = port
    self.addresses = addresses
    let folder = scratch.path
    for type in hostKeys {
      try run("/usr/bin/ssh-keygen", ["-q", "-t", type, "-N", "", "-f", "\(folder)/host_\(type)"])
    }
    try run("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", "\(folder)/user"])
    scratch.write("authorized_keys", scratch.read("user.pub") ?? "")
    configuration =
      (addresses.map { "ListenAddress \($0):\(port)" }
      + hostKeys.map { "HostKey \(folder)/host_\($0)" } + options + [
        "AuthorizedKeysFile \(folder)/authorized_keys", "StrictModes no", "PermitRootLogin yes",
        "PidFile none", "UsePAM no", "LogLevel VERBOSE",
        // The last of several MaxStartups lines counts.
        options.first { $0.hasPrefix("MaxStartups") } ?? "MaxStartups 500:30:1000",
        "PrintMotd no", "PrintLastLog no",
        // Debian's bash reads ~/.bashrc for every command over SSH, and this user's may do a lot.
        "SetEnv HOME=\(folder)",
      ]).joined(separator: "\n") + "\n"
    scratch.write("config", configuration)
    try? FileManager.default.createDirectory(
      atPath: "/run/sshd", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755]
    )
    let command = ["/usr/sbin/sshd", "-D", "-e", "-f", "\(folder)/config"]
    if let wrapper {
      daemon = try Daemon(
        "/usr/bin/unshare",
        ["-m", "/bin/sh", "-c", "\(wrapper)\nexec \(command.joined(separator: " "))"],
        log: "\(folder)/log")
    } else if let namespace {
      daemon = try Daemon(
        "/usr/bin/nsenter", ["-n", "-t", "\(namespace)"] + command, log: "\(folder)/log")
    } else {
      daemon = try Daemon(command[0], Array(command.dropFirst()), log: "\(folder)/log")
    }
    let scratch = scratch
    let started = eventually {
      namespace != nil && scratch.read("log")?.contains("Server listening") == true
        || listens(port, at: addresses.last ?? "127.0.0.1") || !daemon.isRunning
    }
    guard started, daemon.isRunning else {
      throw Unavailable(description: "sshd did not start: \(log)")
    }
    scratch.write("known_hosts", knownHostsLines())
  }

  /// A `known_hosts` text for all the server's addresses and host keys.
  public func knownHostsLines() -> String {
    let names = addresses.map { port == 22 ? $0 : "[\($0)]:\(port)" }.joined(separator: ",")
    let keys = (try? FileManager.default.contentsOfDirectory(atPath: scratch.path)) ?? []
    return keys.filter { $0.hasPrefix("host_") && $0.hasSuffix(".pub") }.sorted().map { file in
      let fields = (scratch.read(file) ?? "").split(separator: " ")
      return "\(names) \(fields[0]) \(fields[1])\n"
    }.joined()
  }

  /// Whether a wrapper may bind other files over /etc/passwd and /etc/shadow for a server.
  public static let canHaveAccounts =
    getuid() == 0 && (try? run("/usr/bin/unshare", ["-m", "/bin/true"]).status) == 0

  /// Starts it again, with its own host keys or with a new one in place of its Ed25519 key.
  public func restart(stranger: Bool = false) throws {
    let other = "\(scratch.path)/other"
    if stranger, scratch.read("other") == nil {
      try run("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", other])
    }
    let own = "\(scratch.path)/host_ed25519"
    scratch.write(
      "config",
      stranger ? configuration.replacing("HostKey \(own)", with: "HostKey \(other)") : configuration
    )
    try daemon.restart()
    guard eventually({ listens(port, at: addresses[0]) || !daemon.isRunning }), daemon.isRunning
    else { throw Unavailable(description: "sshd did not start again: \(log)") }
  }

  /// Kills the processes of all sessions, and not the server.
  public func killSessions() { signalSessions(SIGKILL) }

  /// Sends a signal to the processes of all sessions, and not to the server.
  public func signalSessions(_ signal: Int32) {
    func children(of process: Int32) -> [Int32] {
      let list = try? String(
        contentsOfFile: "/proc/\(process)/task/\(process)/children", encoding: .utf8)
      let own = (list ?? "").split(separator: " ").compactMap { Int32($0) }
      return own + own.flatMap(children)
    }
    for child in children(of: daemon.identifier) { kill(child, signal) }
  }

  public func stop(_ signal: Int32 = SIGKILL) { daemon.stop(signal) }
  public var identifier: Int32 { daemon.identifier }
}
