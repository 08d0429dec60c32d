internal import CSSL
internal import Configuration
internal import Metrics
internal import Transfer

/// What a server showed of itself in TLS, and whether that is believed.
struct ShownCertificate: Sendable {
  var certificate: Certificate
  /// What the check of the chain came to; 0 is valid. `X509_V_ERR_*`, verify(1).
  var code: Int
  /// Whether it was made for the name that was asked for.
  var matches: Bool
  var name: String
  /// `TLSv1.3`
  var version: String

  /// The certificate's own words, for people.
  var said: String { "\(version), \(certificate.subject), from \(certificate.issuer)" }

  func told(_ check: CertificateCheck) -> String {
    "\(version), certificate for \(check.daysLeft(certificate)) days"
  }

  /// What is wrong with it; nil where nothing is. Unless `trusted` is false, chain and name are
  /// looked at, too.
  func verdict(_ check: CertificateCheck, trusted: Bool, latency: Duration?) -> Verdict? {
    let now = Timestamp.now.seconds
    func wrong(_ reason: Verdict.Reason, _ words: String) -> Verdict {
      Verdict(.critical, reason, "certificate: \(words)", isUp: true, latency: latency)
    }
    if certificate.notAfter < now {
      let days = (now &- certificate.notAfter) / 86_400
      return wrong(.certificateExpired, "ended \(days) days ago")
    }
    if certificate.notBefore > now {
      let days = (certificate.notBefore &- now) / 86_400
      return wrong(.certificateNotYetValid, "begins in \(days) days")
    }
    if trusted {
      let problem = String(cString: X509_verify_cert_error_string(code))
      switch code {
      case 0: break
      case Int(X509_V_ERR_CERT_HAS_EXPIRED): return wrong(.certificateExpired, problem)
      case Int(X509_V_ERR_CERT_NOT_YET_VALID): return wrong(.certificateNotYetValid, problem)
      default:
        return wrong(
          .certificateUntrusted,
          "\(problem); name its authority with tls: {ca: FILE} if it is your own")
      }
      guard matches else {
        let names = certificate.names.prefix(4).joined(separator: ", ")
        return wrong(
          .certificateName, "it is for \(names), not for \(name); tls: {name: …} names another")
      }
    }
    var aging = check.verdict(on: certificate)
    aging?.latency = latency
    return aging
  }

  /// Telegraf's point. Its tags of the certificate's own words are fields: a host chooses them.
  func point(_ endpoint: Endpoint, _ scheme: String) -> Point {
    let now = Timestamp.now.seconds
    let isTrusted = code == 0 && matches
    var point = Point("x509_cert")
    point.tag("source", "\(scheme)://\(endpoint.address):\(endpoint.port)")
    point.tag("verification", isTrusted ? "valid" : "invalid")
    point.integer("verification_code", isTrusted ? Int64(0) : 1)
    if !isTrusted {
      point.string(
        "verification_error",
        code == 0 ? "not for \(name)" : String(cString: X509_verify_cert_error_string(code)))
    }
    point.integer("expiry", certificate.notAfter &- now)
    point.integer("age", now &- certificate.notBefore)
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
