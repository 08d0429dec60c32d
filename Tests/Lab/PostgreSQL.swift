import Foundation

/// A real PostgreSQL on loopback with a folder of its own, run as the user `postgres` where we are root.
public final class PostgreSQL: Sendable {
  private static let folder = "/usr/lib/postgresql/15/bin"
  public static let isInstalled = FileManager.default.isExecutableFile(
    atPath: "\(folder)/postgres")

  public let scratch = Scratch()
  public let port: UInt16
  public let address: String
  public let daemon: Daemon

  private static let isRoot = getuid() == 0

  private static func asUser(_ words: [String]) -> (String, [String]) {
    isRoot
      ? ("/usr/sbin/runuser", ["-u", "postgres", "--"] + words)
      : (words[0], Array(words.dropFirst()))
  }

  /// Gives a folder to the server's user.
  private static func open(_ path: String) throws {
    guard isRoot else { return }
    try run("/bin/chown", ["postgres", path])
    try run("/bin/chmod", ["755", path])
  }

  /// A data directory as it is after initdb(1), made once; each server has a copy.
  private static let fresh = Result {
    let scratch = Scratch()
    try open(scratch.path)
    let (initdb, arguments) = asUser([
      "\(folder)/initdb", "-D", "\(scratch.path)/data", "-U", "postgres", "-A", "trust", "-N",
      "--locale=C", "-E", "UTF8",
    ])
    let made = try run(initdb, arguments, in: "/")
    guard made.status == 0 else { throw Unavailable(description: "initdb: \(made.errors)") }
    return scratch
  }

  /// `statements` are run before it listens; `access` are lines of pg_hba.conf.
  public init(
    _ statements: [String] = [], access: [String] = ["host all all all scram-sha-256"],
    options: [String] = [], certificate: (certificate: String, key: String)? = nil,
    address: String = "127.0.0.1", port: UInt16 = freePort()
  ) throws {
    self.port = port
    self.address = address
    let path = scratch.path
    try Self.open(path)
    try run("/bin/cp", ["-a", "\(Self.fresh.get().path)/data", "\(path)/data"])
    var settings = options + ["listen_addresses = '\(address)'", "fsync = off"]
    settings += [
      "unix_socket_directories = ''", "shared_buffers = 1MB", "log_destination = stderr",
    ]
    if let certificate {
      for (name, file) in [("cert.pem", certificate.certificate), ("key.pem", certificate.key)] {
        try run("/bin/cp", [file, "\(path)/\(name)"])
        if Self.isRoot { try run("/bin/chown", ["postgres", "\(path)/\(name)"]) }
        try run("/bin/chmod", ["600", "\(path)/\(name)"])
      }
      settings += ["ssl = on", "ssl_cert_file = '\(path)/cert.pem'"]
      settings += ["ssl_key_file = '\(path)/key.pem'"]
    }
    try Self.append(settings, to: "\(path)/data/postgresql.conf")
    try Data((access.joined(separator: "\n") + "\n").utf8).write(
      to: URL(filePath: "\(path)/data/pg_hba.conf"))
    if !statements.isEmpty {
      let input = statements.map { $0 + "\n" }.joined()
      let (single, words) = Self.asUser([
        "\(Self.folder)/postgres", "--single", "-D", "\(path)/data", "postgres",
      ])
      let outcome = try run(single, words, input: input, in: "/")
      guard !outcome.errors.contains("ERROR") else {
        throw Unavailable(description: outcome.errors)
      }
    }
    let (server, words) = Self.asUser([
      "\(Self.folder)/postgres", "-D", "\(path)/data", "-p", "\(port)",
    ])
    daemon = try Daemon(server, words, log: "\(path)/log")
    let daemon = daemon
    guard
      eventually(
        within: 20,
        {
          (scratch.read("log") ?? "").contains("ready to accept connections") || !daemon.isRunning
        }), daemon.isRunning
    else { throw Unavailable(description: "postgres did not start: \(log)") }
  }

  deinit { stop() }

  private static func append(_ lines: [String], to file: String) throws {
    let old = try String(contentsOfFile: file, encoding: .utf8)
    try Data((old + lines.joined(separator: "\n") + "\n").utf8).write(to: URL(filePath: file))
  }

  public var log: String { scratch.read("log") ?? "" }

  /// The postmaster: runuser(1) stays between us and it.
  private var master: Int32? {
    (scratch.read("data/postmaster.pid")?.split(separator: "\n").first).flatMap { Int32($0) }
  }

  /// SIGQUIT ends it at once, with its children.
  public func stop() {
    if let master { kill(master, SIGQUIT) }
    _ = eventually(within: 5) { !daemon.isRunning }
    daemon.stop()
  }

  /// Starts it again with the same data.
  public func restart() throws {
    stop()
    try daemon.restart()
    guard eventually(within: 20, { listens(port, at: address) || !daemon.isRunning }),
      daemon.isRunning
    else { throw Unavailable(description: "postgres did not start again: \(log)") }
  }

  public func freeze() { if let master { kill(master, SIGSTOP) } }
  public func thaw() { if let master { kill(master, SIGCONT) } }
}
