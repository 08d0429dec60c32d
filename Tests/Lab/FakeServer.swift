import Foundation
import Synchronization

/// The end of a pipe that hangs up when a server's threads are to end; the last of them closes it.
private final class Stop: Sendable {
  let descriptor: Int32
  init(_ descriptor: Int32) { self.descriptor = descriptor }
  deinit { close(descriptor) }
}

/// How often something came, as the servers' threads count it.
private final class Visits: Sendable { let count = Mutex(0) }

/// A server that speaks badly on purpose: each connection gets the same acts, one after the other.
public final class FakeServer: Sendable {
  public enum Act: Sendable {
    case send([UInt8])
    /// A byte at a time, with a pause after each.
    case drip([UInt8], microseconds: UInt32)
    /// Waits until so many bytes have come.
    case read(Int)
    /// The same bytes for ever.
    case flood([UInt8])
    case silence
    case close
    /// Ends its side and reads on. After `close` the peer sees a reset where it had sent something.
    case finish
    case reset
    /// Waits for something to come, and sends what the function makes of it.
    case answer(@Sendable ([UInt8]) -> [UInt8])

    public static func send(_ text: String) -> Act { .send(Array(text.utf8)) }
  }

  public var port: UInt16 { listener.port }
  private let listener: Listener
  private let end: Int32
  private let seen: Visits

  /// How many connections came.
  public var visits: Int { seen.count.withLock { $0 } }

  public init(_ acts: [Act]) {
    guard let listener = try? Listener() else { fatalError("no port for a server of the tests") }
    var ends: [Int32] = [0, 0]
    pipe(&ends)
    let stop = Stop(ends[0])
    (self.listener, end) = (listener, ends[1])
    let visits = Visits()
    self.seen = visits
    listener.serve { client in
      visits.count.withLock { $0 += 1 }
      withExtendedLifetime(stop) { Self.serve(client, acts, stop.descriptor) }
    }
  }

  // The threads see the hang-up and end.
  deinit { close(end) }

  private static func isReady(_ fd: Int32, unless stop: Int32, milliseconds: Int32 = -1) -> Bool {
    var wanted = [
      pollfd(fd: fd, events: Int16(POLLIN), revents: 0),
      pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
    ]
    poll(&wanted, 2, milliseconds)
    return wanted[1].revents == 0 && wanted[0].revents != 0
  }

  private static func serve(_ client: Int32, _ acts: [Act], _ stop: Int32) {
    for act in acts {
      switch act {
      case .send(let bytes):
        if send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL)) < 0 { return }
      case .drip(let bytes, let pause):
        var one: Int32 = 1
        setsockopt(client, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
        for byte in bytes {
          if send(client, [byte], 1, Int32(MSG_NOSIGNAL)) < 0 { return }
          usleep(pause)
        }
      case .read(let count):
        var left = count
        var room = [UInt8](repeating: 0, count: 4096)
        while left > 0, isReady(client, unless: stop, milliseconds: 10_000) {
          let got = recv(client, &room, min(left, room.count), 0)
          if got <= 0 { return }
          left -= got
        }
      case .flood(let bytes):
        while send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL)) >= 0 {}
        return
      case .silence, .finish:
        if case .finish = act { shutdown(client, Int32(SHUT_WR)) }
        var room = [UInt8](repeating: 0, count: 4096)
        while isReady(client, unless: stop, milliseconds: 10_000) {
          if recv(client, &room, room.count, 0) <= 0 { return }
        }
        return
      case .answer(let make):
        var room = [UInt8](repeating: 0, count: 4096)
        guard isReady(client, unless: stop, milliseconds: 10_000) else { return }
        let got = recv(client, &room, room.count, 0)
        guard got > 0 else { return }
        let bytes = make(Array(room[..<got]))
        if send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL)) < 0 { return }
      case .close: return
      case .reset:
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
        return
      }
    }
  }
}

/// A peer of UDP that answers each datagram with what the function makes of it; nil is silence.
public final class FakeDatagrams: Sendable {
  public let port: UInt16
  private let end: Int32
  private let seen = Visits()

  /// How many datagrams came.
  public var visits: Int { seen.count.withLock { $0 } }

  public init(_ answer: @escaping @Sendable ([UInt8]) -> [[UInt8]]) {
    let socket = Foundation.socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, size)
        getsockname(socket, $0, &size)
      }
    }
    var ends: [Int32] = [0, 0]
    pipe(&ends)
    let stop = Stop(ends[0])
    let visits = seen
    (port, end) = (UInt16(bigEndian: address.sin_port), ends[1])
    Thread.detachNewThread {
      while true {
        var wanted = [
          pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
          pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        poll(&wanted, 2, -1)
        if wanted[1].revents != 0 { break }
        var room = [UInt8](repeating: 0, count: 4096)
        var peer = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        withUnsafeMutablePointer(to: &peer) {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            let got = recvfrom(socket, &room, room.count, 0, $0, &size)
            guard got >= 0 else { return }
            visits.count.withLock { $0 += 1 }
            for reply in answer(Array(room[..<got])) {
              sendto(socket, reply, reply.count, 0, $0, size)
            }
          }
        }
      }
      close(socket)
    }
  }

  deinit { close(end) }
}
