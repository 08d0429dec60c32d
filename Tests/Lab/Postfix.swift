import Foundation

/// A real postfix on loopback, which takes mail for `lab.example` and puts it into a Maildir.
public final class Postfix: Sendable {
  /// It starts its processes as users of its own, for which it must be root.
  public static let isInstalled =
    FileManager.default.isExecutableFile(atPath: "/usr/lib/postfix/sbin/master") && getuid() == 0

  public let scratch = Scratch()
  public let port: UInt16
  public let address: String
  public let daemon: Daemon

  /// `mail/Maildir` in the folder takes the mail; `settings` are further lines of `main.cf`.
  public init(
    into folder: String, settings: String = "", address: String = "127.0.0.1",
    port: UInt16 = freePort()
  ) throws {
    self.port = port
    self.address = address
    let path = scratch.path
    let queue = "\(path)/queue"
    let owned = [
      "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop",
      "private", "public", "saved", "trace",
    ].map { "\(queue)/\($0)" }
    try run("/bin/mkdir", ["-p", "\(queue)/pid", "\(path)/data"] + owned)
    try run("/bin/chown", ["postfix", "\(path)/data"] + owned)
    try run("/bin/chmod", ["755", path])
    scratch.write(
      "main.cf",
      """
      compatibility_level = 3.6
      queue_directory = \(queue)
      data_directory = \(path)/data
      daemon_directory = /usr/lib/postfix/sbin
      maillog_file_prefixes = \(path)
      maillog_file = \(path)/postfix.log
      myhostname = mail.lab.example
      mydestination =
      mynetworks = 127.0.0.0/8
      inet_interfaces = 127.0.0.1
      inet_protocols = ipv4
      smtpd_relay_restrictions = reject_unauth_destination
      alias_maps =
      virtual_mailbox_domains = lab.example
      virtual_mailbox_base = \(folder)
      virtual_mailbox_maps = static:mail/Maildir/
      virtual_uid_maps = static:65534
      virtual_gid_maps = static:65534
      virtual_minimum_uid = 1
      \(settings)

      """, mode: 0o644)
    scratch.write(
      "master.cf",
      """
      \(address):\(port) inet n - n - - smtpd
      cleanup unix n - n - 0 cleanup
      qmgr unix n - n 300 1 qmgr
      proxymap unix - - n - - proxymap
      rewrite unix - - n - - trivial-rewrite
      bounce unix - - n - 0 bounce
      defer unix - - n - 0 bounce
      error unix - - n - - error
      retry unix - - n - - error
      virtual unix - n n - - virtual
      anvil unix - - n - 1 anvil
      postlog unix-dgram n - n - 1 postlogd

      """, mode: 0o644)
    daemon = try Daemon(
      "/usr/lib/postfix/sbin/master", ["-c", path, "-d"], log: "\(path)/log")
    try wait()
  }

  /// Starts it again.
  public func restart() throws {
    try daemon.restart()
    try wait()
  }

  private func wait() throws {
    guard eventually(within: 10, { listens(port, at: address) || !daemon.isRunning }),
      daemon.isRunning
    else {
      throw Unavailable(description: "postfix: \(log) \(scratch.read("log") ?? "")")
    }
  }

  deinit { stop() }

  public var log: String { scratch.read("postfix.log") ?? "" }

  /// Its processes are all of one group.
  public func stop() { daemon.stop() }
}
