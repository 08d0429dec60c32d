internal import Configuration
internal import Metrics
internal import Transfer

extension ShownCertificate {
  func summary(_ check: CertificateCheck) -> String {
    "\(version), certificate for \(check.daysLeft(certificate)) days"
  }

  /// The verdict for its faults; nil if there are none. Without `trusted` only its validity counts.
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
