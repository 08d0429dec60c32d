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

  /// Waits until it answers, and where it has a source until its clock is set.
  public func wait() throws {
    guard eventually(within: 15, { (answer ?? 0) != 0 && (!hasSource || (answer ?? 16) < 16) })
    else { throw Unavailable(description: "chronyd: \(scratch.read("log") ?? "")") }
  }

  private var hasSource: Bool { (scratch.read("chrony.conf") ?? "").contains("local") }

  /// The stratum that it gives, 16 where its clock is not set; nil where it does not answer.
  private var answer: UInt8? {
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(descriptor) }
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_port = port.bigEndian
    inet_pton(AF_INET, address, &place.sin_addr)
    var patience = timeval(tv_sec: 0, tv_usec: 200_000)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    // Version 4, mode client.
    let question: [UInt8] = [0x23] + [UInt8](repeating: 0, count: 47)
    var reply = [UInt8](repeating: 0, count: 48)
    let isConnected = withUnsafePointer(to: &place) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard isConnected, send(descriptor, question, 48, 0) == 48,
      recv(descriptor, &reply, 48, 0) == 48
    else { return nil }
    // A leap indicator of 3 says so, too.
    return reply[0] >> 6 == 3 ? 16 : reply[1]
  }

  /// Starts it again with other lines of its configuration.
  public func restart(_ lines: String) throws {
    Self.configure(scratch, lines, address, port)
    try daemon.restart()
    try wait()
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
