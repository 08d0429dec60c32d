public import Engine
internal import Glibc
internal import Parsers
public import Inventory

/// The network as this machine sees itself in it: its interfaces, and the ways out.
public struct OwnNetwork: Sendable {
  struct Interface: Sendable, Equatable {
    var isLoopback: Bool
    /// It is switched on, and there is a cable (IFF_UP and IFF_RUNNING, netdevice(7)).
    var isRunning: Bool
    /// The bytes of its addresses, but for those that are of one link only (fe80::/10).
    var addresses: [[UInt8]] = []
  }

  /// What the system says of the way to an address, without a packet being sent.
  public enum Way: Sendable, Equatable {
    case open
    /// Out of this interface, which has no carrier.
    case noCarrier(String)
    case none
    /// The system did not tell.
    case unknown
  }

  let interfaces: [String: Interface]

  init(_ interfaces: [String: Interface]) { self.interfaces = interfaces }

  /// The interfaces as they are now. The corresponding C function is `getifaddrs`.
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

  /// Whether any interface but the loopback could carry a packet.
  public var hasLink: Bool {
    interfaces.values.contains { !$0.isLoopback && $0.isRunning && !$0.addresses.isEmpty }
  }

  /// Whether the address is of this machine itself: a loopback address, or one of its interfaces'.
  public func isHere(_ address: Connect.Address) -> Bool {
    let bytes = Self.number(address.bytes, isFour: address.version == 4)
    if bytes.count == 4, bytes[0] == 127 || bytes[0] == 0 { return true }
    // ::1, and :: which means it, too.
    if bytes.count == 16, bytes.dropLast().allSatisfy({ $0 == 0 }), bytes[15] < 2 { return true }
    return interfaces.values.contains { $0.addresses.contains(bytes) }
  }

  /// The way to an address, by connecting a socket of datagrams: nothing is sent.
  public func way(to address: Connect.Address) -> Way {
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
    // The same address may be of several interfaces.
    guard let dead = ways.keys.min(), ways.values.allSatisfy({ !$0.isRunning }) else {
      return .open
    }
    return .noCarrier(dead)
  }

  /// The gateways of this IP version that packets take: of the default ways the best, without such
  /// all there are; at most four, in numbers.
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
      // An address of one link only is none without its interface.
      let isLocal = route.gateway.hasPrefix("fe80:")
      let text = isLocal ? "\(route.gateway)%\(route.interface)" : route.gateway
      let short = Connect.number(text)?.text ?? text
      if !gateways.contains(short) { gateways.append(short) }
    }
    return gateways
  }

  /// Whether a neighbour of IPv4 has told its hardware address when it was last asked for; nil where
  /// it was not.
  public static func isNeighbour(_ address: String) -> Bool? {
    guard let bytes = try? SmallFile.read("/proc/net/arp", limit: 16 << 20) else { return nil }
    return (try? Neighbours.parse(bytes.span))?.isComplete[address]
  }
}
