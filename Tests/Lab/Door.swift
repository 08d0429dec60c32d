import Foundation
import Synchronization

/// A port on all addresses of loopback where connections are taken and closed, until it is shut.
public final class Door: Sendable {
  public let port: UInt16
  private let current = Mutex<Listening?>(nil)

  /// A socket that listens, and the sign that it is closed.
  private struct Listening {
    let listener: Listener
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
      let listener = try Listener(on: "0.0.0.0", port: port, backlog: 4096)
      let closed = DispatchSemaphore(value: 0)
      listener.serve(inTurn: true, { _ in }, ended: { closed.signal() })
      current = Listening(listener: listener, closed: closed)
    }
  }

  /// Nobody listens any more.
  public func shut() {
    current.withLock { current in
      guard let open = current else { return }
      open.listener.stop()
      open.closed.wait()
      current = nil
    }
  }
}
