import Foundation

/// A real chronyd on loopback that never touches the clock; `local stratum 3` makes it its own source.
public final class Chrony: Sendable {
  private static let program = "/usr/sbin/chronyd"
  public static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

  public let scratch = Scratch()
  public let port: UInt16
  public let address: String
  public let daemon: Daemon

  /// `lines` are those of chrony.conf(5). It is killed after `lifetime` seconds at the latest.
  public init(
    _ lines: String, address: String = "127.0.0.1", port: UInt16 = freePort(), lifetime: Int = 120
  ) throws {
    self.port = port
    self.address = address
    Self.configure(scratch, lines, address, port)
    daemon = try Daemon(
      "/usr/bin/timeout",
      [
        "-s", "KILL", "\(lifetime)", Self.program, "-d", "-x", "-u", "root", "-f",
        "\(scratch.path)/chrony.conf",
      ], log: scratch.path + "/log")
  }

  /// Starts it again with other lines of its configuration.
  public func restart(_ lines: String) throws {
    Self.configure(scratch, lines, address, port)
    try daemon.restart()
  }

  private static func configure(
    _ scratch: Scratch, _ lines: String, _ address: String, _ port: UInt16
  ) {
    scratch.write(
      "chrony.conf",
      """
      \(lines)
      port \(port)
      bindaddress \(address)
      cmdport 0
      bindcmdaddress /
      allow 127.0.0.0/8
      pidfile \(scratch.path)/pid

      """)
  }
}
