// How are a BMC's packets cut and put together?
//
// RMCP and its ping: ASF 2.0. IPMI 1.5 and RMCP+ headers, LAN messages: IPMI 2.0, 13.1 to 13.8.

/// Cuts little-endian numbers from a packet; nil past its end.
struct PacketReader {
  private(set) var rest: ArraySlice<UInt8>

  init(_ bytes: some Sequence<UInt8>) { rest = ArraySlice(bytes) }

  mutating func byte() -> UInt8? { rest.popFirst() }

  mutating func number16() -> UInt16? {
    take(2).map { UInt16($0[0]) | UInt16($0[1]) << 8 }
  }

  mutating func number32() -> UInt32? {
    take(4).map { $0.reversed().reduce(0) { $0 << 8 | UInt32($1) } }
  }

  mutating func take(_ count: Int) -> [UInt8]? {
    guard count >= 0, rest.count >= count else { return nil }
    defer { rest = rest.dropFirst(count) }
    return Array(rest.prefix(count))
  }
}

/// The bytes of a number, the least significant first.
func little(_ number: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: number.littleEndian) { Array($0) }
}

/// Two's complement of the sum, so that all of it sums to zero.
func checksum(_ bytes: some Sequence<UInt8>) -> UInt8 {
  0 &- bytes.reduce(0) { $0 &+ $1 }
}

/// A request as it travels inside any session: 13.8.
struct LANMessage {
  var responder: UInt8
  var function: UInt8
  var unit: UInt8
  var requester: UInt8
  var sequence: UInt8
  var command: UInt8
  var body: [UInt8]

  init?(_ bytes: [UInt8]) {
    guard bytes.count >= 7, checksum(bytes[0..<3]) == 0, checksum(bytes[3...]) == 0 else {
      return nil
    }
    responder = bytes[0]
    function = bytes[1] >> 2
    unit = bytes[1] & 3
    requester = bytes[3]
    sequence = bytes[4]
    command = bytes[5]
    body = Array(bytes[6..<bytes.count - 1])
  }

  /// The answer with a completion code.
  func answer(_ code: UInt8, _ body: [UInt8]) -> [UInt8] {
    let head = [requester, (function | 1) << 2]
    let tail = [responder, sequence, command, code] + body
    return head + [checksum(head)] + tail + [checksum(tail)]
  }
}

/// What a datagram to port 623 may be.
enum Datagram {
  /// ASF's presence ping, with its tag.
  case ping(UInt8)
  case plain(PlainPacket)
  /// RMCP+: 13.6. `covered` is what the integrity code is taken over; `code` is that and no more
  /// where the packet says that it is authenticated.
  case plus(RMCPPlus)

  init?(_ bytes: [UInt8]) {
    var reader = PacketReader(bytes)
    guard let head = reader.take(4), head[0] == 6 else { return nil }
    switch head[3] & 0x1f {
    case 6:
      guard let ping = reader.take(8), ping[0..<5].elementsEqual([0, 0, 0x11, 0xbe, 0x80]) else {
        return nil
      }
      self = .ping(ping[5])
    case 7:
      guard let type = reader.rest.first else { return nil }
      if type == 6 {
        guard let packet = RMCPPlus(Array(reader.rest)) else { return nil }
        self = .plus(packet)
      } else {
        guard let packet = PlainPacket(Array(reader.rest)) else { return nil }
        self = .plain(packet)
      }
    default: return nil
    }
  }

  static func pong(_ tag: UInt8) -> [UInt8] {
    [6, 0, 0xff, 6, 0, 0, 0x11, 0xbe, 0x40, tag, 0, 16]
      + [0, 0, 0x11, 0xbe, 0, 0, 0, 0, 0x81, 0, 0, 0, 0, 0, 0, 0]
  }
}

/// An RMCP+ packet as it came.
struct RMCPPlus {
  enum Payload: UInt8 {
    case message = 0
    case openSession = 0x10
    case openSessionAnswer = 0x11
    case rakp1 = 0x12
    case rakp2 = 0x13
    case rakp3 = 0x14
    case rakp4 = 0x15
  }

  var payload: Payload
  var isEncrypted: Bool
  var isAuthenticated: Bool
  var session: UInt32
  var sequence: UInt32
  var body: [UInt8]
  /// All from the authentication type on, its integrity code included.
  var bytes: [UInt8]

  init?(_ bytes: [UInt8]) {
    var reader = PacketReader(bytes)
    guard reader.byte() == 6, let type = reader.byte(),
      let payload = Payload(rawValue: type & 0x3f),
      let session = reader.number32(), let sequence = reader.number32(),
      let length = reader.number16(), let body = reader.take(Int(length))
    else { return nil }
    self.payload = payload
    isEncrypted = type & 0x80 != 0
    isAuthenticated = type & 0x40 != 0
    self.session = session
    self.sequence = sequence
    self.body = body
    self.bytes = bytes
  }

  /// A packet outside of sessions, such as an answer of the key exchange.
  static func packet(_ payload: Payload, _ body: [UInt8]) -> [UInt8] {
    [6, 0, 0xff, 7, 6, payload.rawValue] + [UInt8](repeating: 0, count: 8)
      + little(UInt16(body.count)) + body
  }
}
