import CCrypto

// How do the two sides of a session agree on keys, and what do they do with them?
//
// IPMI 2.0, 13.20 to 13.33 and table 22-20.

/// What a cipher suite is made of.
struct CipherSuite: Sendable {
  enum Hash: UInt8, Sendable {
    case none = 0
    case sha1 = 1
    case sha256 = 3

    /// Bytes of the code that ends RAKP 4 and each authenticated packet.
    var codeLength: Int {
      switch self {
      case .none: 0
      case .sha1: 12
      case .sha256: 16
      }
    }
  }

  var identifier: UInt8
  var authentication: Hash
  /// The numbers of the fields on the wire: 0, 1 (SHA-1, 96 bits) or 4 (SHA-256, 128 bits).
  var integrity: UInt8
  var isEncrypted: Bool

  static let all: [CipherSuite] = [
    CipherSuite(identifier: 0, authentication: .none, integrity: 0, isEncrypted: false),
    CipherSuite(identifier: 1, authentication: .sha1, integrity: 0, isEncrypted: false),
    CipherSuite(identifier: 2, authentication: .sha1, integrity: 1, isEncrypted: false),
    CipherSuite(identifier: 3, authentication: .sha1, integrity: 1, isEncrypted: true),
    CipherSuite(identifier: 15, authentication: .sha256, integrity: 0, isEncrypted: false),
    CipherSuite(identifier: 16, authentication: .sha256, integrity: 4, isEncrypted: false),
    CipherSuite(identifier: 17, authentication: .sha256, integrity: 4, isEncrypted: true),
  ]

  /// As Get Channel Cipher Suites lists it.
  var record: [UInt8] {
    [0xc0, identifier, authentication.rawValue, 0x40 | integrity, 0x80 | (isEncrypted ? 1 : 0)]
  }
}

/// The keyed hash of libcrypto; empty without an algorithm.
func hmac(_ hash: CipherSuite.Hash, _ key: [UInt8], _ message: [UInt8]) -> [UInt8] {
  guard hash != .none else { return [] }
  var code = [UInt8](repeating: 0, count: 32)
  var length: UInt32 = 0
  HMAC(
    hash == .sha1 ? EVP_sha1() : EVP_sha256(), key, Int32(key.count), message, message.count,
    &code, &length)
  return Array(code.prefix(Int(length)))
}

/// AES-128 in CBC mode without padding of its own; nil where the length is no multiple of 16.
func aes(encrypting: Bool, key: [UInt8], vector: [UInt8], _ text: [UInt8]) -> [UInt8]? {
  guard text.count % 16 == 0, key.count >= 16, vector.count == 16,
    let context = EVP_CIPHER_CTX_new()
  else { return nil }
  defer { EVP_CIPHER_CTX_free(context) }
  var result = [UInt8](repeating: 0, count: text.count + 16)
  var length: Int32 = 0
  EVP_CipherInit_ex(context, EVP_aes_128_cbc(), nil, key, vector, encrypting ? 1 : 0)
  EVP_CIPHER_CTX_set_padding(context, 0)
  guard EVP_CipherUpdate(context, &result, &length, text, Int32(text.count)) == 1 else {
    return nil
  }
  return Array(result.prefix(Int(length)))
}

func randomBytes(_ count: Int) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: count)
  RAND_bytes(&bytes, Int32(count))
  return bytes
}

/// A session from its opening to its end.
struct BMCSession {
  let suite: CipherSuite
  /// The console's number for it and ours.
  let console: UInt32
  let identifier: UInt32
  let ours = randomBytes(16)
  var theirs: [UInt8] = []
  /// The privilege that RAKP 1 asked for, as the byte that the codes are taken over.
  var role: UInt8 = 0
  var user: BMC.User?
  var rights = Rights(limit: 2)
  var isActive = false
  var lastUse: UInt64
  private var sessionKey: [UInt8] = []
  private var integrityKey: [UInt8] = []
  private var cipherKey: [UInt8] = []
  private var sequence: UInt32 = 0
  private var window = SequenceWindow()

  init(suite: CipherSuite, console: UInt32, identifier: UInt32, now: UInt64) {
    self.suite = suite
    self.console = console
    self.identifier = identifier
    lastUse = now
  }

  private var name: [UInt8] {
    let name = Array((user?.name ?? "").utf8)
    return [role, UInt8(name.count)] + name
  }

  /// What ends RAKP 2.
  func challenge(guid: [UInt8]) -> [UInt8] {
    hmac(
      suite.authentication, user?.key ?? [],
      little(console) + little(identifier) + theirs + ours + guid + name)
  }

  /// What RAKP 3 must end with.
  func proof() -> [UInt8] {
    hmac(suite.authentication, user?.key ?? [], ours + little(console) + name)
  }

  /// Works out the keys; afterwards the session is open.
  mutating func activate(groupKey: [UInt8]?) {
    let hash = suite.authentication
    sessionKey = hmac(hash, groupKey ?? user?.key ?? [], theirs + ours + name)
    integrityKey = hmac(hash, sessionKey, [UInt8](repeating: 1, count: 20))
    cipherKey = hmac(hash, sessionKey, [UInt8](repeating: 2, count: 20))
    isActive = true
  }

  /// What ends RAKP 4.
  func confirmation(guid: [UInt8]) -> [UInt8] {
    let code = hmac(suite.authentication, sessionKey, theirs + little(identifier) + guid)
    return Array(code.prefix(suite.authentication.codeLength))
  }

  private func code(over bytes: [UInt8]) -> [UInt8] {
    guard suite.integrity != 0 else { return [] }
    return Array(
      hmac(suite.authentication, integrityKey, bytes).prefix(suite.authentication.codeLength))
  }

  /// The message in a packet, or nil for one that is not to be believed, or came before.
  mutating func open(_ packet: RMCPPlus) -> [UInt8]? {
    guard packet.isAuthenticated == (suite.integrity != 0), packet.isEncrypted == suite.isEncrypted
    else { return nil }
    let length = suite.integrity == 0 ? 0 : suite.authentication.codeLength
    guard packet.bytes.count >= length,
      code(over: packet.bytes.dropLast(length)) == packet.bytes.suffix(length)
    else { return nil }
    guard window.accepts(packet.sequence) else { return nil }
    guard suite.isEncrypted else { return packet.body }
    guard packet.body.count >= 32,
      let text = aes(
        encrypting: false, key: cipherKey, vector: Array(packet.body.prefix(16)),
        Array(packet.body.dropFirst(16))),
      let padding = text.last, Int(padding) < text.count
    else { return nil }
    return text.dropLast(Int(padding) + 1)
  }

  /// The packet with an answer.
  mutating func seal(_ message: [UInt8]) -> [UInt8] {
    sequence &+= 1
    var body = message
    if suite.isEncrypted {
      let vector = randomBytes(16)
      let padding = (16 - (message.count + 1) % 16) % 16
      let text = message + (0..<padding).map { UInt8($0 + 1) } + [UInt8(padding)]
      body = vector + (aes(encrypting: true, key: cipherKey, vector: vector, text) ?? [])
    }
    let flags: UInt8 = (suite.isEncrypted ? 0x80 : 0) | (suite.integrity != 0 ? 0x40 : 0)
    var packet =
      [6, flags] + little(console) + little(sequence) + little(UInt16(body.count)) + body
    if suite.integrity != 0 {
      let padding = (4 - (packet.count + 2) % 4) % 4
      packet += [UInt8](repeating: 0xff, count: padding) + [UInt8(padding), 7]
      packet += code(over: packet)
    }
    return [6, 0, 0xff, 7] + packet
  }
}

extension [UInt8] {
  fileprivate func dropLast(_ count: Int) -> [UInt8] { Array(self[..<(self.count - count)]) }
}
