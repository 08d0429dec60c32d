internal import Engine
internal import Glibc
internal import Hosts
internal import Inventory
internal import Metrics

/// Carries the datagrams between FreeIPMI, which talks to a port of loopback, and a BMC behind jump hosts, or
/// one that is asked from a chosen address of this machine.
///
/// It takes datagrams of sockets of this process only. What it carries is RMCP+ as FreeIPMI made it:
/// the password never leaves this process, as both sides prove with it what they know (IPMI v2.0,
/// 13.28). It runs on one reactor, that of its jump host, hence `@unchecked`.
final class BMCRelay: @unchecked Sendable {
  /// The port of loopback. It exists until the thread with FreeIPMI's calls ends, so that no other relay
  /// gets the port while they still send to it.
  final class Door: Sendable {
    let port: UInt16
    private let socket: FileDescriptor

    var descriptor: Int32 { socket.number }

    init() throws(TargetError) {
      let socket = FileDescriptor(
        owning: Glibc.socket(
          AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0))
      var place = BMCRelay.loopback(0)
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let number = socket.number
      let isBound =
        number >= 0
        && withUnsafeMutablePointer(to: &place) { place in
          place.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(number, $0, size) == 0 && getsockname(number, $0, &size) == 0
          }
        }
      guard isBound else {
        throw TargetError(.localError, "\(SystemError("socket")); raise `ulimit -n`")
      }
      self.socket = socket
      port = UInt16(bigEndian: place.sin_port)
    }
  }

  let door: Door
  private let carrier: any DatagramCarrier
  /// The port of FreeIPMI's socket; a further session has another.
  private var peer: UInt16?
  private var strangers: Set<UInt16> = []
  /// Datagrams of other processes, which were dropped.
  private(set) var foreign = 0
  private(set) var received = 0
  /// Whether the BMC's address refuses datagrams on the port.
  private(set) var isRefused = false
  /// Why it carries nothing any more.
  private(set) var failure: TargetError?

  init(_ carrier: any DatagramCarrier) throws(TargetError) {
    self.carrier = carrier
    door = try Door()
  }

  /// Carries datagrams of both directions until the task is cancelled; `failed` is called where that ends
  /// before.
  func run(on reactor: isolated Reactor, _ failed: @escaping @Sendable () -> Void) async {
    await withTaskGroup(of: Void.self) { group in
      for isUp in [true, false] {
        group.addTask(executorPreference: reactor.executor) {
          await reactor.open { reactor in
            await self.carry(up: isUp, on: reactor)
            if self.failure != nil { failed() }
          }
        }
      }
    }
  }

  private func carry(up: Bool, on reactor: isolated Reactor) async {
    do throws(TargetError) {
      if up { try await sendAll(on: reactor) } else { try await receiveAll(on: reactor) }
    } catch {
      if error.reason != .cancelled { failure = failure ?? error }
    }
  }

  private func sendAll(on reactor: isolated Reactor) async throws(TargetError) {
    while true {
      do throws(WaitError) {
        _ = try await reactor.wait(door.descriptor, for: .read, by: .never)
      } catch {
        throw TargetError(error, while: "the BMC was asked")
      }
      // Not all at once: others have their turn.
      for _ in 0..<16 {
        guard let (datagram, port) = next() else { break }
        guard port == peer || isOwn(port) else {
          foreign += 1
          continue
        }
        peer = port
        if datagram.isEmpty || datagram.count > DatagramBridge.longest { continue }
        try await carrier.send(datagram, on: reactor, by: .after(.seconds(60)))
      }
    }
  }

  private func receiveAll(on reactor: isolated Reactor) async throws(TargetError) {
    while let arrival = try await carrier.receive(on: reactor, by: .never) {
      guard case .datagram(let bytes) = arrival else {
        isRefused = true
        continue
      }
      received += 1
      guard let peer else { continue }
      var place = Self.loopback(peer)
      // Lost like any datagram where there is no room.
      _ = bytes.withUnsafeBytes { raw in
        withUnsafePointer(to: &place) { place in
          place.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            sendto(
              door.descriptor, raw.baseAddress, raw.count, Int32(MSG_NOSIGNAL), $0,
              socklen_t(MemoryLayout<sockaddr_in>.size))
          }
        }
      }
    }
  }

  /// A datagram of loopback, and the port from which it came.
  private func next() -> (bytes: [UInt8], port: UInt16)? {
    var buffer = [UInt8](repeating: 0, count: DatagramBridge.longest + 1)
    var place = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let count = withUnsafeMutablePointer(to: &place) { place in
      place.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        recvfrom(door.descriptor, &buffer, buffer.count, 0, $0, &size)
      }
    }
    guard count >= 0 else { return nil }
    guard place.sin_addr.s_addr == UInt32(INADDR_LOOPBACK).bigEndian else { return ([], 0) }
    return (Array(buffer.prefix(count)), UInt16(bigEndian: place.sin_port))
  }

  /// Whether a UDP socket of this process has the port.
  private func isOwn(_ port: UInt16) -> Bool {
    guard port != 0, port != door.port, !strangers.contains(port) else { return false }
    for name in (try? Self.descriptors()) ?? [] {
      var place = sockaddr_in()
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      var kind: Int32 = 0
      var kindSize = socklen_t(MemoryLayout<Int32>.size)
      let isNamed = withUnsafeMutablePointer(to: &place) { place in
        place.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          getsockname(name, $0, &size) == 0
        }
      }
      if isNamed, place.sin_family == sa_family_t(AF_INET), place.sin_port == port.bigEndian,
        getsockopt(name, SOL_SOCKET, SO_TYPE, &kind, &kindSize) == 0,
        kind == Int32(SOCK_DGRAM.rawValue)
      {
        return true
      }
    }
    // A socket of ours may get the port later: that session is tried again in the next pass.
    if strangers.count < 1024 { strangers.insert(port) }
    return false
  }

  /// The open descriptors of this process.
  private static func descriptors() throws(SystemError) -> [Int32] {
    guard let folder = opendir("/proc/self/fd") else { throw SystemError("opendir") }
    defer { closedir(folder) }
    var found: [Int32] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if let number = Int32(name) { found.append(number) }
    }
    return found
  }

  fileprivate static func loopback(_ port: UInt16) -> sockaddr_in {
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_port = port.bigEndian
    place.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
    return place
  }
}
