import Foundation

/// A real nginx on loopback, in the foreground, with one server block.
public final class Nginx: Sendable {
  public static let isInstalled = FileManager.default.isExecutableFile(atPath: "/usr/sbin/nginx")

  public let scratch = Scratch()
  public let port: UInt16
  public let daemon: Daemon
  public let address: String

  /// Starts a server; `server` are lines of its server block. With a certificate it speaks TLS.
  public init(
    _ server: String = "", certificate: (certificate: String, key: String)? = nil,
    address: String = "127.0.0.1", port: UInt16 = freePort()
  ) throws {
    self.port = port
    self.address = address
    let folder = scratch.path
    scratch.write("root/index.html", "<h1>it works</h1>\n", mode: 0o644)
    Self.configure(scratch, server, certificate, "\(address):\(port)")
    daemon = try Daemon(
      "/usr/sbin/nginx", ["-p", folder, "-c", "\(folder)/nginx.conf"], log: "\(folder)/log")
    try wait()
  }

  /// Starts it again with other lines of its server block, and another certificate.
  public func restart(
    _ server: String = "", certificate: (certificate: String, key: String)? = nil
  ) throws {
    Self.configure(scratch, server, certificate, "\(address):\(port)")
    try daemon.restart()
    try wait()
  }

  private func wait() throws {
    guard eventually(within: 10, { listens(port, at: address) || !daemon.isRunning }),
      daemon.isRunning
    else { throw Unavailable(description: "nginx did not start: \(scratch.read("log") ?? "")") }
  }

  private static func configure(
    _ scratch: Scratch, _ server: String, _ certificate: (certificate: String, key: String)?,
    _ place: String
  ) {
    let folder = scratch.path
    let tls = certificate.map {
      "ssl_certificate \($0.certificate); ssl_certificate_key \($0.key);"
    }
    scratch.write(
      "nginx.conf",
      """
      daemon off; master_process off; worker_processes 1; pid \(folder)/pid;
      error_log stderr;
      events { worker_connections 4096; }
      http {
        access_log \(folder)/access.log; keepalive_timeout 5s;
        client_body_temp_path \(folder)/t1; proxy_temp_path \(folder)/t2;
        fastcgi_temp_path \(folder)/t3; uwsgi_temp_path \(folder)/t4; scgi_temp_path \(folder)/t5;
        server {
          listen \(place)\(tls == nil ? "" : " ssl"); root \(folder)/root; \(tls ?? "")
          server_name localhost;
          \(server)
        }
      }
      """)
  }

  public var log: String { scratch.read("access.log") ?? "" }
  public func stop(_ signal: Int32 = SIGKILL) { daemon.stop(signal) }
  /// Stops it in its tracks: the kernel goes on accepting connections for it.
  public func freeze() { kill(daemon.identifier, SIGSTOP) }
  public func thaw() { kill(daemon.identifier, SIGCONT) }
}
