internal import CLinux
public import Engine
internal import Glibc

/// The sockets that a C library watches, and the wait for them on a reactor.
public struct WatchedSockets {
  private var watched: [(socket: Int32, readiness: Readiness)] = []

  public init() {}

  public var isEmpty: Bool { watched.isEmpty }

  /// The events to wait for; an empty set removes the socket.
  public mutating func set(_ socket: Int32, _ readiness: Readiness) {
    watched.removeAll { $0.socket == socket }
    if !readiness.isEmpty { watched.append((socket, readiness)) }
  }

  /// Suspends until at least one of them is ready; without sockets it sleeps and throws
  /// `.timedOut`.
  public func ready(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(WaitError) -> [(socket: Int32, readiness: Readiness)] {
    guard let first = watched.first else {
      try await reactor.sleep(until: deadline)
      throw .timedOut
    }
    if watched.count == 1 {
      let readiness = try await reactor.wait(first.socket, for: first.readiness, by: deadline)
      return [(first.socket, readiness)]
    }
    // As when two addresses are tried at once: an epoll set of them is one descriptor again.
    let set = FileDescriptor(owning: epoll_create1(scrape_epoll_cloexec))
    guard set.number >= 0 else { throw .failed(SystemError("epoll_create1")) }
    for (socket, readiness) in watched {
      var events: UInt32 = 0
      if readiness.contains(.read) { events |= EPOLLIN.rawValue }
      if readiness.contains(.write) { events |= EPOLLOUT.rawValue }
      let tag = UInt64(UInt32(bitPattern: socket))
      _ = scrape_epoll_control(set.number, EPOLL_CTL_ADD, socket, events, tag)
    }
    try await reactor.wait(set.number, for: .read, by: deadline)
    return withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 16) { buffer in
      let count = epoll_wait(set.number, buffer.baseAddress, Int32(buffer.count), 0)
      return buffer.prefix(Int(max(0, count))).map { event in
        var event = event
        let events = scrape_epoll_events(&event)
        var readiness: Readiness = []
        let broken = EPOLLERR.rawValue | EPOLLHUP.rawValue
        if events & (EPOLLIN.rawValue | broken) != 0 { readiness.insert(.read) }
        if events & (EPOLLOUT.rawValue | broken) != 0 { readiness.insert(.write) }
        return (Int32(truncatingIfNeeded: scrape_epoll_tag(&event)), readiness)
      }
    }
  }
}
