import Foundation
import Synchronization

/// A relay in front of a server on loopback: only so many bytes of the server's answers pass, on each
/// connection.
public final class Relay: Sendable {
  public enum End: Sendable {
    /// Nothing more comes.
    case silence
    case close
  }

  public let port: UInt16
  private let listener: Int32
  private let count = Mutex(0)
  private let open = Mutex<Set<Int32>>([])

  /// How many bytes of the server passed, of all connections.
  public var passed: Int { count.withLock { $0 } }

  public init(to server: UInt16, limit: Int = .max, then end: End = .silence) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var place = Self.loopback(0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &place) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && listen(listener, 512) == 0
          ? getsockname(listener, $0, &size) : -1
      }
    }
    guard code == 0 else { throw Unavailable(description: "no port") }
    self.listener = listener
    port = UInt16(bigEndian: place.sin_port)
    Thread.detachNewThread { [self] in
      while true {
        let client = accept(listener, nil, nil)
        guard client >= 0 else { return }
        Thread.detachNewThread { [self] in carry(client, server, limit, end) }
      }
    }
  }

  deinit { close(listener) }

  /// Ends all connections, and the thread that accepts them.
  public func stop() {
    shutdown(listener, Int32(SHUT_RDWR))
    open.withLock { open in
      for number in open { shutdown(number, Int32(SHUT_RDWR)) }
    }
  }

  private static func loopback(_ port: UInt16) -> sockaddr_in {
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    place.sin_port = port.bigEndian
    return place
  }

  private func carry(_ client: Int32, _ port: UInt16, _ limit: Int, _ end: End) {
    let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    open.withLock { $0.formUnion([client, server]) }
    defer {
      open.withLock { $0.subtract([client, server]) }
      close(client)
      close(server)
    }
    var place = Self.loopback(port)
    let isConnected = withUnsafePointer(to: &place) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard isConnected else { return }
    var left = limit
    while left > 0 || end == .silence {
      var entries = [
        pollfd(fd: client, events: Int16(POLLIN), revents: 0),
        pollfd(fd: left > 0 ? server : -1, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&entries, 2, -1) > 0 else { return }
      if entries[0].revents != 0, move(client, server, .max) == 0 { return }
      if entries[1].revents != 0 {
        let moved = move(server, client, left)
        guard moved > 0 else { return }
        left -= moved
        count.withLock { $0 += moved }
      }
    }
  }

  /// The number of bytes that moved; 0 at an end.
  private func move(_ source: Int32, _ sink: Int32, _ limit: Int) -> Int {
    var bytes = [UInt8](repeating: 0, count: min(16 << 10, limit))
    let count = recv(source, &bytes, bytes.count, 0)
    guard count > 0, send(sink, bytes, count, Int32(MSG_NOSIGNAL)) == count else {
      return 0
    }
    return count
  }
}
