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

  public var port: UInt16 { listener.port }
  private let listener: Listener
  private let traffic = Traffic()

  /// How many bytes of the server passed, of all connections.
  public var passed: Int { traffic.count.withLock { $0 } }

  public init(to server: UInt16, limit: Int = .max, then end: End = .silence) throws {
    listener = try Listener()
    let traffic = traffic
    listener.serve { traffic.carry($0, server, limit, end) }
  }

  /// Ends all connections, and the thread that accepts them.
  public func stop() {
    listener.stop()
    traffic.open.withLock { open in
      for number in open { shutdown(number, Int32(SHUT_RDWR)) }
    }
  }
}

/// The connections of a relay.
private final class Traffic: Sendable {
  let count = Mutex(0)
  let open = Mutex<Set<Int32>>([])

  func carry(_ client: Int32, _ port: UInt16, _ limit: Int, _ end: Relay.End) {
    guard let server = connection(to: port) else { return }
    open.withLock { $0.formUnion([client, server]) }
    defer {
      open.withLock { $0.subtract([client, server]) }
      close(server)
    }
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
