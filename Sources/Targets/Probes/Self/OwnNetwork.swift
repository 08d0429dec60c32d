public import Engine
internal import Glibc
internal import Parsers
internal import Inventory

/// The network from this machine's view: its interfaces and routes.
public struct OwnNetwork: Sendable {
  struct Interface: Sendable, Equatable {
    var isLoopback: Bool
    /// The interface is up and has a carrier (IFF_UP and IFF_RUNNING, netdevice(7)).
    var isRunning: Bool
    /// The bytes of its addresses, without link-local ones (fe80::/10).
    var addresses: [[UInt8]] = []
  }

  /// The system's route to an address, found without sending a packet.
  public enum Way: Sendable, Equatable {
    case open
    /// Through this interface, which has no carrier.
    case noCarrier(String)
    case none
    /// The system did not report it.
    case unknown
  }

  let interfaces: [String: Interface]

  init(_ interfaces: [String: Interface]) { self.interfaces = interfaces }

  /// The present interfaces. The corresponding C function is `getifaddrs`.
  public init() {
    var all: [String: Interface] = [:]
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else {
      interfaces = [:]
      return
    }
    defer { freeifaddrs(list) }
    var next = list
    while let entry = next?.pointee {
      next = entry.ifa_next
      guard let name = entry.ifa_name.map({ String(cString: $0) }) else { continue }
      let flags = entry.ifa_flags
      func has(_ flag: Int) -> Bool { Int(flags) & flag == flag }
      var interface =
        all[name]
        ?? Interface(
          isLoopback: has(Int(IFF_LOOPBACK)),
          isRunning: has(Int(IFF_UP) | Int(IFF_RUNNING)))
      let family = entry.ifa_addr.map { Int32($0.pointee.sa_family) }
      if let address = entry.ifa_addr, family == AF_INET || family == AF_INET6 {
        let size =
          family == AF_INET ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
        let bytes = Self.number(
          Array(UnsafeRawBufferPointer(start: address, count: size)), isFour: family == AF_INET)
        if !(bytes.count == 16 && bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80) {
          interface.addresses.append(bytes)
        }
      }
      all[name] = interface
    }
    interfaces = all
  }

  /// The address itself in a sockaddr; one of IPv4 in IPv6 as IPv4.
  private static func number(_ socket: [UInt8], isFour: Bool) -> [UInt8] {
    if isFour { return Array(socket.dropFirst(4).prefix(4)) }
    let bytes = Array(socket.dropFirst(8).prefix(16))
    let mapped = [UInt8](repeating: 0, count: 10) + [0xff, 0xff]
    return bytes.starts(with: mapped) ? Array(bytes.dropFirst(12)) : bytes
  }

  /// Whether any interface but the loopback can carry a packet.
  public var hasLink: Bool {
    interfaces.values.contains { !$0.isLoopback && $0.isRunning && !$0.addresses.isEmpty }
  }

  /// Whether this machine has the address: a loopback address, or one of its interfaces'.
  public func isHere(_ address: Dial.Address) -> Bool {
    let bytes = Self.number(address.bytes, isFour: address.version == 4)
    if bytes.count == 4, bytes[0] == 127 || bytes[0] == 0 { return true }
    // ::1, and ::, which has the same meaning.
    if bytes.count == 16, bytes.dropLast().allSatisfy({ $0 == 0 }), bytes[15] < 2 { return true }
    return interfaces.values.contains { $0.addresses.contains(bytes) }
  }

  /// The route to an address, found by connecting a datagram socket: nothing is sent.
  public func way(to address: Dial.Address) -> Way {
    let number = socket(
      address.family, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue),
      0)
    guard number >= 0 else { return .unknown }
    let descriptor = FileDescriptor(owning: number)
    let bytes = address.with(port: 9).bytes
    let code = bytes.withUnsafeBytes { raw in
      raw.baseAddress.map {
        connect(
          descriptor.number, $0.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
      } ?? -1
    }
    guard code == 0 else {
      switch errno {
      case ENETUNREACH, EHOSTUNREACH, ENETDOWN: return .none
      default: return .unknown
      }
    }
    var source = [UInt8](repeating: 0, count: MemoryLayout<sockaddr_in6>.size)
    var size = socklen_t(source.count)
    let named = source.withUnsafeMutableBytes { raw in
      raw.baseAddress.map {
        getsockname(descriptor.number, $0.assumingMemoryBound(to: sockaddr.self), &size)
      } ?? -1
    }
    guard named == 0 else { return .unknown }
    let own = Self.number(source, isFour: address.version == 4)
    let ways = interfaces.filter { $0.value.addresses.contains(own) }
    // Several interfaces may have the same address.
    guard let dead = ways.keys.min(), ways.values.allSatisfy({ !$0.isRunning }) else {
      return .open
    }
    return .noCarrier(dead)
  }

  /// The gateways of this IP version: those of the best default routes, or of all routes if there
  /// is no default; at most four, numeric.
  public static func gateways(version: Int) -> [String] {
    let path = version == 4 ? "/proc/net/route" : "/proc/net/ipv6_route"
    guard let bytes = try? SmallFile.read(path, limit: 16 << 20) else { return [] }
    let routes =
      (version == 4 ? try? Routes.parse(bytes.span) : try? Routes6.parse(bytes.span)) ?? []
    return gateways(of: routes)
  }

  static func gateways(of routes: [Route]) -> [String] {
    let defaults = routes.filter(\.isDefault)
    let best = defaults.map(\.metric).min()
    let chosen = defaults.isEmpty ? routes : defaults.filter { $0.metric == best }
    var gateways: [String] = []
    for route in chosen where gateways.count < 4 {
      // A link-local address needs its interface.
      let isLocal = route.gateway.hasPrefix("fe80:")
      let text = isLocal ? "\(route.gateway)%\(route.interface)" : route.gateway
      let short = Dial.number(text)?.text ?? text
      if !gateways.contains(short) { gateways.append(short) }
    }
    return gateways
  }

  /// Whether the hardware address of an IPv4 neighbour was resolved at the last attempt; nil if
  /// there was none.
  public static func isNeighbour(_ address: String) -> Bool? {
    guard let bytes = try? SmallFile.read("/proc/net/arp", limit: 16 << 20) else { return nil }
    return (try? Neighbours.parse(bytes.span))?.isComplete[address]
  }
}
