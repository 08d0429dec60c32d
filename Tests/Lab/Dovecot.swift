import Foundation

/// A real dovecot on loopback: IMAP, POP3 and SMTP submission. User `alice` has the password `right`.
public final class Dovecot: Sendable {
  /// It starts its processes as users of its own, for which it must be root.
  public static let isInstalled =
    FileManager.default.isExecutableFile(atPath: "/usr/sbin/dovecot")
    && FileManager.default.isExecutableFile(atPath: "/usr/lib/dovecot/submission-login")
    && getuid() == 0

  public let scratch = Scratch()
  public let address: String
  public let imap: UInt16
  public let imaps: UInt16
  public let pop3: UInt16
  public let pop3s: UInt16
  public let smtp: UInt16
  public let daemon: Daemon

  /// What is submitted goes to the port `relay` of its address. `ports` are those of imap, imaps, pop3,
  /// pop3s and submission, where they must be these.
  public init(
    certificate: (certificate: String, key: String), relay: UInt16 = 25,
    address: String = "127.0.0.1", ports: [UInt16] = (0..<5).map { _ in freePort() }
  ) throws {
    self.address = address
    (imap, imaps, pop3, pop3s, smtp) = (ports[0], ports[1], ports[2], ports[3], ports[4])
    let path = scratch.path
    scratch.write("users", "alice:{PLAIN}right:65534:65534::\(path)/mail::\n", mode: 0o644)
    try run("/bin/mkdir", ["-p", "\(path)/mail", "\(path)/run"])
    try run("/bin/chown", ["-R", "65534:65534", "\(path)/mail"])
    try run("/bin/chmod", ["755", path])
    scratch.write(
      "conf",
      """
      base_dir = \(path)/run
      state_dir = \(path)/run
      log_path = \(path)/dovecot.log
      protocols = imap pop3 submission
      listen = \(address)
      ssl = yes
      ssl_cert = <\(certificate.certificate)
      ssl_key = <\(certificate.key)
      disable_plaintext_auth = yes
      auth_mechanisms = plain login
      mail_location = maildir:~/Maildir
      first_valid_uid = 1
      login_trusted_networks =
      # Dovecot takes the loopback for as safe as TLS; this test does not.
      auth_failure_delay = 0
      submission_relay_host = \(address)
      submission_relay_port = \(relay)
      submission_backend_capabilities = 8BITMIME
      passdb {
        driver = passwd-file
        args = \(path)/users
      }
      userdb {
        driver = passwd-file
        args = \(path)/users
      }
      service imap-login {
        inet_listener imap {
          port = \(imap)
        }
        inet_listener imaps {
          port = \(imaps)
          ssl = yes
        }
      }
      service pop3-login {
        inet_listener pop3 {
          port = \(pop3)
        }
        inet_listener pop3s {
          port = \(pop3s)
          ssl = yes
        }
      }
      service submission-login {
        inet_listener submission {
          port = \(smtp)
        }
        inet_listener submissions {
          port = 0
        }
      }
      """)
    daemon = try Daemon("/usr/sbin/dovecot", ["-F", "-c", "\(path)/conf"], log: "\(path)/log")
    try wait()
  }

  /// Starts it again.
  public func restart() throws {
    stop()
    try daemon.restart()
    try wait()
  }

  private func wait() throws {
    let ports = [imap, imaps, pop3, pop3s, smtp]
    guard
      eventually(
        within: 15, { ports.allSatisfy { listens($0, at: address) } || !daemon.isRunning }),
      daemon.isRunning
    else { throw Unavailable(description: "dovecot: \(log) \(scratch.read("log") ?? "")") }
  }

  deinit { stop() }

  public var log: String { scratch.read("dovecot.log") ?? "" }

  /// Its processes end with the master, in order.
  public func stop() {
    if daemon.isRunning { kill(daemon.identifier, SIGTERM) }
    _ = eventually(within: 5) { !daemon.isRunning }
    daemon.stop()
  }
}
