public import Engine
internal import Metrics
internal import Hosts
internal import Inventory

/// What a TCP port says when nothing was asked, for `scrape discover`.
///
/// One connection. Where the server speaks first, its protocol is completed on that connection as its probe does
/// it, so that no protection counts it: SSH exchanges algorithms and disconnects, MySQL is sent a log-in that it
/// denies, VNC goes on to its security types, mail and file servers get their QUIT.
public struct Greeting: Sendable {
  public enum Port: Sendable, Equatable {
    case open
    /// It refused the connection: the host is there.
    case closed
    /// Nothing came back in time, or there is no way.
    case silent
    /// This machine cannot ask, with the reason.
    case failed(String)
  }

  public var port: Port
  /// The probe of the protocol, `telnet`, or nil: nothing came, or nothing that is known.
  public var kind: String?
  /// Whether the server spoke first.
  public var isSpoken = false
  /// The server's own words.
  public var detail = ""

  /// Ports whose servers speak first but may take their time: names are looked up, clients are made to wait.
  private static let patient: Set<UInt16> = [21, 22, 25, 110, 143, 587, 2222, 3306, 5900, 5901]

  /// Connects and listens.
  ///
  /// - Parameters:
  ///   - connecting: the time limit of the connection.
  ///   - listening: how long a server may be silent; `patient` ports get four times as much.
  public static func of(
    _ address: Dial.Address, port: UInt16, connecting: Duration, listening: Duration, kit: ProbeKit,
    on reactor: isolated Reactor
  ) async -> Greeting {
    let text = address.text
    let endpoint = Endpoint(
      host: text, address: text, addresses: [address.with(port: port)], port: port, kit: kit)
    let start = Deadline.now
    let stream: ByteStream
    do throws(Verdict) {
      stream = try await ByteStream.open(
        endpoint, limit: 128 << 10, on: reactor, by: .after(connecting))
    } catch {
      switch error.reason {
      case .connectionRefused, .connectionLost: return Greeting(port: .closed)
      case .timeout, .unreachable: return Greeting(port: .silent)
      default: return Greeting(port: .failed(error.message))
      }
    }
    var greeting = Greeting(port: .open)
    let wait = patient.contains(port) ? listening * 4 : listening
    do throws(Verdict) {
      var first = try await stream.peek(1, on: reactor, by: .after(wait))
      guard !first.isEmpty else { return greeting }
      greeting.isSpoken = true
      // A greeting may come in pieces.
      if first.count < 5 { first = try await stream.peek(5, on: reactor, by: .after(.seconds(1))) }
      greeting.kind = kind(of: first)
      greeting.detail = String(decoding: line(of: first), as: UTF8.self)
      try await complete(
        &greeting, first, stream, endpoint, since: start, on: reactor,
        by: .after(listening * 4))
    } catch {
      // What was understood stays: the server may end the conversation as it likes.
      if greeting.isSpoken, error.reason == .refusedByProtection { greeting.detail = error.message }
    }
    return greeting
  }

  /// The protocol of a server's first bytes; nil if it is none of these.
  static func kind(of bytes: [UInt8]) -> String? {
    func begins(_ text: String) -> Bool { bytes.starts(with: text.utf8) }
    if begins("SSH-") { return SSHProbe.name }
    if begins("RFB 00") { return VNCProbe.name }
    if begins("+OK") { return POP3Probe.name }
    if begins("* OK") || begins("* PREAUTH") || begins("* BYE") { return IMAPProbe.name }
    if begins("220") || begins("421") || begins("554") {
      let words = String(decoding: line(of: bytes), as: UTF8.self).lowercased()
      if words.contains("smtp") || words.contains("mail") { return SMTPProbe.name }
      if words.contains("ftp") || words.contains("file") { return FTPProbe.name }
      return begins("554") ? SMTPProbe.name : ""
    }
    // IAC and one of WILL, WONT, DO, DONT (RFC 854).
    if bytes.count >= 2, bytes[0] == 0xff, (0xfb...0xfe).contains(bytes[1]) { return "telnet" }
    // A packet of MySQL: three bytes of length, number 0, then protocol 10 or an error.
    if bytes.count >= 5, bytes[3] == 0, bytes[4] == 10 || bytes[4] == 0xff,
      (5...4096).contains(Int(bytes.little(at: 0, count: 3)))
    {
      return MySQLProbe.name
    }
    return nil
  }

  private static func line(of bytes: [UInt8]) -> ArraySlice<UInt8> {
    bytes.prefix { $0 != 0x0a && $0 != 0x0d }
  }

  /// Goes on with the protocol to an end that the server does not hold against this machine.
  private static func complete(
    _ greeting: inout Greeting, _ first: [UInt8], _ stream: ByteStream, _ endpoint: Endpoint,
    since start: Deadline, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) {
    switch greeting.kind {
    case SSHProbe.name:
      let place = "\(endpoint.number) \(endpoint.port)"
      let answer: SSHGreeting
      do throws(Verdict) {
        answer = try await SSHProbe.greet(stream, since: start, on: reactor, by: deadline)
      } catch { answer = SSHGreeting(error) }
      await endpoint.kit.contacts.count(place, answer.cost, on: reactor)
      greeting.detail = answer.banner ?? answer.verdict.message
    case VNCProbe.name:
      let verdict = try await VNCProbe().talk(
        stream, endpoint, since: start, on: reactor, by: deadline)
      greeting.detail = verdict.message
    case MySQLProbe.name:
      try await deny(&greeting, stream, on: reactor, by: deadline)
    case SMTPProbe.name, FTPProbe.name, POP3Probe.name:
      try await leave("QUIT\r\n", stream, on: reactor, by: deadline)
    case IMAPProbe.name: try await leave("a LOGOUT\r\n", stream, on: reactor, by: deadline)
    case "":
      // Mail or files: only the first knows EHLO.
      _ = try await stream.line(limit: 4096, on: reactor, by: deadline)
      stream.doing = "waiting for the answer to EHLO"
      try await stream.send("EHLO scrape\r\n", on: reactor, by: deadline)
      let line = try await stream.line(limit: 4096, on: reactor, by: deadline)
      greeting.kind = line.starts(with: "250".utf8) ? SMTPProbe.name : FTPProbe.name
      try await leave("QUIT\r\n", stream, on: reactor, by: deadline)
    default: await stream.end(on: reactor, by: min(deadline, .after(.milliseconds(200))))
    }
    if greeting.kind == "" { greeting.kind = FTPProbe.name }
  }

  private static func leave(
    _ word: String, _ stream: ByteStream, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) {
    stream.doing = "leaving"
    try await stream.send(word, on: reactor, by: deadline)
    await stream.end(on: reactor, by: min(deadline, .after(.seconds(1))))
  }

  /// Answers the greeting of MySQL with a log-in as `scrape` without a password, and reads the denial: a
  /// connection that ends before that counts against `max_connect_errors`.
  ///
  /// The packet is HandshakeResponse41 of the client/server protocol. Takes note of the server's version.
  private static func deny(
    _ greeting: inout Greeting, _ stream: ByteStream, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(Verdict) {
    greeting.detail = ""
    stream.doing = "reading the greeting"
    let head = try await stream.read(exactly: 4, on: reactor, by: deadline)
    let body = try await stream.read(
      exactly: Int(head.little(at: 0, count: 3)), on: reactor, by: deadline)
    guard body.first == 10 else {
      greeting.detail = String(decoding: body.dropFirst(3), as: UTF8.self)
      return
    }
    greeting.detail = String(decoding: body.dropFirst().prefix { $0 != 0 }, as: UTF8.self)
    // PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH, and no more.
    var packet: [UInt8] = [0x00, 0x82, 0x08, 0x00]
    packet += [0, 0, 0, 1, 33] + [UInt8](repeating: 0, count: 23)
    packet += Array("scrape".utf8) + [0, 0] + Array("mysql_native_password".utf8) + [0]
    stream.doing = "logging in without an account"
    try await stream.send(frame(packet, 1), on: reactor, by: deadline)
    for number in UInt8(1)...3 {
      let head = try await stream.read(exactly: 4, on: reactor, by: deadline)
      let body = try await stream.read(
        exactly: Int(head.little(at: 0, count: 3)), on: reactor, by: deadline)
      // Another plugin is asked for: an empty answer is a wrong password to each.
      guard body.first == 0xfe else { break }
      try await stream.send(frame([], number * 2 + 1), on: reactor, by: deadline)
    }
    await stream.end(on: reactor, by: min(deadline, .after(.seconds(1))))
  }

  private static func frame(_ body: [UInt8], _ number: UInt8) -> [UInt8] {
    [UInt8(body.count & 0xff), UInt8(body.count >> 8 & 0xff), 0, number] + body
  }
}
