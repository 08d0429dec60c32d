internal import CCrypto
internal import Metrics
internal import Synchronization

/// The authorities that certificates are checked against: the system's, and those of a file.
///
/// Unchecked: OpenSSL counts the references of an SSL_CTX itself, and it is not changed once made.
final class TLSContext: @unchecked Sendable {
  let pointer: OpaquePointer

  /// The corresponding C functions are `SSL_CTX_new` and `SSL_CTX_load_verify_file`.
  init(authorities: String?) throws(Verdict) {
    guard let pointer = SSL_CTX_new(TLS_client_method()) else {
      throw Verdict(.unknown, .localError, "OpenSSL has no memory")
    }
    self.pointer = pointer
    // A probe looks at a certificate that is wrong, too, and says what is wrong with it.
    SSL_CTX_set_verify(pointer, SSL_VERIFY_NONE, nil)
    SSL_CTX_set_default_verify_paths(pointer)
    if let authorities, SSL_CTX_load_verify_file(pointer, authorities) != 1 {
      let words = lastTLSError()
      throw Verdict(.unknown, .localError, "ca: \(authorities) cannot be read: \(words)")
    }
  }

  deinit { SSL_CTX_free(pointer) }
}

/// The contexts of a pass, by the file of authorities.
final class TLSContexts: Sendable {
  private let contexts = Mutex<[String: TLSContext]>([:])

  func context(_ authorities: String?) throws(Verdict) -> TLSContext {
    let key = authorities ?? ""
    if let known = contexts.withLock({ $0[key] }) { return known }
    let context = try TLSContext(authorities: authorities)
    contexts.withLock { $0[key] = context }
    return context
  }
}

/// OpenSSL's word for what went wrong last on this thread, and forgets it.
func lastTLSError() -> String {
  let code = ERR_get_error()
  ERR_clear_error()
  guard code != 0, let words = ERR_reason_error_string(code) else { return "no reason given" }
  return String(cString: words)
}
