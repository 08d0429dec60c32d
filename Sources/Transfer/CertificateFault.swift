internal import CSSL
internal import Glibc

/// A fault of a server's certificate.
public struct CertificateFault: Sendable, Equatable {
  /// The kinds, the most informative first.
  public enum Kind: Int, Sendable, Comparable, CaseIterable {
    case expired, notYetValid, untrusted, name

    public static func < (a: Kind, b: Kind) -> Bool { a.rawValue < b.rawValue }
  }

  public var kind: Kind
  /// The fault in our own words: `expired 3 days ago`.
  public var message: String

  init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  /// All faults of a chain as the server sent it, at most one of each kind and in their order, so
  /// that the same certificate has the same faults each time.
  ///
  /// The chain is verified to its end: a check that stops at the first fault may report a different
  /// one each time. `leaf` is an `X509 *`, `chain` a `STACK_OF(X509) *`; the certificate must have
  /// one of the names. The corresponding C function is `X509_verify_cert`.
  public static func all(
    of leaf: OpaquePointer, chain: OpaquePointer?, by authorities: Authorities, names: [String]
  ) -> [CertificateFault] {
    let found = Found()
    if let verification = X509_STORE_CTX_new() {
      defer { X509_STORE_CTX_free(verification) }
      if authorities.begin(verification, leaf, chain) {
        X509_STORE_CTX_set_default(verification, "ssl_server")
        // The index of OpenSSL's own "application data".
        X509_STORE_CTX_set_ex_data(verification, 0, Unmanaged.passUnretained(found).toOpaque())
        X509_STORE_CTX_set_verify_cb(verification) { isFine, verification in
          guard isFine != 1, let verification,
            let context = X509_STORE_CTX_get_ex_data(verification, 0)
          else { return isFine }
          Unmanaged<Found>.fromOpaque(context).takeUnretainedValue().note(verification)
          return 1
        }
        X509_verify_cert(verification)
      }
      ERR_clear_error()
    }
    return (found.faults + [wrongName(leaf, names)].compactMap { $0 }).sorted { $0.kind < $1.kind }
  }

  /// The fault of the certificate's names; nil if it has one of these, or none is requested.
  static func wrongName(_ leaf: OpaquePointer, _ names: [String]) -> CertificateFault? {
    guard let first = names.first, !names.contains(where: { bears(leaf, $0) }) else { return nil }
    let own = Certificate(leaf)
    var all = own?.names ?? []
    if all.isEmpty { all = [own?.commonName].compactMap { $0 } }
    let rest = all.count > 4 ? " and \(all.count - 4) more" : ""
    let found =
      all.isEmpty ? "it bears no name" : "it is for \(all.prefix(4).joined(separator: ", "))"
    return CertificateFault(.name, "\(found)\(rest), not for \(first)")
  }

  /// The corresponding C functions are `X509_check_host` and `X509_check_ip_asc`.
  private static func bears(_ leaf: OpaquePointer, _ name: String) -> Bool {
    isNumeric(name)
      ? X509_check_ip_asc(leaf, name, 0) == 1
      : X509_check_host(leaf, name, name.utf8.count, 0, nil) == 1
  }

  /// The errors that OpenSSL reports while it verifies.
  private final class Found {
    var faults: [CertificateFault] = []

    func note(_ verification: OpaquePointer) {
      let code = X509_STORE_CTX_get_error(verification)
      let current = X509_STORE_CTX_get_current_cert(verification).flatMap { Certificate($0) }
      let isLeaf = X509_STORE_CTX_get_error_depth(verification) == 0
      let fault = CertificateFault(code, current, isLeaf: isLeaf)
      if !faults.contains(where: { $0.kind == fault.kind }) { faults.append(fault) }
    }
  }

  /// A fault of X509_STORE_CTX_get_error(3), in our words.
  init(_ code: Int32, _ certificate: Certificate?, isLeaf: Bool) {
    let whose = isLeaf ? "" : "its issuer \(certificate?.subject ?? "?") "
    let now = Int64(time(nil))
    func days(_ seconds: Int64) -> String {
      let days = seconds / 86_400
      return days == 1 ? "1 day" : "\(days) days"
    }
    switch code {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      self.init(.expired, "\(whose)expired \(days(now &- (certificate?.notAfter ?? now))) ago")
    case X509_V_ERR_CERT_NOT_YET_VALID:
      self.init(
        .notYetValid, "\(whose)is valid only in \(days((certificate?.notBefore ?? now) &- now))")
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: self.init(.untrusted, "self-signed")
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      self.init(.untrusted, "its authority \(certificate?.subject ?? "?") is not trusted here")
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
      X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      self.init(.untrusted, "its issuer \(certificate?.issuer ?? "?") is not known here")
    default:
      self.init(
        .untrusted, "\(whose)\(String(cString: X509_verify_cert_error_string(Int(code))))")
    }
  }
}
