internal import Configuration
internal import Metrics
internal import Transfer

/// What a server showed of itself in TLS, and whether that is believed.
struct ShownCertificate: Sendable {
  var certificate: Certificate
  /// All that is wrong with it.
  var faults: [CertificateFault]
  /// `TLSv1.3`
  var version: String

  /// The certificate's own words, for people.
  var said: String { "\(version), \(certificate.subject), from \(certificate.issuer)" }

  func told(_ check: CertificateCheck) -> String {
    "\(version), certificate for \(check.daysLeft(certificate)) days"
  }

  /// What is wrong with it; nil where nothing is. Without `trusted` only its days count.
  func verdict(
    _ check: CertificateCheck, _ endpoint: Endpoint, trusted: Bool, latency: Duration?
  ) -> Verdict? {
    let counted = faults.filter { trusted || [.expired, .notYetValid].contains($0.kind) }
    var verdict = check.verdict(counted, certificate, endpoint.findings)
    verdict?.latency = latency
    return verdict
  }

  func point(_ endpoint: Endpoint, _ scheme: String) -> Point {
    certificatePoint(
      certificate, error: faults.isEmpty ? nil : faults.map(\.message).joined(separator: "; "),
      source: "\(scheme)://\(endpoint.address):\(endpoint.port)")
  }
}

extension ProbeOptions {
  /// Whether TLS is wanted, and what of its certificate: `tls: yes`, or `tls: {name: …, ca: …}`.
  mutating func tls() -> CertificateCheck? {
    guard let node = take("tls") else { return nil }
    switch node.asBoolean {
    case true?: return CertificateCheck()
    case false?: return nil
    case nil: return CertificateCheck(&self)
    }
  }
}
