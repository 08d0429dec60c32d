import Foundation

/// A real unbound on loopback that knows a zone of its own and asks nobody.
public final class Unbound: Sendable {
  public static let isInstalled = FileManager.default.isExecutableFile(
    atPath: "/usr/sbin/unbound")

  public let scratch = Scratch()
  public let port: UInt16
  public let address: String
  public let daemon: Daemon

  /// `records` are lines of a zone file; `options` lines of unbound.conf's server clause.
  public init(
    _ records: [String], options: String = "", address: String = "127.0.0.1",
    port: UInt16 = freePort()
  ) throws {
    self.port = port
    self.address = address
    let folder = scratch.path
    Self.configure(scratch, records, options, "\(address)@\(port)")
    daemon = try Daemon(
      "/usr/sbin/unbound", ["-d", "-c", "\(folder)/conf"], log: "\(folder)/log")
    try wait()
  }

  /// Starts it again with other records.
  public func restart(_ records: [String], options: String = "") throws {
    Self.configure(scratch, records, options, "\(address)@\(port)")
    try daemon.restart()
    try wait()
  }

  private func wait() throws {
    guard eventually(within: 10, { listens(port, at: address) || !daemon.isRunning }),
      daemon.isRunning
    else {
      throw Unavailable(description: "unbound did not start: \(scratch.read("log") ?? "")")
    }
  }

  private static func configure(
    _ scratch: Scratch, _ records: [String], _ options: String, _ place: String
  ) {
    let folder = scratch.path
    scratch.write(
      "conf",
      """
      server:
        interface: \(place)
        do-daemonize: no
        chroot: ""
        username: ""
        directory: "\(folder)"
        pidfile: "\(folder)/pid"
        use-syslog: no
        num-threads: 1
        do-not-query-localhost: no
        access-control: 127.0.0.0/8 allow
        module-config: "iterator"
        local-zone: "lab.example." static
        local-zone: "refused.example." refuse
        local-zone: "." static
      \(records.map { "  local-data: '\($0)'" }.joined(separator: "\n"))
      \(options)
      remote-control:
        control-enable: no
      """)
  }

  public func stop(_ signal: Int32 = SIGKILL) { daemon.stop(signal) }
  public func freeze() { kill(daemon.identifier, SIGSTOP) }
}
