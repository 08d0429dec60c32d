/// Reads a message of DHCP: a fixed part and options.
///
/// Format: RFC 2131 section 2 and RFC 2132. Options in `file` and `sname` (overload) are not read.
public enum DHCPMessage: Parser {
  public struct Reading: Sendable, Equatable {
    /// Whether it comes from a server.
    public var isReply: Bool
    /// The transaction number, by which the client recognises its answers.
    public var transaction: UInt32
    /// The offered address, as `192.0.2.7`.
    public var offered: String
    /// The client's hardware address, six bytes.
    public var hardware: [UInt8]
    /// 1 DISCOVER, 2 OFFER, 5 ACK, 6 NAK; nil where the option is missing.
    public var type: Int?
    public var server: String?
    public var mask: String?
    public var routers: [String] = []
    public var nameServers: [String] = []
    /// Seconds.
    public var lease: UInt32?
  }

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    guard text.count >= 240 else { throw ParseError("DHCP", "shorter than its fixed part") }
    guard number(text, at: 236) == 0x6382_5363 else {
      throw ParseError("DHCP", "without the magic cookie")
    }
    var reading = Reading(
      isReply: text[0] == 2, transaction: number(text, at: 4), offered: address(text, at: 16),
      hardware: text.extracting(28..<34).bytes(limit: 6))
    var position = 240
    while position < text.count {
      let option = text[position]
      if option == 255 { break }
      if option == 0 {
        position += 1
        continue
      }
      guard position + 1 < text.count else { break }
      let length = Int(text[position + 1])
      let start = position + 2
      guard start + length <= text.count else {
        throw ParseError("DHCP", "option \(option) ends early")
      }
      switch option {
      case 53 where length == 1: reading.type = Int(text[start])
      case 54 where length == 4: reading.server = address(text, at: start)
      case 1 where length == 4: reading.mask = address(text, at: start)
      case 3: reading.routers = addresses(text, from: start, length)
      case 6: reading.nameServers = addresses(text, from: start, length)
      case 51 where length == 4: reading.lease = number(text, at: start)
      default: break
      }
      position = start + length
    }
    return reading
  }

  private static func number(_ text: Span<UInt8>, at start: Int) -> UInt32 {
    var number: UInt32 = 0
    for index in start..<(start + 4) { number = number << 8 | UInt32(text[index]) }
    return number
  }

  private static func address(_ text: Span<UInt8>, at start: Int) -> String {
    "\(text[start]).\(text[start + 1]).\(text[start + 2]).\(text[start + 3])"
  }

  private static func addresses(_ text: Span<UInt8>, from start: Int, _ length: Int) -> [String] {
    var addresses: [String] = []
    var position = start
    while position + 4 <= start + length {
      addresses.append(address(text, at: position))
      position += 4
    }
    return addresses
  }
}
