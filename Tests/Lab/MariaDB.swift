import Foundation

/// A real mariadbd with a folder of its own; `root` has no password.
///
/// It listens on loopback, or on an address of a network namespace of its own: to 127.0.0.1 a server
/// forgives everything.
public final class MariaDB: Sendable {
  public static let isInstalled = FileManager.default.isExecutableFile(atPath: "/usr/sbin/mariadbd")

  public let scratch = Scratch()
  public let port: UInt16
  public let address: String
  public let daemon: Daemon

  /// The process whose network namespace it is in.
  public var identifier: Int32 { daemon.identifier }
  public static let canHaveNamespaces =
    getuid() == 0 && (try? run("/usr/bin/unshare", ["-n", "-m", "/bin/true"]).status) == 0

  private static let user = getuid() == 0 ? ["--user=root"] : []
  private static let small = ["--innodb-buffer-pool-size=6M", "--innodb-log-file-size=4M"]

  /// A data directory as it is after installation, made once; each server has a copy.
  private static let fresh = Result {
    let scratch = Scratch()
    let installed = try run(
      "/usr/bin/mariadb-install-db",
      [
        "--no-defaults", "--basedir=/usr", "--datadir=\(scratch.path)/data",
        "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
      ] + user + small)
    guard installed.status == 0 else {
      throw Unavailable(description: "mariadb-install-db: \(installed.output) \(installed.errors)")
    }
    return scratch
  }

  /// `statements` are run before it listens; `options` are those of mariadbd(8). With a certificate
  /// it offers TLS.
  public init(
    _ statements: [String] = [], options: [String] = [],
    certificate: (certificate: String, key: String)? = nil, address: String = "127.0.0.1",
    port: UInt16 = freePort()
  ) throws {
    self.port = port
    self.address = address
    let folder = scratch.path
    try run("/bin/cp", ["-a", "\(Self.fresh.get().path)/data", "\(folder)/data"])
    let script = scratch.write("init.sql", statements.map { $0 + ";\n" }.joined())
    let words =
      [
        "/usr/sbin/mariadbd", "--no-defaults", "--datadir=\(folder)/data",
        "--socket=\(folder)/socket", "--bind-address=\(address)", "--port=\(port)",
        "--pid-file=\(folder)/pid", "--init-file=\(script)", "--performance-schema=0",
      ] + Self.user + Self.small + options
      + (certificate.map { ["--ssl-cert=\($0.certificate)", "--ssl-key=\($0.key)"] } ?? [])
    if address.hasPrefix("127.") {
      daemon = try Daemon(words[0], Array(words.dropFirst()), log: "\(folder)/log")
    } else {
      // A server counts only against addresses that have a name.
      let hosts = scratch.write("hosts", "\(address) monitor.example\n", mode: 0o644)
      let network =
        "ip link set lo up; ip address add \(address)/32 dev lo; mount --bind \(hosts) /etc/hosts"
      daemon = try Daemon(
        "/usr/bin/unshare",
        ["-n", "-m", "/bin/sh", "-c", "\(network); exec \(words.joined(separator: " "))"],
        log: "\(folder)/log")
    }
    let daemon = daemon
    guard
      eventually(
        within: 30,
        { (scratch.read("log") ?? "").contains("ready for connections") || !daemon.isRunning }),
      daemon.isRunning
    else { throw Unavailable(description: "mariadbd did not start: \(log)") }
  }

  public var log: String { scratch.read("log") ?? "" }
  public func stop(_ signal: Int32 = SIGKILL) { daemon.stop(signal) }
  /// Runs a statement as root.
  public func execute(_ statement: String) throws {
    let outcome = try run(
      "/usr/bin/mariadb",
      ["--no-defaults", "--socket=\(scratch.path)/socket", "-u", "root", "-e", statement])
    guard outcome.status == 0 else { throw Unavailable(description: outcome.errors) }
  }

  /// Starts it again with the same data.
  public func restart() throws {
    try daemon.restart()
    guard eventually(within: 30, { listens(port, at: address) || !daemon.isRunning }),
      daemon.isRunning
    else { throw Unavailable(description: "mariadbd did not start again: \(log)") }
  }

  public func freeze() { kill(daemon.identifier, SIGSTOP) }
  public func thaw() { kill(daemon.identifier, SIGCONT) }
}
