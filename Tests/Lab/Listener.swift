import Foundation
import Synchronization

/// A TCP port of loopback on which a server of the tests accepts connections.
///
///     let listener = try Listener()
///     listener.serve { connection in … }
///
/// Each connection is served in a thread of its own, and closed after. With the listener ends the accepting.
public final class Listener: Sendable {
  public let port: UInt16
  public let descriptor: Int32
  private let state = State()

  /// A number that is closed is another file's next: who closes it marks it so.
  private final class State: Sendable {
    /// Whether a thread accepts, and whether the socket may still be shut down.
    let value = Mutex((isServed: false, isOpen: true))
  }

  /// Listens on `port`, or on a free one. Throws `Unavailable` with the reason.
  public init(on host: String = "127.0.0.1", port: UInt16 = 0, backlog: Int32 = 512) throws {
    // A client that goes away ends a test's server no less than the product.
    signal(SIGPIPE, SIG_IGN)
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var yes: Int32 = 1
    setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = loopback(port)
    inet_pton(AF_INET, host, &address.sin_addr)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(number, $0, size) == 0 && listen(number, backlog) == 0
          ? getsockname(number, $0, &size) : -1
      }
    }
    guard code == 0 else {
      let reason = String(cString: strerror(errno))
      close(number)
      throw Unavailable(description: "port \(port) of \(host): \(reason)")
    }
    descriptor = number
    self.port = UInt16(bigEndian: address.sin_port)
  }

  deinit {
    stop()
    if !state.value.withLock({ $0.isServed }) { close(descriptor) }
  }

  /// Runs the body for each connection, and closes it after. One connection follows another where
  /// `inTurn` is set. `ended` runs once no more are accepted.
  public func serve(
    inTurn: Bool = false, _ body: @escaping @Sendable (Int32) -> Void,
    ended: @escaping @Sendable () -> Void = {}
  ) {
    state.value.withLock { $0.isServed = true }
    Thread.detachNewThread { [descriptor, state] in
      while true {
        let connection = accept(descriptor, nil, nil)
        if connection < 0, errno == EINTR || errno == ECONNABORTED { continue }
        guard connection >= 0 else { break }
        guard !inTurn else {
          body(connection)
          close(connection)
          continue
        }
        Thread.detachNewThread {
          body(connection)
          close(connection)
        }
      }
      state.value.withLock { $0.isOpen = false }
      close(descriptor)
      ended()
    }
  }

  /// Ends the accepting; connections stay as they are.
  public func stop() {
    state.value.withLock { state in
      if state.isOpen { shutdown(descriptor, Int32(SHUT_RDWR)) }
      state.isOpen = false
    }
  }
}

/// A port of 127.0.0.1.
public func loopback(_ port: UInt16) -> sockaddr_in {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  address.sin_port = port.bigEndian
  return address
}

/// A connection to a port of 127.0.0.1; nil where none is accepted.
public func connection(to port: UInt16) -> Int32? {
  let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  var address = loopback(port)
  let isConnected = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
    }
  }
  guard isConnected else {
    close(number)
    return nil
  }
  return number
}
