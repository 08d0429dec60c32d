/// A route over a gateway.
public struct Route: Sendable, Equatable {
  /// The numeric gateway; an IPv6 address has all its digits.
  public var gateway: String
  public var interface: String
  /// Whether it is a default route.
  public var isDefault: Bool
  /// The metric: the kernel uses the route with the lowest.
  public var metric: UInt64

  public init(gateway: String, interface: String, isDefault: Bool, metric: UInt64) {
    self.gateway = gateway
    self.interface = interface
    self.isDefault = isDefault
    self.metric = metric
  }

  /// The limit of routes: a router may have a million.
  static let limit = 64
  /// RTF_UP and RTF_GATEWAY of route(8).
  static let flags: UInt64 = 3
}

/// Reads /proc/net/route: the IPv4 routes over a gateway.
///
/// Format: proc(5). A header, then name, destination, gateway, flags, two counters, metric and
/// mask; addresses are hexadecimal in the machine's own byte order.
public enum Routes: Parser {
  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> [Route] {
    var routes: [Route] = []
    var lines = Scanner(text)
    guard lines.line()?.starts(with: "Iface") == true else {
      throw ParseError("/proc/net/route", "expected the head of the table", at: text)
    }
    while routes.count < Route.limit, let line = lines.line() {
      var words = Scanner(line)
      guard let name = words.word(), name.count <= 64,
        let destination = words.word()?.hexadecimal, let gateway = words.word()?.hexadecimal,
        let flags = words.word()?.hexadecimal, flags & Route.flags == Route.flags,
        words.skip(words: 2), let metric = words.unsigned(), let mask = words.word()?.hexadecimal
      else { continue }
      // In memory, the number is in network byte order.
      let number = UInt32(truncatingIfNeeded: gateway).bigEndian
      let bytes = [number >> 24, number >> 16 & 255, number >> 8 & 255, number & 255]
      routes.append(
        Route(
          gateway: bytes.map { String($0) }.joined(separator: "."), interface: name.string,
          isDefault: destination == 0 && mask == 0, metric: metric))
    }
    return routes
  }
}

/// Reads /proc/net/ipv6_route: the IPv6 routes over a gateway.
///
/// Format: the kernel's `rt6_info_route`: destination and prefix length, source and length,
/// gateway, metric, two counters, flags (all hexadecimal), name.
public enum Routes6: Parser {
  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> [Route] {
    var routes: [Route] = []
    var lines = Scanner(text)
    while routes.count < Route.limit, let line = lines.line() {
      var words = Scanner(line)
      guard let destination = words.word(), destination.count == 32,
        let prefix = words.word()?.hexadecimal, words.skip(words: 2),
        let gateway = words.word(), gateway.count == 32, let metric = words.word()?.hexadecimal,
        words.skip(words: 2), let flags = words.word()?.hexadecimal,
        flags & Route.flags == Route.flags, let name = words.word(), name.count <= 64
      else { continue }
      var address = ""
      var isHexadecimal = true
      for start in stride(from: 0, to: 32, by: 4) {
        let part = gateway.extracting(start..<start + 4)
        isHexadecimal = isHexadecimal && part.hexadecimal != nil
        address += "\(start == 0 ? "" : ":")\(part.string)"
      }
      guard isHexadecimal else { continue }
      routes.append(
        Route(
          gateway: address, interface: name.string, isDefault: prefix == 0, metric: metric))
    }
    return routes
  }
}
