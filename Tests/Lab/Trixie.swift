import Foundation

/// The sshd of Debian 13 (OpenSSH 10, with PerSourcePenalties as it comes), in a root of its own.
///
/// `make lab-trixie` makes the root; the environment variable SCRAPE_TRIXIE names it. Nothing is
/// mounted there.
public final class Trixie: Sendable {
  public static let root = ProcessInfo.processInfo.environment["SCRAPE_TRIXIE"] ?? ""
  public static let isThere =
    !root.isEmpty && getuid() == 0
    && FileManager.default.isExecutableFile(atPath: "\(root)/usr/sbin/sshd")

  public let port = freePort()
  /// Outside and inside of the root.
  private let folder: String
  private let name: String
  private let daemon: Daemon
  public let scratch = Scratch()

  public init() throws {
    name = "/lab-\(UUID().uuidString.prefix(8))"
    folder = Trixie.root + name
    let files = FileManager.default
    for made in [folder, "\(Trixie.root)/run/sshd"] {
      try files.createDirectory(
        atPath: made, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
    }
    try run("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", "\(folder)/host"])
    try run("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", "\(scratch.path)/user"])
    let config = """
      ListenAddress 127.0.0.1:\(port)
      HostKey \(name)/host
      AuthorizedKeysFile \(name)/authorized_keys
      StrictModes no
      PidFile none
      UsePAM no
      LogLevel VERBOSE

      """
    for (file, text) in [
      ("config", config), ("authorized_keys", scratch.read("user.pub") ?? ""),
    ] {
      _ = files.createFile(atPath: "\(folder)/\(file)", contents: Data(text.utf8))
    }
    let daemon = try Daemon(
      "/usr/sbin/chroot",
      [Trixie.root, "/usr/sbin/sshd", "-D", "-e", "-f", "\(name)/config"],
      log: "\(scratch.path)/log")
    self.daemon = daemon
    let log = { [scratch] in scratch.read("log") ?? "" }
    guard eventually({ log().contains("Server listening") || !daemon.isRunning }), daemon.isRunning
    else { throw Unavailable(description: "sshd of Debian 13 did not start: \(log())") }
  }

  deinit {
    daemon.stop()
    try? FileManager.default.removeItem(atPath: folder)
  }

  public var log: String { scratch.read("log") ?? "" }
  /// The line of `known_hosts` for its key.
  public var knownHosts: String {
    let key = (try? String(contentsOfFile: "\(folder)/host.pub", encoding: .utf8)) ?? ""
    return "[127.0.0.1]:\(port) \(key)"
  }
}
