internal import CSSL
internal import Engine
internal import Metrics
internal import Synchronization
internal import Transfer

/// OpenSSL's settings for connections that are all made with the same trust.
///
/// Unchecked: OpenSSL counts the references of an SSL_CTX itself, and it is not changed once made.
final class TLSContext: @unchecked Sendable {
  let pointer: OpaquePointer
  let authorities: Authorities

  /// The corresponding C function is `SSL_CTX_new`.
  init(_ authorities: Authorities) throws(Verdict) {
    guard let pointer = SSL_CTX_new(TLS_client_method()) else {
      throw Verdict(.unknown, .localError, "OpenSSL has no memory")
    }
    self.pointer = pointer
    self.authorities = authorities
    // A probe looks at a certificate that is wrong, too, and says what is wrong with it.
    SSL_CTX_set_verify(pointer, SSL_VERIFY_NONE, nil)
    authorities.adopt(pointer)
  }

  deinit { SSL_CTX_free(pointer) }
}

/// The contexts of a pass, by whom they trust.
final class TLSContexts: Sendable {
  private let contexts = Mutex<[Trust: TLSContext]>([:])

  func context(
    _ trust: Trust, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> TLSContext {
    if let known = contexts.withLock({ $0[trust] }) { return known }
    let authorities: Authorities
    do throws(TransferError) {
      authorities = try await Authorities.of(trust, on: reactor, by: deadline)
    } catch {
      throw Verdict(.unknown, .localError, "ca: \(error.message)")
    }
    let context = try TLSContext(authorities)
    contexts.withLock { $0[trust] = context }
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
