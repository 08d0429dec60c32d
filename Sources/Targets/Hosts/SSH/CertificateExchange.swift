internal import Engine
internal import Glibc
internal import Inventory
internal import Metrics

/// Fetches the certificate of a host: a key exchange that ends when the server has shown it.
///
/// libssh2 1.10 cannot receive one. A certificate is public: what it certifies is a key, and that the
/// server holds this key is proven by libssh2's own key exchange on the connection that is used. So
/// nothing is computed here: the connection ends after the server's first answer (RFC 4253, sections
/// 4.2, 6 and 7.1; RFC 5656, section 4), and no credential is sent on it.
struct CertificateExchange {
  private let carrier: any Carrier
  private var buffer: [UInt8] = []
  private var received = 0

  private static let limit = 128 << 10

  /// Key exchanges, each with a public key that any server accepts. The secret is not needed, so
  /// they are constants: base points of the curves would do for nobody who wanted one.
  private static let exchanges: [(name: String, publicKey: [UInt8])] = [
    ("curve25519-sha256", curve25519), ("curve25519-sha256@libssh.org", curve25519),
    ("ecdh-sha2-nistp256", nistp256),
  ]
  /// The base point (RFC 7748, section 4.1).
  private static let curve25519: [UInt8] = [9] + [UInt8](repeating: 0, count: 31)
  /// The base point, uncompressed (SEC 2, section 2.4.2).
  private static let nistp256: [UInt8] =
    [
      0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4,
      0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8,
      0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a,
      0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40,
      0x68, 0x37, 0xbf, 0x51, 0xf5,
    ]

  init(over carrier: any Carrier) { self.carrier = carrier }

  /// The certificate that the server shows; nil where it has none.
  mutating func fetch(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> HostCertificate? {
    defer { carrier.cut() }
    try await send(Array("SSH-2.0-scrape\r\n".utf8), on: reactor, by: deadline)
    try await send(Self.packet(proposal), on: reactor, by: deadline)
    try await readBanner(on: reactor, by: deadline)
    let offer = try await readPacket(20, on: reactor, by: deadline)
    var reader = WireReader(offer.dropFirst(17))
    guard let exchanges = reader.names(), let hostKeys = reader.names() else {
      throw TargetError(.protocolError, "the list of algorithms is damaged")
    }
    guard HostCertificate.algorithms.contains(where: hostKeys.contains) else { return nil }
    guard let exchange = Self.exchanges.first(where: { exchanges.contains($0.name) }) else {
      throw TargetError(
        .noCommonAlgorithm,
        "no key exchange to fetch its certificate: the host offers "
          + exchanges.joined(separator: ","))
    }
    var start = WireWriter()
    start.byte(30)
    start.string(exchange.publicKey)
    try await send(Self.packet(start.bytes), on: reactor, by: deadline)
    let reply = try await readPacket(31, on: reactor, by: deadline)
    var answer = WireReader(reply.dropFirst())
    guard let blob = answer.string(), let certificate = HostCertificate(Array(blob)) else {
      throw TargetError(.protocolError, "the host showed no certificate that can be read")
    }
    return certificate
  }

  /// KEXINIT: what is negotiated beside key exchange and host key is never used, so any name will do.
  private var proposal: [UInt8] {
    let ciphers =
      "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,"
      + "aes192-ctr,aes128-ctr,aes256-cbc,aes128-cbc,3des-cbc"
    let codes =
      "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,umac-128-etm@openssh.com,"
      + "umac-64-etm@openssh.com,hmac-sha1-etm@openssh.com,hmac-sha2-256,hmac-sha2-512,"
      + "umac-128@openssh.com,umac-64@openssh.com,hmac-sha1"
    let compression = "none,zlib@openssh.com,zlib"
    var message = WireWriter()
    message.byte(20)
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<16 { message.byte(generator.next()) }
    for list in [
      Self.exchanges.map(\.name).joined(separator: ","),
      HostCertificate.algorithms.joined(separator: ","), ciphers, ciphers, codes, codes,
      compression, compression, "", "",
    ] { message.string(list.utf8) }
    message.byte(0)
    message.uint32(0)
    return message.bytes
  }

  /// A packet before encryption: length, padding to a multiple of 8.
  private static func packet(_ payload: [UInt8]) -> [UInt8] {
    var padding = 8 - (payload.count + 5) % 8
    if padding < 4 { padding += 8 }
    var packet = WireWriter()
    packet.uint32(UInt32(payload.count + 1 + padding))
    packet.byte(UInt8(padding))
    return packet.bytes + payload + [UInt8](repeating: 0, count: padding)
  }

  // MARK: Bytes

  private mutating func readBanner(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) {
    // Other lines may stand before it (RFC 4253, section 4.2).
    for _ in 0..<64 {
      while buffer.firstIndex(of: UInt8(ascii: "\n")) == nil {
        try await fill(on: reactor, by: deadline)
      }
      let end = buffer.firstIndex(of: UInt8(ascii: "\n")) ?? 0
      let isBanner = buffer.starts(with: "SSH-".utf8)
      buffer.removeFirst(end + 1)
      if isBanner { return }
    }
    throw TargetError(.protocolError, "64 lines came, and no banner of SSH")
  }

  /// The payload of the next packet with this number; those that mean nothing are skipped.
  private mutating func readPacket(
    _ number: UInt8, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> [UInt8] {
    for _ in 0..<16 {
      while buffer.count < 5 { try await fill(on: reactor, by: deadline) }
      var head = WireReader(buffer)
      let length = Int(head.uint32() ?? 0)
      let padding = Int(head.byte() ?? 0)
      guard length <= 64 << 10, length >= padding + 2 else {
        throw TargetError(.protocolError, "a packet of \(length) bytes during the key exchange")
      }
      while buffer.count < length + 4 { try await fill(on: reactor, by: deadline) }
      let payload = Array(buffer[5..<length + 4 - padding])
      buffer.removeFirst(length + 4)
      switch payload.first {
      case number: return payload
      case 2, 4: continue  // ignore, debug
      case 1:
        throw TargetError(.connectionLost, "the server disconnected while showing its certificate")
      default:
        throw TargetError(
          .protocolError,
          "message \(payload.first ?? 0) came where \(number) was expected, for its certificate")
      }
    }
    throw TargetError(.protocolError, "no answer among 16 packets, for its certificate")
  }

  private mutating func fill(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) {
    let room = UnsafeMutableRawPointer.allocate(byteCount: 8 << 10, alignment: 16)
    defer { room.deallocate() }
    while true {
      guard received < Self.limit else {
        throw TargetError(.protocolError, "more than \(Self.limit >> 10) KiB for its certificate")
      }
      let count = carrier.receive(room, 8 << 10)
      if count > 0 {
        received += count
        buffer.append(contentsOf: UnsafeRawBufferPointer(start: room, count: count))
        return
      }
      try await pause(count, .read, on: reactor, by: deadline)
    }
  }

  private func send(
    _ bytes: [UInt8], on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { raw in
        raw.baseAddress.map { carrier.send($0 + done, raw.count - done) } ?? 0
      }
      if count > 0 {
        done += count
      } else {
        try await pause(count, .write, on: reactor, by: deadline)
      }
    }
  }

  private func pause(
    _ code: Int, _ readiness: Readiness, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) {
    if let failure = carrier.failure { throw failure }
    guard code == -Int(EAGAIN) else {
      throw TargetError(
        .connectionLost, "the server ended the connection while showing its certificate")
    }
    if deadline.isPast { throw TargetError(.timeout, "no end at the deadline of its certificate") }
    do {
      try await carrier.wait(on: reactor.ticket(), for: readiness, on: reactor, by: deadline)
    } catch {
      throw TargetError(error, while: "fetching its certificate")
    }
  }
}
