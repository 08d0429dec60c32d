internal import Configuration
internal import Engine
internal import Metrics
internal import Transfer

/// What is expected of a server's certificate: that it is trusted, its name, and days left.
///
/// Options of all probes that speak TLS, under `tls`: `ca` (a PEM file to trust beside the system's
/// authorities and the group's), `name` (that in the certificate, if it is not the host's), `days`
/// (how many must be left: `{minor: 14, major: 3}` if nothing else is said).
struct CertificateCheck: Sendable {
  private(set) var authorities: String?
  private(set) var name: String?
  private var days = Limits(minor: 14, major: 3)

  init() {}

  init(_ options: inout ProbeOptions) {
    let given = options.nested("tls") { tls in
      let days: Limits<Int>? = tls.limits("days") { node, what throws(ConfigurationError) in
        try node.integer(what, in: 0...3650)
      }
      return (authorities: tls.path("ca"), name: tls.string("name"), days: days)
    }
    guard let given else { return }
    authorities = given.authorities
    name = given.name
    if let limits = given.days { days = limits }
  }

  func trust(_ endpoint: Endpoint) -> Trust {
    (authorities ?? endpoint.authorities).map { .systemAnd($0) } ?? .system
  }

  /// What the certificate's age alone says; nil where it has days enough.
  func verdict(on certificate: Certificate?, at now: Timestamp = .now) -> Verdict? {
    guard let certificate else { return nil }
    let left = daysLeft(certificate, at: now)
    let severity: Severity =
      if let limit = days.critical, left < limit {
        .critical
      } else if let limit = days.major, left < limit {
        .major
      } else if let limit = days.minor, left < limit {
        .minor
      } else {
        .ok
      }
    guard severity != .ok else { return nil }
    return Verdict(
      severity, .certificateExpiring,
      "certificate expires in \(left) days (\(certificate.subject))")
  }

  func daysLeft(_ certificate: Certificate, at now: Timestamp = .now) -> Int {
    Int(certificate.notAfter.subtractingReportingOverflow(now.seconds).partialValue / 86_400)
  }
}

extension Verdict {
  /// Why a server's certificate is not believed.
  init(untrusted answer: TransferAnswer, _ error: TransferError) {
    let whose = answer.certificates.first.map { " (\($0.subject))" } ?? ""
    switch answer.distrust?.kind {
    case .expired:
      self.init(.critical, .certificateExpired, "\(error.message)\(whose)", isUp: true)
    case .notYetValid:
      self.init(.critical, .certificateNotYetValid, "\(error.message)\(whose)", isUp: true)
    case .unverified:
      self.init(
        .critical, .certificateUntrusted,
        "\(error.message)\(whose); name its authority with tls: {ca: FILE} if it is your own",
        isUp: true)
    case nil:
      let names = answer.certificates.first?.names ?? []
      let told = names.isEmpty ? "" : "; it is for \(names.prefix(4).joined(separator: ", "))"
      self.init(.critical, .certificateName, "\(error.message)\(told)", isUp: true)
    }
  }
}

/// Telegraf's point for the certificate that was shown; nil where none was.
///
/// Telegraf's tags of the certificate's own words are fields: a host chooses them.
func certificatePoint(_ answer: TransferAnswer, source: String, at now: Timestamp = .now) -> Point?
{
  guard let certificate = answer.certificates.first else { return nil }
  let isTrusted = answer.distrust == nil && answer.error?.reason != .untrusted
  var point = Point("x509_cert")
  point.tag("source", source)
  point.tag("verification", isTrusted ? "valid" : "invalid")
  point.integer("verification_code", isTrusted ? Int64(0) : 1)
  if !isTrusted { point.string("verification_error", answer.error?.message) }
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
