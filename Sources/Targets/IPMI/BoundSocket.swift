internal import Engine
internal import Glibc
internal import Hosts
internal import Inventory
internal import Metrics

/// What carries datagrams to a BMC and back.
protocol DatagramCarrier: Sendable {
  /// Sends a datagram.
  func send(
    _ datagram: [UInt8], on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError)
  /// The next datagram; nil at the deadline.
  func receive(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> DatagramBridge.Arrival?
}

extension DatagramBridge: DatagramCarrier {}

/// A UDP socket with a chosen address of this machine, connected to a BMC: FreeIPMI's own has the address of
/// the route.
final class BoundSocket: DatagramCarrier {
  private let descriptor: FileDescriptor

  /// The corresponding C functions are `bind` and `connect`.
  init(to address: Dial.Address, from source: Dial.Address) throws(TargetError) {
    let kind = Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let number = socket(address.family, kind, 0)
    guard number >= 0 else {
      throw TargetError(.localError, "\(SystemError("socket")); raise `ulimit -n`")
    }
    descriptor = FileDescriptor(owning: number)
    do throws(SystemError) { try source.bind(number) } catch {
      throw TargetError(.localError, source.sourceFault(error))
    }
    let code = address.bytes.withUnsafeBytes { raw in
      raw.baseAddress.map {
        connect(number, $0.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
      } ?? -1
    }
    if code != 0 { throw Self.failure(SystemError("connect"), address, source) }
  }

  private static func failure(
    _ error: SystemError, _ address: Dial.Address, _ source: Dial.Address
  ) -> TargetError {
    switch error.code {
    case EHOSTUNREACH, ENETUNREACH, ENETDOWN, EINVAL:
      TargetError(.unreachable, "\(address.text) from \(source.text): \(error.message)")
    default: TargetError(.localError, "\(address.text) from \(source.text): \(error)")
    }
  }

  func send(
    _ datagram: [UInt8], on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) {
    // The error of an earlier datagram is reported by the next call, which then sends nothing; one that is
    // lost is sent again by FreeIPMI.
    for _ in 0..<2 {
      let count = datagram.withUnsafeBytes {
        Glibc.send(descriptor.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count >= 0 { return }
    }
  }

  func receive(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> DatagramBridge.Arrival? {
    while true {
      do throws(WaitError) {
        try await reactor.wait(descriptor.number, for: .read, by: deadline)
      } catch {
        if error == .timedOut { return nil }
        throw TargetError(error, while: "the BMC was asked")
      }
      var buffer = [UInt8](repeating: 0, count: DatagramBridge.longest)
      let count = recv(descriptor.number, &buffer, buffer.count, 0)
      if count >= 0 { return .datagram(Array(buffer.prefix(count))) }
      if errno == ECONNREFUSED { return .refused }
    }
  }
}
