import CCrypto

// How does a session of IPMI 1.5 go? IPMI 2.0, 6.11, 13.6, 22.16 to 22.17.

/// A packet of IPMI 1.5 as it came.
struct PlainPacket {
  /// How the code is made: table 13-8.
  enum Authentication: UInt8, Sendable {
    case none = 0
    case md5 = 2
    case straight = 4
  }

  var authentication: Authentication
  var sequence: UInt32
  var session: UInt32
  /// Sixteen bytes, or none without authentication.
  var code: [UInt8]
  var message: [UInt8]

  init?(_ bytes: [UInt8]) {
    var reader = PacketReader(bytes)
    guard let type = reader.byte(), let authentication = Authentication(rawValue: type),
      let sequence = reader.number32(), let session = reader.number32(),
      let code = reader.take(authentication == .none ? 0 : 16), let length = reader.byte(),
      let message = reader.take(Int(length))
    else { return nil }
    self.authentication = authentication
    self.sequence = sequence
    self.session = session
    self.code = code
    self.message = message
  }

  /// A packet outside of sessions.
  static func packet(_ message: [UInt8]) -> [UInt8] {
    [6, 0, 0xff, 7] + [UInt8](repeating: 0, count: 9) + [UInt8(message.count)] + message
  }
}

/// A session of IPMI 1.5 from its challenge on.
struct PlainSession {
  let authentication: PlainPacket.Authentication
  let identifier: UInt32
  let challenge = randomBytes(16)
  let user: BMC.User
  var rights = Rights(limit: 2)
  var isActive = false
  var lastUse: UInt64
  /// The number of the next packet to the console, which chose the first.
  var sequence: UInt32 = 0
  /// The numbers from the console, which begin where we said.
  var window = SequenceWindow()

  private var password: [UInt8] { Array(user.key.prefix(16)) }

  /// 22.17.1: over the password, the session, the message, the number and the password.
  func code(_ message: [UInt8], _ sequence: UInt32) -> [UInt8] {
    switch authentication {
    case .none: return []
    case .straight: return password
    case .md5:
      let text = password + little(identifier) + message + little(sequence) + password
      var digest = [UInt8](repeating: 0, count: 16)
      EVP_Digest(text, text.count, &digest, nil, EVP_md5(), nil)
      return digest
    }
  }

  func believes(_ packet: PlainPacket) -> Bool {
    packet.authentication == authentication
      && packet.code == code(packet.message, packet.sequence)
  }

  /// The packet with an answer.
  mutating func seal(_ message: [UInt8]) -> [UInt8] {
    let number = sequence
    sequence &+= 1
    return [6, 0, 0xff, 7, authentication.rawValue] + little(number) + little(identifier)
      + code(message, number) + [UInt8(message.count)] + message
  }
}

/// What a session may ever do, and what it may do now: 2 user, 3 operator, 4 administrator.
struct Rights {
  var limit: UInt8
  var privilege: UInt8

  init(limit: UInt8) {
    self.limit = limit
    privilege = min(2, limit)
  }
}

/// Which sequence numbers have come: at most 16 ahead, 16 behind, and nothing twice. 6.12.13.
struct SequenceWindow {
  private var newest: UInt32 = 0
  /// Bit n: the packet with the number `newest` - n has come.
  private var seen: UInt32 = 0

  init(after newest: UInt32 = 0) { self.newest = newest }

  mutating func accepts(_ number: UInt32) -> Bool {
    if number > newest {
      guard number - newest <= 16 else { return false }
      seen = seen << (number - newest) | 1
      newest = number
      return true
    }
    let age = newest - number
    guard age < 16, seen & 1 << age == 0 else { return false }
    seen |= 1 << age
    return true
  }
}
