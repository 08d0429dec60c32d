internal import CSSL
internal import Glibc

/// One side of TLS without a socket: sealed bytes go in and come out, and clear ones on the other side.
public final class TLSSession {
  private let ssl: OpaquePointer
  private let context: TLSContext
  /// What has come from the server, and what is to go to it; both belong to `ssl`.
  private let incoming: OpaquePointer
  private let leaving: OpaquePointer

  public enum Moved: Sendable {
    case bytes
    case end
    case wants
  }

  /// A client that asks for this name; an address is not asked for (RFC 6066, section 3).
  public init(_ context: TLSContext, name: String) throws(TransferError) {
    guard let ssl = SSL_new(context.pointer) else {
      throw TransferError(.local, "OpenSSL has no memory")
    }
    self.ssl = ssl
    self.context = context
    guard let incoming = BIO_new(BIO_s_mem()), let leaving = BIO_new(BIO_s_mem()) else {
      SSL_free(ssl)
      throw TransferError(.local, "OpenSSL has no memory")
    }
    self.incoming = incoming
    self.leaving = leaving
    SSL_set_bio(ssl, incoming, leaving)
    SSL_set_connect_state(ssl)
    if !isNumeric(name) {
      // The macro SSL_set_tlsext_host_name.
      var bytes = Array(name.utf8.map { CChar(bitPattern: $0) }) + [0]
      SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name), &bytes)
    }
  }

  deinit { SSL_free(ssl) }

  /// Hands over what the server sent.
  public func take(_ sealed: [UInt8]) {
    // A memory BIO takes all there is.
    _ = BIO_write(incoming, sealed, Int32(sealed.count))
  }

  /// What is to be sent to the server now.
  public func outgoing() -> [UInt8] {
    let count = BIO_ctrl_pending(leaving)
    guard count > 0 else { return [] }
    return [UInt8](unsafeUninitializedCapacity: count) { room, filled in
      filled = max(0, Int(BIO_read(leaving, room.baseAddress, Int32(room.count))))
    }
  }

  /// Whether the handshake is done; false while it waits for the server.
  public func shakesHands() throws(TransferError) -> Bool {
    ERR_clear_error()
    let code = SSL_do_handshake(ssl)
    if code == 1 { return true }
    if SSL_get_error(ssl, code) == SSL_ERROR_WANT_READ { return false }
    throw TransferError(.insecure, "TLS was not agreed on: \(lastTLSError())")
  }

  public func write(_ bytes: [UInt8], while doing: String) throws(TransferError) {
    guard !bytes.isEmpty else { return }
    ERR_clear_error()
    guard SSL_write(ssl, bytes, Int32(bytes.count)) > 0 else {
      throw TransferError(.lost, "TLS ended while \(doing): \(lastTLSError())")
    }
  }

  public func read(into bytes: inout [UInt8], while doing: String) throws(TransferError) -> Moved {
    ERR_clear_error()
    var code: Int32 = 0
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { room in
      code = SSL_read(ssl, room.baseAddress, Int32(room.count))
      if code > 0 { bytes.append(contentsOf: room[..<Int(code)]) }
    }
    if code > 0 { return .bytes }
    switch SSL_get_error(ssl, code) {
    case SSL_ERROR_WANT_READ: return .wants
    case SSL_ERROR_ZERO_RETURN: return .end
    default:
      throw TransferError(.lost, "TLS ended while \(doing): \(lastTLSError())")
    }
  }

  /// Says that nothing more will be sent.
  public func close() { SSL_shutdown(ssl) }

  /// What the server showed, checked against the authorities and the names, of which one will do.
  public func certificate(for names: [String]) throws(TransferError) -> ShownCertificate {
    guard let shown = SSL_get1_peer_certificate(ssl) else {
      throw TransferError(.insecure, "the server showed no certificate")
    }
    defer { X509_free(shown) }
    let length = Int(i2d_X509(shown, nil))
    let der = [UInt8](unsafeUninitializedCapacity: max(0, length)) { room, count in
      var next = room.baseAddress
      count = next == nil ? 0 : max(0, Int(i2d_X509(shown, &next)))
    }
    guard let certificate = Certificate(der: der) else {
      throw TransferError(.insecure, "the server's certificate cannot be read")
    }
    return ShownCertificate(
      certificate: certificate,
      faults: CertificateFault.all(
        of: shown, chain: SSL_get_peer_cert_chain(ssl), by: context.authorities, names: names),
      version: SSL_get_version(ssl).map { String(cString: $0) } ?? "TLS")
  }
}

/// Whether a name is an address of IPv4 or IPv6.
func isNumeric(_ name: String) -> Bool {
  var room = in6_addr()
  return inet_pton(AF_INET, name, &room) == 1 || inet_pton(AF_INET6, name, &room) == 1
}
