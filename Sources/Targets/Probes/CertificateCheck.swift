internal import Configuration
internal import Engine
internal import Metrics
internal import Transfer

/// The requirements for a server's certificate: trusted, with the right name, and days left.
///
/// Options of all TLS probes, under `tls`: `ca` (a PEM file to trust besides the system's
/// authorities and the group's), `name` (the name in the certificate, if it is not the host's),
/// `days` (the minimum of days left: `{minor: 14, major: 3}` by default).
struct CertificateCheck: Sendable {
  private(set) var authorities: String?
  private(set) var name: String?
  private var days = Limits(minor: 14, major: 3)

  init() {}

  init(_ options: inout Fields) {
    let given = options.nested("tls", Self.meaning, example: Self.example) { Self(tls: &$0) }
    if let given { self = given }
  }

  private static let meaning = "Requirements of the certificate."
  private static let example = "{name: www.example.org}"

  /// Whether TLS is requested, and the certificate's requirements: `tls: yes`, or `tls: {name: …,
  /// ca: …}`.
  static func requested(_ options: inout Fields) -> CertificateCheck? {
    let given = options.nested(
      "tls", or: SettingType<Bool>.boolean.map { $0 ? CertificateCheck() : nil }, otherwise: "`no`",
      "Requests TLS. \(meaning)", example: example
    ) { .some(Self(tls: &$0)) }
    return given ?? nil
  }

  /// Reads the settings of `tls:`.
  private init(tls: inout Fields) {
    authorities = tls.take(
      "ca", .path, otherwise: "the variable `ca`", "PEM file of authorities, beside the system's.")
    name = tls.take(
      "name", .text, otherwise: "the names of the inventory",
      "Name that the certificate must bear.",
      example: "www.example.org")
    let limits = tls.limits(
      "days", .integer(0...3650, unit: "days"), otherwise: "minor 14, major 3",
      "Limit of the days until the certificate expires.", example: "{minor: 14, major: 3}")
    if let limits { days = limits }
  }

  func trust(_ endpoint: Endpoint) -> Trust {
    (authorities ?? endpoint.authorities).map { .systemAnd($0) } ?? .system
  }

  /// The accepted names in the certificate: the probe's, or else those of the inventory.
  func names(_ endpoint: Endpoint, host: String? = nil) -> [String] {
    if let given = name ?? host { return [given] }
    return endpoint.certificateNames
  }

  /// The server name to request (SNI), which may be an address.
  func serverName(_ endpoint: Endpoint, host: String? = nil) -> String {
    name ?? host ?? endpoint.serverName ?? endpoint.address
  }

  /// All faults of a certificate, the worst first; nil if there are none.
  ///
  /// An untrusted certificate is a finding of the given severity: the service works. Every client
  /// refuses one outside of its validity.
  func verdict(
    _ faults: [CertificateFault], _ certificate: Certificate?, _ finding: Severity,
    at now: Timestamp = .now
  ) -> Verdict? {
    var wrong: [(severity: Severity, reason: Reason, words: String)] = faults.map { fault in
      switch fault.kind {
      case .expired: (.critical, .certificateExpired, fault.message)
      case .notYetValid: (.critical, .certificateNotYetValid, fault.message)
      case .untrusted:
        (
          finding, .certificateUntrusted,
          "\(fault.message) (name its authority with tls: {ca: FILE} if it is your own)"
        )
      case .name:
        (finding, .certificateName, "\(fault.message) (tls: {name: …} names another)")
      }
    }
    if let certificate, !faults.contains(where: { $0.kind == .expired }) {
      let left = daysLeft(certificate, at: now)
      let severity = aging(left)
      if severity != .ok {
        wrong.append((severity, .certificateExpiring, "expires in \(left) days"))
      }
    }
    wrong.removeAll { $0.severity == .ok }
    guard let worst = wrong.map(\.severity).max(),
      let first = wrong.firstIndex(where: { $0.severity == worst })
    else { return nil }
    let reason = wrong[first].reason
    wrong.swapAt(0, first)
    let subject = certificate.map { " (\($0.subject))" } ?? ""
    return Verdict(
      worst, reason,
      "certificate: \(wrong.map(\.words).joined(separator: "; "))\(subject)", isUp: true)
  }

  /// The verdict if a secret was withheld because of the faults, so that the rest is unknown.
  func withheld(
    _ faults: [CertificateFault], _ certificate: Certificate?, _ said: String = ""
  ) -> Verdict {
    guard let verdict = verdict(faults, certificate, .major) else {
      return Verdict(
        .major, .certificateUntrusted, "\(said); nothing secret was sent, nothing more is known",
        isUp: true)
    }
    return Verdict(
      verdict.severity, verdict.reason, "nothing secret was sent; \(verdict.message)", isUp: true)
  }

  private func aging(_ left: Int) -> Severity {
    if let limit = days.critical, left < limit { return .critical }
    if let limit = days.major, left < limit { return .major }
    if let limit = days.minor, left < limit { return .minor }
    return .ok
  }

  func daysLeft(_ certificate: Certificate, at now: Timestamp = .now) -> Int {
    Int(certificate.notAfter.subtractingReportingOverflow(now.seconds).partialValue / 86_400)
  }
}

extension Measurement {
  /// The points of TLS probes. The owner of the host chooses the texts of its certificate.
  static let certificate = Measurement(
    "x509_cert",
    """
    Certificate that a service presented to a probe that speaks TLS. Telegraf's tags of the \
    certificate's words are fields here.
    """,
    tags: ["source": "such as `tcp://web1:443`", "verification": "`valid`, `invalid`"],
    fields: [
      .integer(
        "expiry", "age", unit: .seconds,
        means: "Time until it expires (negative if expired); time since it became valid"),
      .integer("startdate", "enddate", means: "Seconds since 1970"),
      .state("verification_code", means: "0 valid, 1 not"),
      .string("verification_error", means: "Reason"),
      .string(
        "common_name", "issuer_common_name", "serial_number", "san",
        means: "Text of the certificate"),
    ])
}

/// Telegraf's point of the server's certificate; nil if there was none.
func certificatePoint(_ answer: TransferAnswer, source: String) -> Point? {
  guard let certificate = answer.certificates.first else { return nil }
  var error = answer.faults.isEmpty ? nil : answer.faults.map(\.message).joined(separator: "; ")
  if error == nil, answer.error?.reason == .untrusted { error = answer.error?.message }
  return certificatePoint(certificate, error: error, source: source)
}

/// Telegraf's point for a certificate.
func certificatePoint(
  _ certificate: Certificate, error: String?, source: String, at now: Timestamp = .now
) -> Point {
  var point = Point("x509_cert")
  point.tag("source", source)
  point.tag("verification", error == nil ? "valid" : "invalid")
  point.integer("verification_code", error == nil ? Int64(0) : 1)
  point.string("verification_error", error)
  point.integer("expiry", certificate.notAfter &- now.seconds)
  point.integer("age", now.seconds &- certificate.notBefore)
  point.integer("startdate", certificate.notBefore)
  point.integer("enddate", certificate.notAfter)
  point.string("common_name", certificate.commonName)
  point.string("issuer_common_name", certificate.issuerCommonName)
  point.string("serial_number", certificate.serial)
  if !certificate.names.isEmpty {
    point.string("san", certificate.names.prefix(20).joined(separator: ","))
  }
  return point
}
