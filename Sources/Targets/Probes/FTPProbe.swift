public import Configuration
public import Engine
internal import Metrics
internal import Transfer

/// `ftp`: the server accepts the login and lists a folder.
///
/// Options: `user` and `password` (`anonymous` by default), `path` (the folder), `expect` (a name
/// that must be in it), `security` (`none`, or `starttls` for the control connection, the default
/// with a password), `tls` (see `CertificateCheck`). Standard: RFC 959, 2428 (EPSV), 4217 (AUTH
/// TLS).
///
/// libcurl is not used here: it blocks its thread if a server withholds the last reply to a list.
public struct FTPProbe: Probe {
  public static let name = "ftp"
  public static let summary =
    "The server accepts the log-in and lists a folder with the expected name."
  public static let defaultPort: UInt16? = 21
  public static let canBind = true

  private let user: String
  private let password: Secret?
  private let path: String?
  private let expected: String?
  private let isSecured: Bool
  private let certificate: CertificateCheck

  public init(_ options: inout Fields) {
    let user = options.take(
      "user", .text, otherwise: "`anonymous`", "Account to log in with.", example: "monitor")
    self.user = user ?? "anonymous"
    password = options.take("password", .secret, "Password of the user.")
    path = options.take(
      "path", .text, otherwise: "the folder after the log-in",
      "Folder to list; short form `ftp/pub`.", example: "pub")
    expected = options.take("expect", .text, "Name that the folder contains.", example: "README")
    let asked = CertificateCheck.requested(&options)
    certificate = asked ?? CertificateCheck()
    let security = options.take(
      "security", .choice(["none", "starttls"]), otherwise: "`starttls` with a password or `tls`",
      "TLS of the control connection.", example: "starttls")
    switch security {
    case "none": isSecured = false
    case "starttls": isSecured = true
    default: isSecured = asked != nil || password != nil
    }
    let lines = [self.user, path ?? ""].joined()
    if lines.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
      options.add("user and path hold no control characters")
    }
    if user == nil, password != nil {
      options.add("a password without user")
    }
  }

  /// A reply of the server: its code and its last line.
  private struct Reply {
    var code: Int
    var text: String
  }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    endpoint.byHand("curl -v -l ftp://\(endpoint.hostInURL(endpoint.number)):\(endpoint.port)/")
    let start = Deadline.now
    var points: [Point] = []
    do throws(Verdict) {
      let secret =
        try await endpoint.kit.secrets.text(of: password, on: reactor, by: deadline) ?? "scrape@"
      let control = try await ByteStream.open(
        endpoint, limit: 64 << 10, on: reactor, by: deadline)
      // A server may repeat what it was sent, and a line may be cut in the middle of it.
      control.hidden = HiddenValues([password == nil ? "" : secret])
      control.doing = "waiting for the greeting"
      var verdict: Verdict
      do throws(Verdict) {
        let greeting = try await reply(on: control, on: reactor, by: deadline)
        guard greeting.code == 220 else {
          // 421: too many from this address, or in all.
          throw Verdict(
            .critical, greeting.code == 421 ? .refusedByProtection : .wrongAnswer, greeting.text)
        }
        verdict = try await secure(control, endpoint, &points, on: reactor, by: deadline)
        try await logIn(on: control, secret, on: reactor, by: deadline)
        let names = try await list(control, endpoint, on: reactor, by: deadline)
        verdict = evaluate(names).worse(verdict)
      } catch {
        verdict = error
      }
      if verdict.isUp == true { verdict.latency = Deadline.now.since(start) }
      // The QUIT has one second, whatever came before.
      let last = min(deadline, .after(.seconds(1)))
      if verdict.reason != .timeout, verdict.reason != .connectionLost {
        control.doing = "saying goodbye"
        do throws(Verdict) {
          _ = try await ask("QUIT", on: control, on: reactor, by: last)
        } catch {}
      }
      verdict.points += points
      return verdict
    } catch {
      return error
    }
  }

  // MARK: Conversation

  /// Reads a reply of one or more lines (RFC 959, 4.2): `220-…` goes on until `220 …`.
  private func reply(
    on control: ByteStream, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> Reply {
    var first: Int?
    while true {
      let line = try await control.line(limit: 4096, on: reactor, by: deadline)
      let code = line.count >= 3 ? Int(String(decoding: line.prefix(3), as: UTF8.self)) : nil
      if first == nil {
        guard let code, (100...599).contains(code) else {
          throw Verdict(.critical, .protocolError, "not FTP: \(shown(line))")
        }
        first = code
      }
      let goesOn = line.count > 3 && line[3] == UInt8(ascii: "-")
      if let first, code == first, !goesOn {
        return Reply(code: first, text: String(decoding: line.prefix(400), as: UTF8.self))
      }
    }
  }

  private func ask(
    _ command: String, secret: String? = nil, on control: ByteStream, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(Verdict) -> Reply {
    if let secret {
      try await control.send(
        secret: Array("\(command) \(secret)\r\n".utf8), on: reactor, by: deadline)
    } else {
      try await control.send("\(command)\r\n", on: reactor, by: deadline)
    }
    return try await reply(on: control, on: reactor, by: deadline)
  }

  private func secure(
    _ control: ByteStream, _ endpoint: Endpoint, _ points: inout [Point],
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> Verdict {
    guard isSecured else { return .ok(nil, "") }
    control.doing = "changing to TLS"
    let offer = try await ask("AUTH TLS", on: control, on: reactor, by: deadline)
    guard offer.code == 234 else {
      throw Verdict(.critical, .tlsFailed, "no TLS: \(offer.text)", isUp: true)
    }
    let shown = try await control.startTLS(
      trusting: certificate.trust(endpoint), certificate, endpoint, on: reactor, by: deadline)
    points.append(shown.point(endpoint, "ftp"))
    let verdict = shown.verdict(certificate, endpoint, trusted: true, latency: nil)
    // A password is never sent to a server whose certificate is not trusted.
    if password != nil, !shown.faults.isEmpty {
      throw certificate.withheld(shown.faults, shown.certificate)
    }
    return verdict ?? .ok(nil, "")
  }

  private func logIn(
    on control: ByteStream, _ secret: String, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) {
    control.doing = "logging in"
    var answer = try await ask("USER \(user)", on: control, on: reactor, by: deadline)
    if answer.code == 331 {
      guard !secret.utf8.contains(where: { $0 == 10 || $0 == 13 }) else {
        throw Verdict(.unknown, .localError, "the password holds a line break")
      }
      answer = try await ask("PASS", secret: secret, on: control, on: reactor, by: deadline)
    }
    guard answer.code == 230 || answer.code == 202 else {
      throw Verdict(
        .critical, answer.code == 421 ? .refusedByProtection : .authFailed, answer.text)
    }
  }

  /// The names in the folder. The data connection goes to the address of the control connection,
  /// whatever the server says: it must not redirect the probe.
  private func list(
    _ control: ByteStream, _ endpoint: Endpoint, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(Verdict) -> [Substring] {
    if let path {
      control.doing = "entering \(path)"
      let moved = try await ask("CWD \(path)", on: control, on: reactor, by: deadline)
      guard moved.code == 250 || moved.code == 200 else {
        throw Verdict(.critical, .wrongAnswer, "\(path): \(moved.text)")
      }
    }
    control.doing = "asking for a port"
    var offer = try await ask("EPSV", on: control, on: reactor, by: deadline)
    if offer.code != 229 { offer = try await ask("PASV", on: control, on: reactor, by: deadline) }
    guard let port = Self.port(in: offer) else {
      throw Verdict(.critical, .wrongAnswer, "no port for the list: \(offer.text)")
    }
    var place = endpoint
    place.addresses = endpoint.addresses.map { $0.with(port: port) }
    place.port = port
    let lines = try await ByteStream.open(place, limit: 1 << 20, on: reactor, by: deadline)
    lines.doing = "reading the list"
    control.doing = "asking for the list"
    let begun = try await ask("NLST", on: control, on: reactor, by: deadline)
    var bytes: [UInt8] = []
    switch begun.code {
    case 125, 150:
      while true {
        let more = try await lines.some(on: reactor, by: deadline)
        if more.isEmpty { break }
        bytes += more
      }
      control.doing = "waiting for the end of the list"
      let end = try await reply(on: control, on: reactor, by: deadline)
      guard end.code == 226 || end.code == 250 else {
        throw Verdict(.critical, .wrongAnswer, "the list broke off: \(end.text)")
      }
    case 226, 450, 550: break  // an empty folder
    default: throw Verdict(.critical, .wrongAnswer, "no list: \(begun.text)")
    }
    let text = String(decoding: bytes, as: UTF8.self)
    return text.split { $0 == "\n" || $0 == "\r\n" || $0 == "\r" }
  }

  /// `229 Entering … (|||6446|)`, or `227 Entering … (h1,h2,h3,h4,p1,p2)`.
  private static func port(in reply: Reply) -> UInt16? {
    guard let open = reply.text.lastIndex(of: "("), let end = reply.text.lastIndex(of: ")"),
      open < end
    else { return nil }
    let inside = reply.text[reply.text.index(after: open)..<end]
    if reply.code == 229 { return inside.split(separator: "|").first.flatMap { UInt16($0) } }
    guard reply.code == 227 else { return nil }
    let numbers = inside.split(separator: ",").compactMap { UInt8($0) }
    guard numbers.count == 6 else { return nil }
    return UInt16(numbers[4]) << 8 | UInt16(numbers[5])
  }

  private func evaluate(_ names: [Substring]) -> Verdict {
    // Some servers list with the folder's path.
    let bare = names.map { $0.split(separator: "/").last ?? $0 }
    if let expected, !bare.contains(where: { $0 == expected }) {
      return Verdict(
        .critical, .wrongAnswer, "\"\(expected)\" is not among the \(names.count) names listed")
    }
    return .ok(nil, "logged in as \(user), \(names.count) names listed")
  }
}
