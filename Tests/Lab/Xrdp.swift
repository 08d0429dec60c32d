import Foundation

/// A real xrdp on loopback.
public final class Xrdp: Sendable {
  private static let program = "/usr/sbin/xrdp"
  public static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

  public let scratch = Scratch()
  public let port: UInt16
  public let daemon: Daemon

  /// `security` is its `security_layer`. It is killed after `lifetime` seconds at the latest.
  public init(
    security: String, _ certificate: (certificate: String, key: String),
    address: String = "127.0.0.1", port: UInt16 = freePort(), lifetime: Int = 60
  ) throws {
    self.port = port
    let usual = try String(contentsOfFile: "/etc/xrdp/xrdp.ini", encoding: .utf8)
    let own = [
      "port=3389": "port=tcp://\(address):\(port)", "certificate=": "certificate=\(certificate.0)",
      "key_file=": "key_file=\(certificate.1)",
      "security_layer=negotiate": "security_layer=\(security)",
    ]
    let lines = usual.split(separator: "\n", omittingEmptySubsequences: false)
      .map { own[String($0)] ?? String($0) }
    let file = scratch.write("xrdp.ini", lines.joined(separator: "\n"))
    daemon = try Daemon(
      "/usr/bin/timeout",
      ["-s", "KILL", "\(lifetime)", Self.program, "--nodaemon", "--config", file],
      log: scratch.path + "/log")
    guard eventually(within: 20, { listens(port, at: address) }) else {
      throw Unavailable(description: "xrdp did not start: \(scratch.read("log") ?? "")")
    }
  }
}
