import Foundation

/// A real Xvnc or Xvfb on loopback. It is killed after `lifetime` seconds at the latest.
public final class Screen: Sendable {
  public static let vnc = "/usr/bin/Xvnc"
  public static let xvfb = "/usr/bin/Xvfb"
  public static func isInstalled(_ program: String) -> Bool {
    FileManager.default.isExecutableFile(atPath: program)
  }

  public let scratch = Scratch()
  public let port: UInt16
  public let daemon: Daemon
  private let claim: Claim?

  /// A server that is killed leaves its lock in /tmp, where the next one would stumble on it.
  private static var unlocked: [String] { getuid() == 0 ? ["-nolock"] : [] }

  /// Xvnc with these options; a password is written as vncpasswd(1) does, with its well-known key.
  public init(
    vnc options: [String], password: String? = nil, address: String = "127.0.0.1",
    port: UInt16 = freePort(), lifetime: Int = 120
  ) throws {
    self.port = port
    claim = nil
    var options = options
    if let password {
      scratch.write("clear", password + String(repeating: "\0", count: 8 - password.utf8.count))
      let key = "e84ad660c4721ae0"
      try run(
        "/usr/bin/openssl",
        [
          "enc", "-des-ede3-ecb", "-nosalt", "-nopad", "-K", key + key + key, "-in",
          scratch.path + "/clear", "-out", scratch.path + "/passwd",
        ])
      options += ["-PasswordFile", scratch.path + "/passwd"]
    }
    daemon = try Daemon(
      "/usr/bin/timeout",
      [
        "-s", "KILL", "\(lifetime)", Self.vnc, ":\(port)", "-rfbport", "\(port)", "-interface",
        address,
      ] + Self.unlocked + options, log: scratch.path + "/log")
    let log = scratch
    guard eventually(within: 20, { log.read("log")?.contains("Listening for VNC") == true }) else {
      throw Unavailable(description: "Xvnc did not start: \(scratch.read("log") ?? "")")
    }
  }

  /// Xvfb over TCP on all addresses, which asks for a cookie where that is wanted.
  public init(cookie: Bool, lifetime: Int = 120) throws {
    (port, claim) = try Self.freeDisplay()
    var options = ["-ac"]
    if cookie {
      let name = "MIT-MAGIC-COOKIE-1"
      let entry: [UInt8] =
        [0xff, 0xff, 0, 0, 0, 0, 0, UInt8(name.utf8.count)] + Array(name.utf8) + [0, 16]
        + [UInt8](repeating: 7, count: 16)
      let file = scratch.path + "/auth"
      _ = FileManager.default.createFile(atPath: file, contents: Data(entry))
      options = ["-auth", file]
    }
    daemon = try Daemon(
      "/usr/bin/timeout",
      [
        "-s", "KILL", "\(lifetime)", Self.xvfb, ":\(port - 6000)", "-listen", "tcp", "-nolisten",
        "unix", "-screen", "0", "320x200x8",
      ] + Self.unlocked + options, log: scratch.path + "/log")
    let port = port
    guard eventually(within: 20, { listens(port) }) else {
      throw Unavailable(description: "Xvfb did not start: \(scratch.read("log") ?? "")")
    }
  }

  /// The port of a display that no other process of the tests gets, and the right to it. The ports of
  /// displays are no ordinary ones: display 100 is port 6100.
  private static func freeDisplay() throws -> (UInt16, Claim) {
    for display in (100..<900).shuffled() {
      let port = UInt16(6000 + display)
      if !listens(port), let claim = Claim("display-\(display)") { return (port, claim) }
    }
    throw Unavailable(description: "displays 100 to 899 are in use")
  }

  public var log: String { scratch.read("log") ?? "" }
}
