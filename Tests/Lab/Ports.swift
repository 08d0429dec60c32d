import Foundation
import Synchronization

/// A port that no other process of the tests gets, free over TCP and UDP on all addresses of this machine.
///
/// The kernel's own choice would not do: between its choice and the daemon that listens there, another
/// process may be given the same port, for a server or for a connection to one.
public func freePort() -> UInt16 { ports.withLock { $0.next() } }

private let ports = Mutex(Ports())

/// A name that one holder on this machine has at a time, as long as the object is there.
///
/// An abstract Unix address is the lock: the kernel frees it when the process ends, however it ends.
final class Claim: Sendable {
  private let holder: Int32

  /// Nil where another has it.
  init?(_ name: String) {
    holder = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let name = Array("\0scrape-lab-\(name)".utf8)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
    let size = MemoryLayout<sa_family_t>.size + name.count
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(holder, $0, socklen_t(size)) }
    }
    guard code == 0 else {
      close(holder)
      return nil
    }
  }

  deinit { close(holder) }
}

/// A hundred ports that this process alone gives out, as long as the object is there.
final class PortBlock: Sendable {
  /// Below the ports of `make range`, and below those that the kernel gives to clients.
  static let all = 10_000..<20_000
  static let size = 100
  static var count: Int { all.count / size }

  let ports: Range<Int>
  private let claim: Claim

  /// Nil where another holds it.
  init?(_ number: Int) {
    guard let claim = Claim("ports-\(number)") else { return nil }
    self.claim = claim
    let first = Self.all.lowerBound + number * Self.size
    ports = first..<first + Self.size
  }
}

/// The blocks of this process, and which port is next. None is given twice before all blocks are used.
private struct Ports {
  private var blocks: [PortBlock] = []
  private var queue: [Int] = []
  /// Processes that run side by side begin at different blocks.
  private var candidates = (0..<PortBlock.count).map {
    ($0 + Int(getpid())) % PortBlock.count
  }

  mutating func next() -> UInt16 {
    for _ in PortBlock.all {
      if queue.isEmpty { refill() }
      let port = UInt16(queue.removeFirst())
      if isFree(port) { return port }
    }
    fatalError("no port from \(PortBlock.all) is free")
  }

  private mutating func refill() {
    while !candidates.isEmpty {
      guard let block = PortBlock(candidates.removeFirst()) else { continue }
      blocks.append(block)
      queue = Array(block.ports)
      return
    }
    queue = blocks.flatMap(\.ports)
    if queue.isEmpty { fatalError("other processes hold all ports of \(PortBlock.all)") }
  }

  private func isFree(_ port: UInt16) -> Bool {
    [SOCK_STREAM, SOCK_DGRAM].allSatisfy { kind in
      let descriptor = socket(AF_INET, Int32(kind.rawValue | SOCK_CLOEXEC.rawValue), 0)
      defer { close(descriptor) }
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
      }
    }
  }
}
