internal import CSSL
public import Engine
internal import Synchronization

/// OpenSSL's settings for connections that are all made with the same trust.
///
/// Unchecked: OpenSSL counts the references of an SSL_CTX itself, and it is not changed once made.
public final class TLSContext: @unchecked Sendable {
  let pointer: OpaquePointer
  let authorities: Authorities

  private static let known = Mutex<[Trust: TLSContext]>([:])

  /// The context of that trust, made once per process.
  public static func of(
    _ trust: Trust, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TransferError) -> TLSContext {
    if let known = known.withLock({ $0[trust] }) { return known }
    let authorities: Authorities
    do throws(TransferError) {
      authorities = try await Authorities.of(trust, on: reactor, by: deadline)
    } catch {
      throw TransferError(error.reason == .cancelled ? .cancelled : .local, "ca: \(error.message)")
    }
    let context = try TLSContext(authorities)
    known.withLock { $0[trust] = context }
    return context
  }

  /// The corresponding C function is `SSL_CTX_new`.
  private init(_ authorities: Authorities) throws(TransferError) {
    guard let pointer = SSL_CTX_new(TLS_client_method()) else {
      throw TransferError(.local, "OpenSSL has no memory")
    }
    self.pointer = pointer
    self.authorities = authorities
    // A probe looks at a certificate that is wrong, too, and says what is wrong with it.
    SSL_CTX_set_verify(pointer, SSL_VERIFY_NONE, nil)
    authorities.adopt(pointer)
  }

  deinit { SSL_CTX_free(pointer) }
}

/// OpenSSL's word for what went wrong last on this thread, and forgets it.
func lastTLSError() -> String {
  let code = ERR_get_error()
  ERR_clear_error()
  guard code != 0, let words = ERR_reason_error_string(code) else { return "no reason given" }
  return String(cString: words)
}
