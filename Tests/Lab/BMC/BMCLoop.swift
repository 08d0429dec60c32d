import CLinux
import Foundation
import Synchronization

/// Who reads the sockets of all simulated BMCs? One thread, however many there are.
final class BMCLoop: Sendable {
  static let shared = BMCLoop()

  private struct Late {
    var instant: UInt64
    var tag: UInt64
    var bytes: [UInt8]
    var peer: Sender
  }

  private struct State {
    var entries: [UInt64: (core: BMCCore, descriptor: Int32)] = [:]
    var next: UInt64 = 1
  }

  private let state = Mutex(State())
  private let poller = epoll_create1(scrape_epoll_cloexec)

  private init() {
    let thread = Thread { [self] in run() }
    thread.name = "bmcs"
    thread.start()
  }

  /// Reads a socket from now on; it belongs to the loop until `remove`.
  func add(_ core: BMCCore, _ descriptor: Int32) -> UInt64 {
    let tag = state.withLock { state in
      defer { state.next += 1 }
      state.entries[state.next] = (core, descriptor)
      return state.next
    }
    _ = scrape_epoll_control(poller, EPOLL_CTL_ADD, descriptor, EPOLLIN.rawValue, tag)
    return tag
  }

  func remove(_ tag: UInt64) {
    // Under the lock, so that the thread never reads from or sends on a number that is another's.
    state.withLock {
      if let entry = $0.entries.removeValue(forKey: tag) { close(entry.descriptor) }
    }
  }

  private func run() {
    var events = [epoll_event](repeating: epoll_event(), count: 256)
    var buffer = [UInt8](repeating: 0, count: 4096)
    // Sorted, the latest first.
    var waiting: [Late] = []
    while true {
      var timeout: Int32 = -1
      if let first = waiting.last {
        let now = monotonic()
        timeout = first.instant > now ? Int32((first.instant - now + 999_999) / 1_000_000) : 0
      }
      let count = epoll_wait(poller, &events, 256, timeout)
      for index in 0..<max(0, Int(count)) {
        read(scrape_epoll_tag(&events[index]), &buffer, &waiting)
      }
      let now = monotonic()
      while let first = waiting.last, first.instant <= now {
        waiting.removeLast()
        send(first.bytes, to: first.peer, from: first.tag)
      }
    }
  }

  private func read(_ tag: UInt64, _ buffer: inout [UInt8], _ waiting: inout [Late]) {
    // So many at most in one turn: nobody keeps the others waiting.
    for _ in 0..<16 {
      var peer = Sender()
      let (count, core): (Int, BMCCore?) = state.withLock {
        guard let entry = $0.entries[tag] else { return (-1, nil) }
        return (peer.receive(entry.descriptor, &buffer), entry.core)
      }
      guard count >= 0, let core else { return }
      let now = monotonic()
      let replies = core.state.withLock {
        $0.receive(Array(buffer.prefix(count)), now: now, clock: time(nil))
      }
      for reply in replies {
        guard reply.delay > 0 else {
          send(reply.bytes, to: peer, from: tag)
          continue
        }
        let late = Late(
          instant: now + UInt64(reply.delay) * 1_000_000, tag: tag, bytes: reply.bytes, peer: peer)
        let place = waiting.lastIndex { $0.instant >= late.instant }.map { $0 + 1 } ?? 0
        waiting.insert(late, at: place)
      }
    }
  }

  private func send(_ bytes: [UInt8], to peer: Sender, from tag: UInt64) {
    state.withLock {
      if let entry = $0.entries[tag] { peer.send(entry.descriptor, bytes) }
    }
  }
}

/// Where a datagram came from.
struct Sender {
  private var storage = sockaddr_storage()
  private var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

  mutating func receive(_ descriptor: Int32, _ buffer: inout [UInt8]) -> Int {
    length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        recvfrom(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT), $0, &length)
      }
    }
  }

  func send(_ descriptor: Int32, _ bytes: [UInt8]) {
    var storage = storage
    _ = withUnsafePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(descriptor, bytes, bytes.count, Int32(MSG_DONTWAIT), $0, length)
      }
    }
  }
}

/// Nanoseconds of the monotonic clock.
func monotonic() -> UInt64 {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}
