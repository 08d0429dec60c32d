internal import Glibc

/// TLS between libmariadb, which speaks in clear, and its server.
///
/// libmariadb 3.3 agrees on TLS with blocking reads, in its non-blocking calls, too: a silent server
/// would hold up the reactor for ever. Here it learns that the server has no TLS, and what it sends is
/// sealed on the way. Nothing but the request for TLS leaves before the certificate is trusted.
///
/// Format: MySQL's documentation of its protocol, "Protocol::SSLRequest". A packet is its length in
/// three bytes, its number, and its payload. The client sends the first 32 bytes of its answer to the
/// greeting alone, and after the handshake the whole answer, with the next number. The library does not
/// know of the first one, so that packets of the log-in are renumbered.
final class MySQLSeal {
  private enum State {
    /// Waits for the greeting.
    case greeting
    /// Waits for the library's answer to it.
    case answering
    /// Waits for the end of the handshake; the library's answer is held.
    case handshake([UInt8])
    case login
    case open
    /// There is no TLS to come: the library sees what the server sends, and sends nothing.
    case refused
  }

  /// The server's certificate, once it has been seen.
  private(set) var certificate: ShownCertificate?
  /// For the server.
  private(set) var outgoing: [UInt8] = []
  /// For the library.
  private(set) var incoming: [UInt8] = []

  private var state = State.greeting
  private let session: TLSSession
  private let names: [String]
  /// The beginning of a packet of the library, and of the server.
  private var fromLibrary: [UInt8] = []
  private var fromServer: [UInt8] = []

  /// The bit of the capabilities for TLS, CLIENT_SSL (0x800), in their second byte; the one of the
  /// protocol since MySQL 4.1, CLIENT_PROTOCOL_41 (0x200).
  private static let tls: UInt8 = 0x08
  private static let modern: UInt8 = 0x02
  /// The bytes of an answer that come before the user.
  private static let headCount = 32
  /// More than a packet of a log-in has.
  private static let packetLimit = 1 << 16

  /// The certificate must bear one of the names.
  init(_ context: TLSContext, names: [String]) throws(TransferError) {
    self.names = names
    session = try TLSSession(context, name: names.first ?? "")
  }

  /// Whether TLS is agreed on, with a trusted certificate.
  var isSecured: Bool {
    switch state {
    case .login, .open: true
    default: false
    }
  }

  func takeOutgoing() -> [UInt8] {
    defer { outgoing = [] }
    return outgoing
  }

  func takeIncoming() -> [UInt8] {
    defer { incoming = [] }
    return incoming
  }

  /// Takes what the library sent.
  func take(library bytes: [UInt8]) throws(TransferError) {
    switch state {
    case .open:
      try session.write(bytes, while: "talking to the database")
      outgoing += session.outgoing()
    case .answering, .handshake, .login:
      fromLibrary += bytes
      while let packet = try Self.packet(&fromLibrary) { try leave(packet) }
    case .greeting, .refused: break
    }
  }

  /// Takes what the server sent.
  func take(server bytes: [UInt8]) throws(TransferError) {
    switch state {
    case .greeting: try greet(bytes)
    case .refused: incoming += bytes
    case .answering:
      throw TransferError(.malformed, "the server spoke on before TLS")
    case .handshake(let answer):
      session.take(bytes)
      let isDone = try session.shakesHands()
      outgoing += session.outgoing()
      guard isDone else { return }
      try check(session.certificate(for: names))
      state = .login
      try leave(answer)
      try unseal()
    case .login, .open:
      session.take(bytes)
      try unseal()
    }
  }

  /// The server has closed the connection.
  func end() throws(TransferError) {
    if case .handshake = state {
      throw TransferError(.lost, "the server closed the connection in the TLS handshake")
    }
  }

  // MARK: Packets

  /// Takes a whole packet from the front; nil if there is none yet.
  private static func packet(_ bytes: inout [UInt8]) throws(TransferError) -> [UInt8]? {
    guard bytes.count >= 4 else { return nil }
    let count = 4 + Int(bytes[0]) + Int(bytes[1]) << 8 + Int(bytes[2]) << 16
    guard count <= packetLimit else {
      throw TransferError(.malformed, "a packet of \(count) bytes in the log-in")
    }
    guard bytes.count >= count else { return nil }
    defer { bytes.removeFirst(count) }
    return Array(bytes[..<count])
  }

  private func greet(_ bytes: [UInt8]) throws(TransferError) {
    fromServer += bytes
    // Another protocol has other bytes there; MySQLSession says so.
    guard fromServer.count < 4 || fromServer[3] == 0 else { return refuse(fromServer) }
    guard var packet = try Self.packet(&fromServer) else { return }
    // An error instead of a greeting (0xff), or a protocol before MySQL 3.21.
    guard packet.count > 4, packet[4] == 10 else { return refuse(packet + fromServer) }
    // The version of the server, ended by a zero; a number, half of the scramble, and a zero.
    guard let end = packet[5...].firstIndex(of: 0), end + 15 < packet.count else {
      throw TransferError(.malformed, "the greeting is too short")
    }
    let place = end + 15
    guard packet[place] & Self.tls != 0, packet[place] & Self.modern != 0 else {
      throw TransferError(.insecure, "the server offers no TLS")
    }
    guard fromServer.isEmpty else {
      throw TransferError(.malformed, "the server spoke on before TLS")
    }
    packet[place] &= ~Self.tls
    incoming += packet
    state = .answering
  }

  private func refuse(_ bytes: [UInt8]) {
    incoming += bytes
    fromServer = []
    state = .refused
  }

  /// Takes a packet of the library in its log-in.
  private func leave(_ packet: [UInt8]) throws(TransferError) {
    switch state {
    case .answering:
      guard packet.count >= 4 + Self.headCount else {
        throw TransferError(.local, "libmariadb answers in an old form")
      }
      var answer = packet
      answer[5] |= Self.tls
      outgoing += [UInt8(Self.headCount), 0, 0, answer[3]] + answer[4..<4 + Self.headCount]
      state = .handshake(answer)
      _ = try session.shakesHands()
      outgoing += session.outgoing()
    case .login:
      var packet = packet
      packet[3] &+= 1
      try session.write(packet, while: "logging in")
      outgoing += session.outgoing()
    default: throw TransferError(.local, "libmariadb speaks out of turn")
    }
  }

  private func check(_ shown: ShownCertificate) throws(TransferError) {
    certificate = shown
    guard shown.faults.isEmpty else {
      throw TransferError(.untrusted, shown.faults.map(\.message).joined(separator: "; "))
    }
  }

  /// Moves what came through TLS to the library.
  private func unseal() throws(TransferError) {
    var clear: [UInt8] = []
    while case .bytes = try session.read(into: &clear, while: "talking to the database") {}
    // Answers to the server, such as for new keys.
    outgoing += session.outgoing()
    if case .login = state {
      fromServer += clear
      while case .login = state, var packet = try Self.packet(&fromServer) {
        packet[3] &-= 1
        incoming += packet
        // OK or an error ends the log-in. Other packets of it begin with other bytes.
        if packet.count > 4, packet[4] == 0 || packet[4] == 0xff { state = .open }
      }
      guard case .open = state else { return }
      clear = fromServer
      fromServer = []
    }
    incoming += clear
  }
}
