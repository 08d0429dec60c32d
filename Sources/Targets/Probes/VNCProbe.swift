internal import CCrypto
public import Configuration
public import Engine
internal import Metrics

/// `vnc`: the handshake of a screen server up to its security types (RFC 6143, section 7.1).
///
/// Options: `password` (a secret: the probe logs in), `no_password` (the severity of access without
/// a password; as `findings`). `vnc:1` is the display 1, on port 5901.
///
/// TigerVNC counts every connection and resets the count at a login: after five without one it
/// refuses the address, for ten seconds at first and twice as long each time. So the probe logs in
/// to a server without a password, and to one with a password if that is given. Otherwise only
/// `-BlacklistThreshold` on the server helps; such a refusal has a reason of its own.
public struct VNCProbe: Probe {
  public static let name = "vnc"
  public static let summary =
    "A VNC server lists its security types, and asks for a password."
  public static let canBind = true
  public static let defaultPort: UInt16? = 5900

  /// Below 100 a number is a display.
  public static func port(from text: String) -> UInt16? {
    if let display = UInt16(text), display < 100 { return 5900 + display }
    return portNumber(text, .tcp)
  }

  private let password: Secret?
  private let noPassword: Severity?

  /// Without a password; a server that asks for none is logged in to.
  init() {
    password = nil
    noPassword = nil
  }

  public init(_ options: inout Fields) {
    password = options.take("password", .secret, "Password for a log-in.")
    noPassword = options.take(
      "no_password", .severity, otherwise: "`findings`", "Severity if no password is required.")
  }

  public func cautions(port: UInt16) -> [Caution] { password == nil ? [.tigerVNC] : [] }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    endpoint.byHand("vncviewer \(endpoint.number)::\(endpoint.port)")
    do throws(Verdict) {
      return try await talk(endpoint, on: reactor, by: deadline)
    } catch {
      return error
    }
  }

  private func talk(
    _ endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> Verdict {
    let start = Deadline.now
    let stream = try await ByteStream.open(endpoint, limit: 8 << 10, on: reactor, by: deadline)
    return try await talk(stream, endpoint, since: start, on: reactor, by: deadline)
  }

  /// The conversation on a connection that is open.
  func talk(
    _ stream: ByteStream, _ endpoint: Endpoint, since start: Deadline,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> Verdict {
    stream.doing = "waiting for the version"
    let greeting = try await stream.read(exactly: 12, on: reactor, by: deadline)
    guard let minor = Self.minor(of: greeting) else {
      throw Verdict(.critical, .protocolError, "no answer of a screen server: \(shown(greeting))")
    }
    let version = "RFB 003.00\(minor)\n"
    try await stream.send(version, on: reactor, by: deadline)
    stream.doing = "waiting for the kinds of security"
    var types: [UInt8]
    if minor == 3 {
      let type = try await stream.read(exactly: 4, on: reactor, by: deadline).long32(at: 0)
      types = type == 0 ? [] : [UInt8(clamping: type)]
    } else {
      let count = try await stream.read(exactly: 1, on: reactor, by: deadline)[0]
      types = try await stream.read(exactly: Int(count), on: reactor, by: deadline)
    }
    let latency = Deadline.now.since(start)
    if types.isEmpty {
      throw refused(try await reason(stream, on: reactor, by: deadline), latency)
    }
    // No server has more than a dozen types, and at least one is well known.
    guard types.count <= 64, types.contains(where: { Self.names[$0] != nil }) else {
      throw Verdict(.critical, .protocolError, "no kinds of security: \(shown(types))")
    }
    let names = types.map { Self.names[$0] ?? "type \($0)" }.joined(separator: ", ")
    let summary = "RFB 3.\(minor), security \(names)"
    endpoint.note("security", names)
    if types.contains(1) {
      stream.doing = "logging in without a password"
      if minor > 3 { try await stream.send([1], on: reactor, by: deadline) }
      if minor > 7 { try await result(stream, minor, latency, on: reactor, by: deadline) }
      let open = "anybody may log in: \(summary)"
      let severity = noPassword ?? endpoint.findings
      return severity == .ok
        ? .ok(latency, summary) : Verdict(severity, .noPassword, open, latency: latency)
    }
    guard let password, types.contains(2) else { return .ok(latency, summary) }
    stream.doing = "logging in"
    if minor > 3 { try await stream.send([2], on: reactor, by: deadline) }
    let challenge = try await stream.read(exactly: 16, on: reactor, by: deadline)
    let key: [UInt8]
    do throws(ConfigurationError) { key = try password.reveal().clearBytes } catch {
      throw Verdict(.unknown, .localError, error.problem)
    }
    guard let response = Self.encrypt(challenge, with: key) else {
      throw Verdict(.unknown, .localError, "libcrypto has no DES")
    }
    try await stream.send(secret: response, on: reactor, by: deadline)
    try await result(stream, minor, latency, on: reactor, by: deadline)
    return .ok(Deadline.now.since(start), "logged in: \(summary)")
  }

  /// Reads the result of a login; a failed one is thrown.
  private func result(
    _ stream: ByteStream, _ minor: Int, _ latency: Duration, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(Verdict) {
    let code = try await stream.read(exactly: 4, on: reactor, by: deadline).long32(at: 0)
    if code == 0 { return }
    let words = minor > 7 ? try await reason(stream, on: reactor, by: deadline) : ""
    if code == 2 { throw refused("too many attempts", latency) }
    throw Self.isProtection(words)
      ? refused(words, latency)
      : Verdict(.critical, .authFailed, "the log-in failed: \(words)", latency: latency)
  }

  private func reason(
    _ stream: ByteStream, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> String {
    let length = try await stream.read(exactly: 4, on: reactor, by: deadline).long32(at: 0)
    guard length <= 4096 else {
      throw Verdict(.critical, .protocolError, "a reason of \(length) bytes")
    }
    let words = try await stream.read(exactly: Int(length), on: reactor, by: deadline)
    return String(decoding: words, as: UTF8.self)
  }

  private func refused(_ words: String, _ latency: Duration) -> Verdict {
    Self.isProtection(words)
      ? Verdict(
        .minor, .refusedByProtection,
        "the server refuses this machine: \(words); give a password, or the server -BlacklistThreshold",
        latency: latency)
      : Verdict(
        .critical, .wrongAnswer, "the server refuses this machine: \(words)", latency: latency)
  }

  private static func isProtection(_ words: String) -> Bool {
    let lower = words.lowercased()
    return lower.contains("too many")
  }

  /// 3, 7 or 8: the version to use; nil if it is not a version.
  private static func minor(of greeting: [UInt8]) -> Int? {
    func number(_ range: Range<Int>) -> Int? {
      Int(String(decoding: greeting[range], as: UTF8.self))
    }
    guard greeting.starts(with: "RFB ".utf8), greeting[7] == UInt8(ascii: "."), greeting[11] == 10,
      let major = number(4..<7), let minor = number(8..<11), major >= 3, minor >= 0
    else { return nil }
    // RealVNC sends 4.1 or 5.0 and Apple 3.889: all of them continue with 3.8.
    if major > 3 || minor >= 8 { return 8 }
    return minor == 7 ? 7 : 3
  }

  private static let names: [UInt8: String] = [
    1: "None", 2: "VncAuth", 5: "RA2", 6: "RA2ne", 13: "RA2_256", 16: "Tight", 18: "TLS",
    19: "VeNCrypt", 30: "Apple", 129: "RA2_256", 130: "RA2ne_256",
  ]

  /// DES with the password's bytes as key, each with its bits reversed (section 7.2.2).
  ///
  /// Three times the same key make Triple DES plain DES, which OpenSSL 3 has only as a legacy. The
  /// corresponding C function is `EVP_EncryptUpdate`.
  private static func encrypt(_ challenge: [UInt8], with password: [UInt8]) -> [UInt8]? {
    var key = (password + [UInt8](repeating: 0, count: 8)).prefix(8).map(turned)
    key += key + key
    guard let context = EVP_CIPHER_CTX_new() else { return nil }
    defer { EVP_CIPHER_CTX_free(context) }
    guard EVP_EncryptInit_ex(context, EVP_des_ede3_ecb(), nil, key, nil) == 1 else { return nil }
    EVP_CIPHER_CTX_set_padding(context, 0)
    var count: Int32 = 0
    let sealed = [UInt8](unsafeUninitializedCapacity: challenge.count + 32) { room, length in
      let code = EVP_EncryptUpdate(
        context, room.baseAddress, &count, challenge, Int32(challenge.count))
      length = code == 1 ? Int(count) : 0
    }
    return sealed.count == challenge.count ? sealed : nil
  }

  private static func turned(_ byte: UInt8) -> UInt8 {
    var (rest, turned) = (byte, UInt8(0))
    for _ in 0..<8 {
      turned = turned << 1 | rest & 1
      rest >>= 1
    }
    return turned
  }
}
