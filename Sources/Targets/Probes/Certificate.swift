internal import CCrypto
internal import Configuration
internal import Glibc
internal import Metrics

/// What a server showed of itself in TLS.
struct Certificate: Sendable {
  /// Seconds since 1970.
  var begins: Int64?
  var ends: Int64?
  /// What the check of the chain came to; 0 is valid. `X509_V_ERR_*`, verify(1).
  var code: Int
  /// Whether it was made for the name that was asked for.
  var matches: Bool
  var name: String
  /// `TLSv1.3`
  var version: String

  /// Days to its end; negative when past.
  func days(at now: Int64) -> Int? {
    ends.map { Int(($0 &- now) >= 0 ? ($0 &- now) / 86_400 : -((now &- $0) / 86_400) - 1) }
  }

  var told: String {
    let days = days(at: realtime() / 1_000_000_000)
    return "\(version), certificate " + (days.map { "for \($0) days" } ?? "without an end")
  }

  private var problem: String { String(cString: X509_verify_cert_error_string(code)) }

  /// What is wrong with it; nil where nothing is. `trusted` checks chain and name, too.
  func verdict(_ days: Limits<Int>, trusted: Bool, latency: Duration?) -> Verdict? {
    let now = realtime() / 1_000_000_000
    func wrong(_ reason: Verdict.Reason, _ words: String) -> Verdict {
      Verdict(.critical, reason, "certificate: \(words)", isUp: true, latency: latency)
    }
    if let ends, ends < now {
      return wrong(.certificateExpired, "ended \((now &- ends) / 86_400) days ago")
    }
    if let begins, begins > now {
      return wrong(.certificateNotYetValid, "begins in \((begins &- now) / 86_400 + 1) days")
    }
    if trusted {
      switch code {
      case 0: break
      case Int(X509_V_ERR_CERT_HAS_EXPIRED): return wrong(.certificateExpired, problem)
      case Int(X509_V_ERR_CERT_NOT_YET_VALID): return wrong(.certificateNotYetValid, problem)
      default:
        return wrong(.certificateUntrusted, "\(problem); `ca: FILE` names an authority of your own")
      }
      guard matches else {
        return wrong(
          .certificateName, "not made for \(name); `tls: {name: …}` asks for another name")
      }
    }
    guard let left = self.days(at: now) else { return nil }
    let severity = days.severity(-left)
    return severity == .ok
      ? nil
      : Verdict(
        severity, .certificateExpiring, "certificate: ends in \(left) days", latency: latency)
  }

  /// Telegraf's point, without the words of the certificate itself.
  func point(_ endpoint: Endpoint, _ scheme: String, trusted: Bool) -> Point {
    let now = realtime() / 1_000_000_000
    let problem = verdict(Limits(), trusted: trusted, latency: nil)
    var point = Point("x509_cert")
    point.tag("source", "\(scheme)://\(endpoint.address):\(endpoint.port)")
    point.tag("verification", problem == nil ? "valid" : "invalid")
    point.integer("verification_code", problem == nil ? Int64(0) : 1)
    point.string("verification_error", problem?.message)
    point.integer("expiry", ends.map { $0 &- now })
    point.integer("age", begins.map { now &- $0 })
    point.integer("startdate", begins)
    point.integer("enddate", ends)
    return point
  }
}

/// How a probe wants TLS: `tls: yes`, or `tls: {name: …, days: {minor: 30, critical: 7}}`.
struct TLSOptions: Sendable {
  /// The name that is asked for and must stand in the certificate; nil is the address.
  var name: String?
  /// From how many days before its end on a certificate is minor, major or critical.
  var days = Limits(minor: -14, major: -3)

  /// Nil where no TLS is wanted.
  init?(_ node: Node, _ what: String, _ findings: inout Findings) throws(ConfigurationError) {
    if let wanted = node.asBoolean {
      if wanted { return } else { return nil }
    }
    for pair in try node.mapping(what, keys: ["name", "days"], &findings) {
      if pair.name == "name" {
        let text = try pair.value.string("name")
        guard !text.isEmpty, text.utf8.count <= 253,
          text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else { throw ConfigurationError("not a name", at: pair.value) }
        name = text
      } else {
        days = try Self.days(pair.value)
      }
    }
  }

  init() {}

  /// A number is minor; a mapping says which is which.
  static func days(_ node: Node) throws(ConfigurationError) -> Limits<Int> {
    func read(_ node: Node) throws(ConfigurationError) -> Int {
      -(try node.integer("days", in: 0...3650))
    }
    guard let pairs = node.pairs else { return Limits(minor: try read(node)) }
    var limits = Limits<Int>()
    for pair in pairs {
      switch pair.name {
      case "minor": limits.minor = try read(pair.value)
      case "major": limits.major = try read(pair.value)
      case "critical": limits.critical = try read(pair.value)
      default: throw unknown("key", pair.key, among: ["minor", "major", "critical"], in: "days")
      }
    }
    return limits
  }
}
