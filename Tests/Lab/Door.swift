import Foundation
import Synchronization

/// A port on all addresses of loopback where connections are taken and closed, until it is shut.
public final class Door: Sendable {
  public let port: UInt16
  private let current = Mutex<Listening?>(nil)

  /// A socket that listens, and the sign that it is closed.
  private struct Listening {
    var socket: Int32
    let closed: DispatchSemaphore
  }

  public init() throws {
    port = freePort()
    try open()
  }

  deinit { shut() }

  /// Opens it, again on the same port. Does nothing where it is open.
  public func open() throws {
    try current.withLock { current in
      guard current == nil else { return }
      let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      var yes: Int32 = 1
      setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      let bound = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      guard bound == 0, listen(number, 4096) == 0 else {
        let reason = String(cString: strerror(errno))
        close(number)
        throw Unavailable(description: "port \(port): \(reason)")
      }
      let closed = DispatchSemaphore(value: 0)
      current = Listening(socket: number, closed: closed)
      Thread.detachNewThread {
        while true {
          let visitor = accept(number, nil, nil)
          guard visitor >= 0 else { break }
          close(visitor)
        }
        close(number)
        closed.signal()
      }
    }
  }

  /// Nobody listens any more.
  public func shut() {
    current.withLock { current in
      guard let open = current else { return }
      shutdown(open.socket, Int32(SHUT_RDWR))
      open.closed.wait()
      current = nil
    }
  }
}
