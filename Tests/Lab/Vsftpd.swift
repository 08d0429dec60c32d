import Foundation

/// A real vsftpd on loopback; anonymous users see a folder with `hello.txt` in `pub`.
public final class Vsftpd: Sendable {
  /// It changes its root folder, for which it must be root.
  public static let isInstalled =
    FileManager.default.isExecutableFile(atPath: "/usr/sbin/vsftpd") && getuid() == 0

  public let scratch = Scratch()
  public let port: UInt16
  public let address: String
  public let daemon: Daemon

  public init(
    _ options: [String] = [], certificate: (certificate: String, key: String)? = nil,
    address: String = "127.0.0.1", port: UInt16 = freePort()
  ) throws {
    self.port = port
    self.address = address
    let path = scratch.path
    scratch.write("root/pub/hello.txt", "hi\n", mode: 0o644)
    try run("/bin/mkdir", ["-p", "\(path)/root/empty", "\(path)/secure"])
    for folder in ["", "/root", "/root/pub", "/root/empty", "/secure"] {
      try run("/bin/chmod", ["755", path + folder])
    }
    var lines = [
      "listen=YES", "listen_ipv6=NO", "listen_address=\(address)", "listen_port=\(port)",
      "background=NO", "anonymous_enable=YES", "local_enable=NO", "anon_root=\(path)/root",
      "secure_chroot_dir=\(path)/secure", "seccomp_sandbox=NO", "xferlog_enable=NO",
      "pam_service_name=vsftpd", "ftpd_banner=lab ready", "isolate_network=NO", "isolate=NO",
      "ftp_username=daemon",
    ]
    if let certificate {
      lines += [
        "ssl_enable=YES", "allow_anon_ssl=YES", "rsa_cert_file=\(certificate.certificate)",
        "rsa_private_key_file=\(certificate.key)", "force_local_data_ssl=NO",
        "ssl_ciphers=HIGH",
      ]
    }
    let file = scratch.write("conf", (lines + options).joined(separator: "\n") + "\n", mode: 0o600)
    daemon = try Daemon("/usr/sbin/vsftpd", [file], log: "\(path)/log")
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
      throw Unavailable(description: "vsftpd did not start: \(scratch.read("log") ?? "")")
    }
  }

  public func stop(_ signal: Int32 = SIGKILL) { daemon.stop(signal) }
  public func freeze() { kill(-daemon.identifier, SIGSTOP) }
}
