/// The TLS side of a server, and whether its certificate is trusted.
public struct ShownCertificate: Sendable {
  public var certificate: Certificate
  /// All faults of the certificate.
  public var faults: [CertificateFault]
  /// `TLSv1.3`
  public var version: String

  /// The certificate's own texts, for people.
  public var said: String { "\(version), \(certificate.subject), from \(certificate.issuer)" }
}
