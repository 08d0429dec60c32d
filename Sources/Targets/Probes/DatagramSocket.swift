internal import Engine
internal import Glibc
internal import Metrics
internal import Inventory

/// A datagram socket connected to one peer: the kernel drops packets of others.
final class DatagramSocket {
  private let descriptor: FileDescriptor
  private let address: Dial.Address

  /// A received datagram, its time, and its remaining hops.
  struct Datagram {
    var bytes: [UInt8]
    /// The kernel's receive time in nanoseconds of CLOCK_REALTIME; nil if it gives none.
    var time: Int64?
    /// The time to live (IPv4) or hop limit (IPv6) of the packet.
    var hops: Int?
  }

  /// The corresponding C functions are `socket` and `connect`.
  init(
    _ address: Dial.Address, from source: Dial.Address?, kind: __socket_type = SOCK_DGRAM,
    number: Int32 = 0
  ) throws(SystemError) {
    let flags = Int32(kind.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let socket = socket(address.family, flags, number)
    guard socket >= 0 else { throw SystemError("socket") }
    descriptor = FileDescriptor(owning: socket)
    self.address = address
    if let source { try source.bind(socket) }
    let code = address.bytes.withUnsafeBytes { raw in
      raw.baseAddress.map {
        connect(socket, $0.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
      } ?? -1
    }
    guard code == 0 else { throw SystemError("connect") }
    // The kernel's receive time: the process's own would include the delay of the reactor.
    set(SOL_SOCKET, SO_TIMESTAMPNS, 1)
    if address.version == 4 {
      set(Int32(IPPROTO_IP), IP_RECVTTL, 1)
      // Without this option, errors from routers are not reported.
      set(Int32(IPPROTO_IP), IP_RECVERR, 1)
    } else {
      set(Int32(IPPROTO_IPV6), IPV6_RECVHOPLIMIT, 1)
      set(Int32(IPPROTO_IPV6), IPV6_RECVERR, 1)
    }
  }

  private func set(_ level: Int32, _ option: Int32, _ value: Int32) {
    var value = value
    setsockopt(descriptor.number, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  /// Sets an option whose value is a block of bytes.
  func set(_ level: Int32, _ option: Int32, _ value: [UInt8]) {
    _ = value.withUnsafeBytes { raw in
      setsockopt(descriptor.number, level, option, raw.baseAddress, socklen_t(raw.count))
    }
  }

  /// Sends a datagram; returns nanoseconds of CLOCK_REALTIME just before.
  func send(_ bytes: [UInt8]) throws(SystemError) -> Int64 {
    var retried = false
    while true {
      let time = realtime()
      let count = bytes.withUnsafeBytes { raw in
        Glibc.send(descriptor.number, raw.baseAddress, raw.count, Int32(MSG_NOSIGNAL))
      }
      if count >= 0 { return time }
      // The error of an earlier packet is reported by the next call, which then sends nothing.
      let code = errno
      clearErrors()
      if retried || code == EAGAIN || code == ENOBUFS { throw SystemError("send", code) }
      retried = true
    }
  }

  /// The next received datagram; nil if there is none yet.
  func receive() throws(SystemError) -> Datagram? {
    var code: Int32 = 0
    let datagram = withUnsafeTemporaryAllocation(byteCount: 4096 + 256, alignment: 16) {
      raw -> Datagram? in
      var part = iovec(iov_base: raw.baseAddress, iov_len: 4096)
      return withUnsafeMutablePointer(to: &part) { part -> Datagram? in
        var message = msghdr()
        message.msg_iov = part
        message.msg_iovlen = 1
        message.msg_control = raw.baseAddress.map { $0 + 4096 }
        message.msg_controllen = 256
        let count = recvmsg(descriptor.number, &message, 0)
        guard count >= 0 else {
          code = errno
          return nil
        }
        var datagram = Datagram(bytes: Array(raw[..<min(count, 4096)]), time: nil, hops: nil)
        let control = raw[4096..<4096 + min(256, Int(message.msg_controllen))]
        read(UnsafeRawBufferPointer(rebasing: control), into: &datagram)
        return datagram
      }
    }
    if datagram != nil || code == EINTR { return datagram }
    // An unread error would keep the socket ready for ever.
    clearErrors()
    if code == EAGAIN { return nil }
    throw SystemError("recv", code)
  }

  /// Reads cmsg(3) records: length, level, type, then the value, each aligned to 8 bytes.
  private func read(_ control: UnsafeRawBufferPointer, into datagram: inout Datagram) {
    var rest = control[...]
    func word<Value: BitwiseCopyable>(_ offset: Int, as type: Value.Type) -> Value {
      control.loadUnaligned(fromByteOffset: rest.startIndex + offset, as: type)
    }
    while rest.count >= 16 {
      let length = Int(truncatingIfNeeded: word(0, as: UInt64.self))
      guard length >= 16, length <= rest.count else { return }
      let (level, type) = (word(8, as: Int32.self), word(12, as: Int32.self))
      if level == SOL_SOCKET, type == SO_TIMESTAMPNS, length >= 32 {
        let (seconds, part) = (word(16, as: Int64.self), word(24, as: Int64.self))
        datagram.time = seconds &* 1_000_000_000 &+ part
      } else if length >= 20,
        level == Int32(IPPROTO_IP) && type == IP_TTL
          || level == Int32(IPPROTO_IPV6) && type == IPV6_HOPLIMIT
      {
        datagram.hops = Int(word(16, as: Int32.self))
      }
      rest = rest.dropFirst((length + 7) & ~7)
    }
  }

  /// Empties the error queue, so that the socket does not stay ready because of it.
  private func clearErrors() {
    withUnsafeTemporaryAllocation(byteCount: 512, alignment: 1) { raw in
      for _ in 0..<64
      where recv(descriptor.number, raw.baseAddress, raw.count, Int32(MSG_ERRQUEUE)) < 0 {
        return
      }
    }
  }

  /// Waits until a datagram arrives; false at the deadline.
  func wait(on reactor: isolated Reactor, by deadline: Deadline) async throws(Verdict) -> Bool {
    do throws(WaitError) {
      try await reactor.wait(descriptor.number, for: .read, by: deadline)
      return true
    } catch {
      if error == .timedOut { return false }
      throw Verdict(error, while: "waiting for an answer")
    }
  }
}

/// Nanoseconds of CLOCK_REALTIME.
func realtime() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
}

extension Verdict {
  /// The verdict for an error of a datagram socket.
  init(_ error: SystemError, _ endpoint: Endpoint) {
    let words = "\(endpoint.number): \(error.message)"
    switch error.code {
    case ECONNREFUSED: self.init(.critical, .connectionRefused, words)
    case EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN, ENOPROTOOPT, EOPNOTSUPP:
      self.init(.critical, .unreachable, words)
    case EACCES, EPERM:
      self.init(.unknown, .notPermitted, words)
    default:
      self.init(
        .unknown, .localError,
        endpoint.source?.sourceFault(error) ?? "\(endpoint.number): \(error)")
    }
  }
}
