import Foundation

/// A mount namespace with copies of /etc and /var/lib, in which accounts may be made, and an sshd with the
/// settings of Debian. Nothing of it is left on this machine.
public final class AccountRoom: Sendable {
  /// Whether this user may make such namespaces.
  public static let isPossible = Sshd.canHaveAccounts

  public let scratch = Scratch()
  public let port = freePort()
  public let address: String
  private let holder: Daemon
  private let server: Daemon

  public var key: String { "\(scratch.path)/user" }
  public var publicKey: String {
    (scratch.read("user.pub") ?? "").split(separator: " ").prefix(2).joined(separator: " ")
  }
  public var log: String { scratch.read("log") ?? "" }
  /// The process whose namespace it is.
  public var identifier: Int32 { holder.identifier }
  public var knownHosts: String { "\(scratch.path)/known_hosts" }

  /// `shell` takes the place of /bin/sh in the room; `keyType` is that of the monitor's key.
  public init(
    address: String = "127.0.0.1", shell: String? = nil, keyType: String = "ed25519",
    options: [String] = []
  ) throws {
    self.address = address
    let folder = scratch.path
    for (name, type) in [("host", "ed25519"), ("user", keyType), ("other", "ed25519")] {
      try run(
        "/usr/bin/ssh-keygen", ["-q", "-t", type, "-N", "", "-f", "\(folder)/\(name)"])
    }
    scratch.write(
      "config",
      ([
        "ListenAddress \(address):\(port)", "HostKey \(folder)/host", "PidFile none", "UsePAM no",
        "LogLevel VERBOSE", "PrintMotd no", "MaxStartups 100:30:200", "X11Forwarding yes",
        "AcceptEnv LANG LC_*", "Subsystem sftp /usr/lib/openssh/sftp-server",
      ] + options).joined(separator: "\n") + "\n")
    let hostKey = (scratch.read("host.pub") ?? "").split(separator: " ").prefix(2)
    scratch.write(
      "known_hosts", "[\(address)]:\(port) \(hostKey.joined(separator: " "))\n")
    try? FileManager.default.createDirectory(
      atPath: "/run/sshd", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755]
    )
    let shellMount = shell.map { "mount --bind \($0) /bin/sh\n" } ?? ""
    holder = try Daemon(
      "/usr/bin/unshare",
      [
        "-m", "/bin/bash", "-e", "-c",
        """
        mkdir \(folder)/room
        mount -t tmpfs none \(folder)/room
        cp -a /etc \(folder)/room/etc
        mkdir \(folder)/room/lib
        mount --bind \(folder)/room/etc /etc
        mount --bind \(folder)/room/lib /var/lib
        mount -t tmpfs none /run
        mkdir /run/sshd
        \(shellMount)echo ready > \(folder)/ready
        exec sleep 900
        """,
      ], log: "\(folder)/holder")
    let path = folder
    guard
      eventually(within: 20, { FileManager.default.fileExists(atPath: "\(path)/ready") })
    else { throw Unavailable(description: "no namespace: \(scratch.read("holder") ?? "")") }
    server = try Daemon(
      "/usr/bin/nsenter",
      [
        "-m", "-t", "\(holder.identifier)", "/usr/sbin/sshd", "-D", "-e", "-f",
        "\(folder)/config",
      ], log: "\(folder)/log")
    let (port, server) = (port, server)
    guard eventually({ listens(port, at: address) || !server.isRunning }), server.isRunning else {
      throw Unavailable(description: "sshd did not start: \(scratch.read("log") ?? "")")
    }
  }

  /// Runs a program in the room, as root.
  public func inside(
    _ program: String, _ arguments: [String], input: String? = nil, timeout: TimeInterval = 60
  ) throws -> Outcome {
    try run(
      "/usr/bin/nsenter", ["-m", "-t", "\(holder.identifier)", program] + arguments, input: input,
      timeout: timeout)
  }

  /// Runs a script of the shell in the room, as root.
  public func sh(_ script: String) throws -> Outcome { try inside("/bin/bash", ["-c", script]) }

  /// ssh(1) as that account, with further arguments.
  public func ssh(
    _ account: String, _ arguments: [String], key: String? = nil, input: String? = "",
    timeout: TimeInterval = 30
  ) throws -> Outcome {
    try run(
      "/usr/bin/ssh",
      [
        "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=\(knownHosts)", "-o",
        "IdentitiesOnly=yes", "-i", key ?? self.key, "-p", "\(port)", "-l", account, address,
      ] + arguments, environment: ["SSH_AUTH_SOCK": ""], input: input, timeout: timeout)
  }

  /// The inventory of one host, `web1`, with these further variables.
  public func hosts(_ name: String = "web1", account: String = "monitor", _ more: String = "")
    -> String
  {
    """
    all:
      hosts:
        \(name): {address: \(address), port: \(port), user: \(account), key: \(key),
          known_hosts: \(knownHosts), profile: p\(more.isEmpty ? "" : ", \(more)")}

    """
  }
}
