import Foundation

/// A real smbd on loopback with a folder of its own.
public final class Samba: Sendable {
  private static let program = "/usr/sbin/smbd"
  public static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

  public let scratch = Scratch()
  public let port: UInt16
  public let daemon: Daemon

  /// `lines` are those of smb.conf(5). It is killed after `lifetime` seconds at the latest.
  public init(
    _ lines: [String], address: String = "127.0.0.1", port: UInt16 = freePort(), lifetime: Int = 120
  ) throws {
    self.port = port
    let folder = scratch.path
    let own = [
      "private dir", "lock directory", "state directory", "cache directory",
      "pid directory", "ncalrpc dir",
    ]
    let conf = scratch.write(
      "smb.conf",
      ([
        "[global]", "interfaces = \(address)/8", "bind interfaces only = yes",
        "smb ports = \(port)",
        "disable netbios = yes", "log file = \(folder)/smbd.log",
      ] + own.map { "\($0) = \(folder)" }
        + lines).joined(separator: "\n") + "\n")
    daemon = try Daemon(
      "/usr/bin/timeout",
      ["-s", "KILL", "\(lifetime)", Self.program, "-F", "--no-process-group", "-s", conf],
      log: folder + "/log")
    guard eventually(within: 30, { listens(port, at: address) }) else {
      throw Unavailable(description: "smbd did not start: \(scratch.read("log") ?? "")")
    }
  }
}
