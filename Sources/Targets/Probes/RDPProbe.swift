public import Configuration
public import Engine
internal import Metrics

/// `rdp`: a remote desktop's answer to a client that can do all kinds of security (MS-RDPBCGR,
/// sections 2.2.1.1 and 2.2.1.2), and the certificate it then shows.
///
/// Options: `security` (`tls` or `nla`: what the server must insist on), `tls` (what is expected of
/// the certificate). Such certificates are mostly the host's own, so that only their days are looked
/// at unless `tls` is given.
public struct RDPProbe: Probe {
  public static let name = "rdp"
  public static let summary = "A remote desktop answers, with the expected security."
  public static let canBind = true
  public static let defaultPort: UInt16? = 3389

  private let wanted: String?
  private let check: CertificateCheck
  private let trusted: Bool

  public init(_ options: inout Fields) {
    wanted = options.take(
      "security", .choice(["tls", "nla"]), "Least security protocol.", example: "nla")
    let given = CertificateCheck.requested(&options)
    check = given ?? CertificateCheck()
    trusted = given != nil
  }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    endpoint.byHand("xfreerdp /v:\(endpoint.number):\(endpoint.port) +auth-only")
    do throws(Verdict) {
      return try await negotiate(endpoint, on: reactor, by: deadline)
    } catch {
      return error
    }
  }

  private func negotiate(
    _ endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> Verdict {
    let start = Deadline.now
    let stream = try await ByteStream.open(endpoint, limit: 64 << 10, on: reactor, by: deadline)
    stream.doing = "agreeing on a kind of security"
    // TPKT and X.224 connection request, with RDP_NEG_REQ for TLS and CredSSP. Without it a server
    // that insists on NLA says nothing.
    try await stream.send(
      [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0], on: reactor, by: deadline)
    let head = try await stream.read(exactly: 4, on: reactor, by: deadline)
    let length = Int(head.word(at: 2))
    guard head[0] == 3, length >= 11, length <= 1024 else {
      throw Verdict(.critical, .protocolError, "no answer of a remote desktop: \(shown(head))")
    }
    let answer = try await stream.read(exactly: length - 4, on: reactor, by: deadline)
    let latency = Deadline.now.since(start)
    // A connection confirm of X.224 is 0xd0, its own length before it.
    guard answer[1] & 0xf0 == 0xd0, Int(answer[0]) == answer.count - 1 else {
      throw Verdict(.critical, .protocolError, "no answer of a remote desktop: \(shown(answer))")
    }
    // Seven bytes of X.224; old servers say no more.
    let (type, value) = (answer.count >= 15 ? answer[7] : 0, answer.little(at: 11, count: 4))
    if type == 3 { return refused(value, latency) }
    let security = type == 2 ? Self.name(value) : "rdp"
    endpoint.note("security", security)
    var verdict = Verdict.ok(latency, "security \(security)")
    if let wanted, Self.rank(security) < Self.rank(wanted) {
      verdict = Verdict(
        .major, .wrongAnswer, "expected security \(wanted), got \(security)", latency: latency)
    }
    guard security != "rdp" else { return verdict }
    stream.doing = "agreeing on TLS"
    let certificate = try await stream.startTLS(
      trusting: check.trust(endpoint), check, endpoint, on: reactor, by: deadline)
    stream.finish()
    if verdict.severity == .ok {
      verdict = .ok(latency, "security \(security), \(certificate.summary(check))")
    }
    verdict = verdict.worse(
      certificate.verdict(check, endpoint, trusted: trusted, latency: latency))
    verdict.points.append(certificate.point(endpoint, "rdp"))
    return verdict
  }

  /// A refusal (section 2.2.1.2.2) is an answer: the server is alive and wants another client.
  private func refused(_ code: UInt32, _ latency: Duration) -> Verdict {
    let reason =
      switch code {
      case 1: "it insists on TLS, and has refused it"
      case 2: "it allows its own old security only"
      case 3: "it has no certificate"
      case 4: "it does not agree with the client's kinds of security"
      case 5: "it insists on NLA"
      case 6: "it insists on TLS with a certificate of the user's"
      default: "code \(code)"
      }
    // Only its own old security: nothing is wrong with that unless better was asked for.
    if code == 2, wanted == nil { return .ok(latency, "security rdp: \(reason)") }
    return Verdict(.major, .wrongAnswer, "refused: \(reason)", latency: latency)
  }

  private static func name(_ selected: UInt32) -> String {
    switch selected {
    case 0: "rdp"
    case 1: "tls"
    case 2, 8: "nla"
    case 4: "rdstls"
    case 16: "aad"
    default: "type \(selected)"
    }
  }

  private static func rank(_ security: String) -> Int {
    switch security {
    case "rdp": 0
    case "tls", "rdstls": 1
    default: 2
    }
  }
}
