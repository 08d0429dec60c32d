import Foundation

/// The log-in of MySQL 8 with caching_sha2_password, of which the server has no hash in its cache: over
/// TLS the client sends its password as it is. MariaDB has no such plugin.
public final class CachingServer: Sendable {
  public static let isPossible = FileManager.default.isExecutableFile(atPath: "/usr/bin/python3")

  public let scratch = Scratch()
  public let port = freePort()
  public let daemon: Daemon

  /// Accepts the password over TLS, and each statement.
  public init(certificate: (certificate: String, key: String), password: String) throws {
    let script = scratch.write("server.py", Self.script)
    daemon = try Daemon(
      "/usr/bin/python3",
      [script, certificate.certificate, certificate.key, "\(port)", password],
      log: "\(scratch.path)/log")
    let (daemon, port) = (daemon, port)
    guard eventually(within: 20, { listens(port) || !daemon.isRunning }), daemon.isRunning else {
      throw Unavailable(description: "python3: \(scratch.read("log") ?? "")")
    }
  }

  /// What the clients sent over TLS, a packet per line.
  public var log: String { scratch.read("log") ?? "" }
  public func stop() { daemon.stop(SIGKILL) }

  private static let script = """
    import socket, ssl, struct, sys
    certificate, key, port, password = sys.argv[1:]
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    def exactly(peer, count):
        data = b""
        while len(data) < count:
            more = peer.recv(count - len(data))
            if not more: raise EOFError
            data += more
        return data
    def read(peer):
        head = exactly(peer, 4)
        return head[3], exactly(peer, head[0] | head[1] << 8 | head[2] << 16)
    def write(peer, number, data):
        peer.sendall(struct.pack("<I", len(data))[:3] + bytes([number]) + data)
    listener = socket.create_server(("127.0.0.1", int(port)))
    while True:
        peer, _ = listener.accept()
        try:
            write(peer, 0, b"\\x0a8.0.36\\0" + struct.pack("<I", 7) + b"abcdefgh\\0"
                + struct.pack("<HBHHB", 0xaa0d, 45, 2, 0x0028, 21) + bytes(10)
                + b"ijklmnopqrst\\0" + b"caching_sha2_password\\0")
            number, request = read(peer)
            if number != 1 or len(request) != 32 or not request[1] & 8: raise ValueError(request)
            peer = tls.wrap_socket(peer, server_side=True)
            number, answer = read(peer)
            if number != 2 or answer[:32] != request: raise ValueError((number, answer))
            write(peer, 3, b"\\1\\4")
            number, given = read(peer)
            print(number, given, flush=True)
            if number != 4 or given != password.encode() + b"\\0":
                write(peer, 5, b"\\xff" + struct.pack("<H", 1045) + b"#28000Access denied")
                continue
            write(peer, 5, bytes([0, 0, 0, 2, 0, 0, 0]))
            while True:
                number, command = read(peer)
                print(number, command, flush=True)
                if command == b"\\1": break
                write(peer, 1, bytes([0, 0, 0, 2, 0, 0, 0]))
        except (EOFError, OSError, ValueError) as error:
            print(repr(error), flush=True)
        finally:
            peer.close()

    """
}
