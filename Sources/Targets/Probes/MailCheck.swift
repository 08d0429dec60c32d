internal import Configuration
internal import Engine
internal import Metrics
internal import Transfer

/// The request to a mail server in any of its protocols, and the expected answer.
///
/// Options: `security` (`none`, `starttls` or `tls`; by the port, and `starttls` where there is a user
/// or `tls` is given), `user` and `password`, `expect` (a text in the greeting), `capability` (words
/// that the server must offer), `tls` (see `CertificateCheck`). Writes `x509_cert` where TLS is spoken.
struct MailCheck: Sendable {
  private enum Security: Sendable { case none, starttls, tls }

  private let scheme: String
  private let command: String
  private let tlsPort: UInt16
  private let security: Security?
  private let user: String?
  private let password: Secret?
  private let expected: String?
  private let capabilities: [String]
  private let certificate: CertificateCheck

  /// `farewell` is the protocol's last command; only the commands that open a session precede it.
  init(
    _ scheme: String, farewell: String, tlsPort: UInt16, _ options: inout Fields
  ) {
    self.scheme = scheme
    command = farewell
    self.tlsPort = tlsPort
    user = options.take("user", .text, "Account to log in with.", example: "monitor")
    password = options.take("password", .secret, "Password of the user.")
    expected = options.take("expect", .text, "Text that the greeting contains.", example: "mail01")
    capabilities = options.take(
      "capability", .words, default: [], "Words that the server must offer.", example: "[IDLE]")
    let asked = CertificateCheck.requested(&options)
    certificate = asked ?? CertificateCheck()
    security =
      switch options.take(
        "security", .choice(["none", "starttls", "tls"]),
        otherwise: "`tls` on port \(tlsPort); `starttls` with a user or `tls`",
        "Kind of encryption.",
        example: "starttls")
      {
      case "none": Security.none
      case "starttls": .starttls
      case "tls": .tls
      default: user != nil || asked != nil ? .starttls : nil
      }
    if user == nil, password != nil {
      options.add("a password without user")
    }
  }

  func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    var request: TransferRequest
    do throws(Verdict) {
      request = try await self.request(to: endpoint, on: reactor, by: deadline)
    } catch { return error }
    request.command = command
    let port = "\(endpoint.number):\(endpoint.port)"
    endpoint.byHand(
      security(at: endpoint) == .none
        ? "nc \(endpoint.number) \(endpoint.port)"
        : "openssl s_client -crlf -connect \(port)"
          + (security(at: endpoint) == .tls ? "" : " -starttls \(scheme)"))
    let answer = await endpoint.kit.ask(request, of: endpoint, on: reactor, by: deadline)
    var verdict = evaluate(answer, endpoint)
    if verdict.isUp == true { verdict.latency = answer.phases.total }
    let source = "\(self.scheme)://\(endpoint.hostInURL(nil)):\(endpoint.port)"
    if let point = certificatePoint(answer, source: source) { verdict.points.append(point) }
    return verdict
  }

  /// The default port: that of implicit TLS, or the plain one.
  func usualPort(_ clear: UInt16) -> UInt16 { security == .tls ? tlsPort : clear }

  /// On the port with implicit TLS there is nothing to switch.
  private func security(at endpoint: Endpoint) -> Security {
    endpoint.port == tlsPort ? .tls : security ?? .none
  }

  /// The commands that open a session, without any further request.
  ///
  /// The path is IMAP's mailbox; for SMTP it is the client's own name.
  func request(
    to endpoint: Endpoint, path: String = "", on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> TransferRequest {
    let security = security(at: endpoint)
    let host = endpoint.hostInURL(certificate.serverName(endpoint))
    let prefix = security == .tls ? "\(scheme)s" : scheme
    let path = scheme == "smtp" ? "scrape" : path
    var request = TransferRequest("GET", "\(prefix)://\(host):\(endpoint.port)/\(path)")
    request.requiresTLS = security == .starttls
    request.trust = certificate.trust(endpoint)
    request.names = certificate.names(endpoint)
    request.toleratesFaults = true
    request.user = user
    request.password = try await endpoint.kit.secrets.text(of: password, on: reactor, by: deadline)
    return request
  }

  /// The verdict for the end of a conversation.
  func failure(_ answer: TransferAnswer) -> Verdict? {
    guard let error = answer.error else { return nil }
    if error.reason == .untrusted {
      return certificate.withheld(answer.faults, answer.certificates.first, error.message)
    }
    let verdict = Verdict(error)
    // The server's own text is more specific than libcurl's about a refusal.
    let refusals = ["4", "5", "-", "B"]
    if [.authFailed, .wrongAnswer].contains(verdict.reason), let last = answer.lines.last,
      refusals.contains(where: last.hasPrefix) || scheme == "imap"
    {
      return Verdict(verdict.severity, verdict.reason, "\(last); \(error.message)")
    }
    if answer.lines.first?.hasPrefix("4") == true {
      return Verdict(.critical, .refusedByProtection, answer.lines.first ?? "")
    }
    return verdict
  }

  private func evaluate(_ answer: TransferAnswer, _ endpoint: Endpoint) -> Verdict {
    if let failure = failure(answer) { return failure }
    let greeting = answer.lines.first ?? ""
    if let expected, !greeting.contains(expected) {
      return Verdict(
        .critical, .wrongAnswer, "greets with \"\(greeting)\", expected \"\(expected)\"")
    }
    let words = Set(answer.lines.dropFirst().flatMap(Self.words))
    for capability in capabilities where !words.contains(capability.uppercased()) {
      return Verdict(.critical, .wrongAnswer, "does not offer \(capability)")
    }
    // If a mail server offers no login, libcurl continues without one (RFC 4954: 235 accepts it).
    if user != nil, scheme == "smtp", !answer.lines.contains(where: { $0.hasPrefix("235") }) {
      return Verdict(.critical, .authFailed, "the server offers no log-in (AUTH)", isUp: true)
    }
    let login = user == nil ? "" : ", logged in"
    let secured = answer.phases.secured == nil ? "" : ", TLS"
    let ok = Verdict.ok(nil, "\(greeting)\(secured)\(login)")
    return ok.worse(
      certificate.verdict(answer.faults, answer.certificates.first, endpoint.findings))
  }

  /// The words of a line, cut at blanks and at the dash of a line that goes on.
  private static func words(_ line: String) -> [String] {
    line.split { $0 == " " || $0 == "-" }.map { $0.uppercased() } + [line.uppercased()]
      + line.split(separator: " ").map { $0.uppercased() }
      + [String(line.dropFirst(4)).uppercased()]
  }
}
