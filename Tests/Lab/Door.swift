import Foundation
import Glibc
import Synchronization

/// A port on all addresses of loopback where connections are taken and closed, until it is shut.
public final class Door: Sendable {
  public let port: UInt16
  private let socket = Mutex<Int32?>(nil)

  public init() throws {
    port = freePort()
    try open()
  }

  deinit { shut() }

  /// Opens it, again on the same port.
  public func open() throws {
    let number = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
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
      close(number)
      throw Unavailable(description: "no port: \(String(cString: strerror(errno)))")
    }
    socket.withLock { $0 = number }
    Thread.detachNewThread {
      while true {
        let visitor = accept(number, nil, nil)
        guard visitor >= 0 else { break }
        close(visitor)
      }
      close(number)
    }
  }

  /// Nobody listens any more.
  public func shut() {
    socket.withLock { number in
      if let open = number { shutdown(open, Int32(SHUT_RDWR)) }
      number = nil
    }
  }
}
