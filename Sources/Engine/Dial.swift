internal import Glibc

/// Looks up the addresses of a name and opens a TCP connection to the first that accepts.
public enum Dial {
  /// Names are looked up on their own threads, as `getaddrinfo` blocks.
  private static let resolvers = BlockingPool(name: "resolver", threads: 16)

  /// An address in the form of the socket calls.
  public struct Address: Sendable, Equatable {
    public var bytes: [UInt8]
    public var family: Int32

    /// 4 or 6.
    public var version: Int { family == AF_INET6 ? 6 : 4 }

    /// Binds a socket to this address. The corresponding C function is `bind`.
    public func bind(_ socket: Int32) throws(SystemError) {
      let code = bytes.withUnsafeBytes { raw in
        raw.baseAddress.map {
          Glibc.bind(socket, $0.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
        } ?? -1
      }
      guard code == 0 else { throw SystemError("bind") }
    }

    /// Why this machine cannot connect from this address.
    public func sourceFault(_ error: SystemError) -> String {
      error.code == EADDRNOTAVAIL
        ? "source address \(text) is not an address of this machine" : "\(text): \(error)"
    }

    /// fe80::/10 (RFC 4291) and 169.254.0.0/16 (RFC 3927).
    fileprivate var isLinkLocal: Bool {
      if version == 4 { return bytes.count >= 8 && bytes[4] == 169 && bytes[5] == 254 }
      return bytes.count >= 24 && bytes[8] == 0xfe && bytes[9] & 0xc0 == 0x80
    }

    /// The same address with this port, which both families have in the same place.
    public func with(port: UInt16) -> Address {
      var copy = self
      guard copy.bytes.count >= 4 else { return self }
      copy.bytes[2] = UInt8(port >> 8)
      copy.bytes[3] = UInt8(port & 0xff)
      return copy
    }

    /// The port, which both families have in the same place.
    public var port: UInt16 {
      bytes.count >= 4 ? UInt16(bytes[2]) << 8 | UInt16(bytes[3]) : 0
    }

    /// Address and port: `10.0.6.21:22`, `[2001:db8::1]:22`.
    public var place: String {
      version == 6 ? "[\(text)]:\(port)" : "\(text):\(port)"
    }

    /// The numeric address without the port.
    public var text: String {
      bytes.withUnsafeBytes { raw in
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { name in
          guard let address = raw.baseAddress?.assumingMemoryBound(to: sockaddr.self),
            let base = name.baseAddress,
            getnameinfo(
              address, socklen_t(raw.count), base, socklen_t(name.count), nil, 0, NI_NUMERICHOST)
              == 0
          else { return "?" }
          return String(cString: base)
        }
      }
    }
  }

  /// The local addresses that a source stands for: itself, or those of an interface of this machine.
  ///
  /// Link-local addresses of an interface are left out: they reach one link only.
  public static func sources(_ text: String) throws(DialError) -> [Address] {
    if let number = number(text) { return [number] }
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { throw DialError(.local, "\(SystemError("getifaddrs"))") }
    defer { freeifaddrs(list) }
    var found: [Address] = []
    var isThere = false
    var next = list
    while let entry = next?.pointee {
      next = entry.ifa_next
      guard String(cString: entry.ifa_name) == text else { continue }
      isThere = true
      guard let address = entry.ifa_addr else { continue }
      let family = Int32(address.pointee.sa_family)
      let size =
        family == AF_INET
        ? MemoryLayout<sockaddr_in>.size
        : family == AF_INET6 ? MemoryLayout<sockaddr_in6>.size : 0
      guard size > 0 else { continue }
      let bytes = UnsafeRawBufferPointer(start: address, count: size)
      let own = Address(bytes: Array(bytes), family: family)
      if !own.isLinkLocal { found.append(own) }
    }
    guard isThere else {
      throw DialError(.local, "source \"\(text)\" is no interface of this machine")
    }
    guard !found.isEmpty else { throw DialError(.local, "interface \(text) has no address") }
    return found
  }

  /// Why this machine cannot connect from a source; nil if it can.
  public static func sourceFault(_ text: String) -> String? {
    do throws(DialError) {
      for source in try sources(text) {
        let number = socket(
          source.family, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { continue }
        let descriptor = FileDescriptor(owning: number)
        do throws(SystemError) { try source.bind(descriptor.number) } catch {
          return source.sourceFault(error)
        }
      }
      return nil
    } catch { return error.message }
  }

  /// The addresses of a name or a number, in the system's order of preference.
  public static func resolve(
    _ name: String, port: UInt16, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DialError) -> [Address] {
    // A numeric address needs no name server and no thread.
    if case .success(let addresses) = lookup(name, port: port, flags: AI_NUMERICHOST) {
      return addresses
    }
    let found = await resolvers.run(by: deadline, on: reactor) {
      lookup(name, port: port, flags: AI_ADDRCONFIG)
    }
    switch found {
    case .success(let addresses): return addresses
    case .failure(let error): throw error
    case nil:
      if Task.isCancelled { throw DialError(.cancelled, "ended while looking up \"\(name)\"") }
      throw DialError(.nameUnknown, "no answer from the name server for \"\(name)\"")
    }
  }

  /// The address of a numeric text; nil if it is not numeric.
  public static func number(_ text: String) -> Address? {
    guard case .success(let addresses) = lookup(text, port: 0, flags: AI_NUMERICHOST) else {
      return nil
    }
    return addresses.first
  }

  private static func lookup(
    _ name: String, port: UInt16, flags: Int32
  ) -> Result<[Address], DialError> {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = flags | AI_NUMERICSERV
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(name, String(port), &hints, &list)
    guard code == 0 else {
      let problem = String(cString: gai_strerror(code))
      return .failure(DialError(.nameUnknown, "\"\(name)\": \(problem)"))
    }
    defer { freeaddrinfo(list) }
    var addresses: [Address] = []
    var next = list
    while let entry = next?.pointee {
      if let address = entry.ai_addr {
        let bytes = UnsafeRawBufferPointer(start: address, count: Int(entry.ai_addrlen))
        addresses.append(Address(bytes: Array(bytes), family: entry.ai_family))
      }
      next = entry.ai_next
    }
    return .success(addresses)
  }

  /// A connected, non-blocking socket without Nagle's delay.
  ///
  /// `sources` are the local addresses to connect from, the first of the version of IP; none leaves the
  /// choice to the system. The corresponding C functions are `socket`, `bind` and `connect`.
  public static func tcp(
    to addresses: [Address], from sources: [Address] = [], on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(DialError) -> FileDescriptor {
    var last = DialError(.nameUnknown, "the name has no address")
    if let source = sources.first, let address = addresses.first {
      last = DialError(
        .local,
        "source address \(source.text) and \(address.text) are of different versions of IP")
    }
    func source(for address: Address) -> Address? {
      sources.first { $0.version == address.version }
    }
    let addresses = addresses.filter { sources.isEmpty || source(for: $0) != nil }.prefix(4)
    for (index, address) in addresses.enumerated() {
      // A silent address must leave time for the next ones.
      let share = deadline.remaining / (addresses.count - index)
      do {
        return try await tcp(
          to: address, from: source(for: address), on: reactor,
          by: min(deadline, .after(share)))
      } catch {
        last = error
        if error.reason == .cancelled { throw error }
      }
    }
    throw last
  }

  private static func tcp(
    to address: Address, from source: Address?, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(DialError) -> FileDescriptor {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let number = socket(address.family, kind, 0)
    guard number >= 0 else {
      throw DialError(.local, "\(SystemError("socket")); raise `ulimit -n`")
    }
    let descriptor = FileDescriptor(owning: number)
    if let source {
      do throws(SystemError) { try source.bind(number) } catch {
        throw DialError(.local, source.sourceFault(error))
      }
    }
    var one: Int32 = 1
    setsockopt(number, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    let code = address.bytes.withUnsafeBytes { raw in
      raw.baseAddress.map {
        connect(number, $0.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
      } ?? -1
    }
    if code != 0 {
      guard errno == EINPROGRESS else { throw failure(errno, address) }
      do {
        try await reactor.wait(number, for: .write, by: deadline)
      } catch {
        switch error {
        case .timedOut: throw DialError(.timeout, "no answer while connecting to \(address.place)")
        case .cancelled: throw DialError(.cancelled, "ended while connecting to \(address.place)")
        case .failed(let cause):
          throw DialError(.local, "\(cause) while connecting to \(address.place)")
        }
      }
      var problem: Int32 = 0
      var size = socklen_t(MemoryLayout<Int32>.size)
      getsockopt(number, SOL_SOCKET, SO_ERROR, &problem, &size)
      guard problem == 0 else { throw failure(problem, address) }
    }
    return descriptor
  }

  private static func failure(_ code: Int32, _ address: Address) -> DialError {
    let words = "\(address.place): \(SystemError("connect", code).message)"
    switch code {
    case ECONNREFUSED: return DialError(.refused, words)
    case ECONNRESET: return DialError(.reset, words)
    case ETIMEDOUT: return DialError(.timeout, words)
    case EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL: return DialError(.local, words)
    default: return DialError(.unreachable, words)
    }
  }
}

/// Why no connection was made.
public struct DialError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Reason: String, Sendable {
    /// The name has no address.
    case nameUnknown = "name_unknown"
    /// Nothing listens on the port.
    case refused
    /// The connection was closed after the TCP handshake and before the first read: a server that
    /// sheds load.
    case reset
    /// No route to the address.
    case unreachable
    case timeout
    /// A resource of this machine is missing.
    case local
    case cancelled
  }

  public var reason: Reason
  /// What happened, as a sentence fragment.
  public var message: String

  public init(_ reason: Reason, _ message: String) {
    self.reason = reason
    self.message = message
  }

  public var description: String { message }
}
