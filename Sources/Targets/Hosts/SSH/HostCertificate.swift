internal import CCrypto
internal import Inventory
internal import Metrics

/// A certificate of OpenSSH by which an authority vouches for the key of a host.
///
/// Format: PROTOCOL.certkeys of OpenSSH. Kinds: Ed25519, ECDSA and RSA.
struct HostCertificate: Sendable, Equatable {
  /// The certified key, as the host shows it without a certificate.
  var key: HostKey
  var serial: UInt64
  /// 2 for a host, 1 for a user.
  var kind: UInt32
  /// The name that the authority gave it.
  var name: String
  /// The host names for which it is valid; empty for all.
  var principals: [String]
  /// Seconds since 1970.
  var validAfter: UInt64
  var validBefore: UInt64
  /// Names of critical options; none is known for hosts.
  var criticalOptions: [String]
  /// The authority's key.
  var authority: HostKey
  /// What was signed, and the signature.
  var signed: [UInt8]
  var signature: [UInt8]

  private static let suffix = "-cert-v01@openssh.com"

  /// The names of certificates to ask a server for.
  static let algorithms = [
    "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "rsa-sha2-512", "rsa-sha2-256",
  ].map { $0 + suffix }

  /// Whether a name of a key type is that of a certificate.
  static func isCertificate(_ type: String) -> Bool { type.hasSuffix(suffix) }

  /// Reads the blob that a server shows; nil where it is no certificate or damaged.
  init?(_ blob: [UInt8]) {
    var reader = WireReader(blob)
    guard let type = reader.text(), type.hasSuffix(Self.suffix), reader.string() != nil else {
      return nil
    }
    let plain = String(type.dropLast(Self.suffix.count))
    // An Ed25519 key is one string, an ECDSA key curve and point, an RSA key exponent and modulus.
    guard
      let count = ["ssh-ed25519": 1, "ssh-rsa": 2][plain] ?? (plain.hasPrefix("ecdsa-") ? 2 : nil)
    else { return nil }
    var key = WireWriter()
    key.string(plain.utf8)
    for _ in 0..<count {
      guard let part = reader.string() else { return nil }
      key.string(part)
    }
    self.key = HostKey(blob: key.bytes)
    guard let serial = reader.uint64(), let kind = reader.uint32(), let name = reader.text(),
      let principals = reader.string(), let after = reader.uint64(), let before = reader.uint64(),
      let critical = reader.string(), reader.string() != nil, reader.string() != nil,
      let authority = reader.string()
    else { return nil }
    signed = Array(blob[..<reader.position])
    guard let signature = reader.string(), reader.isAtEnd else { return nil }
    self.serial = serial
    self.kind = kind
    self.name = name
    self.principals = []
    var list = WireReader(principals)
    while !list.isAtEnd {
      guard let principal = list.text() else { return nil }
      self.principals.append(principal)
    }
    validAfter = after
    validBefore = before
    criticalOptions = []
    var options = WireReader(critical)
    while !options.isAtEnd {
      guard let option = options.text(), options.string() != nil else { return nil }
      criticalOptions.append(option)
    }
    self.authority = HostKey(blob: Array(authority))
    self.signature = Array(signature)
  }

  /// Accepts the certificate for a host, as ssh(1) does, or throws why not.
  ///
  /// `accepted` are the lines of `known_hosts` for the host. The principal is the name for which the
  /// line of the authority is.
  func verify(with accepted: AcceptedKeys, at time: Timestamp) throws(TargetError) {
    let this = "its certificate \"\(name)\" (serial \(serial))"
    if accepted.revoked.contains(key) {
      throw TargetError(
        .hostKeyRevoked, "\(key.type) \(key.fingerprint) of \(this) is marked @revoked")
    }
    if accepted.revoked.contains(authority) {
      throw TargetError(
        .hostKeyRevoked, "the authority \(authority.fingerprint) of \(this) is marked @revoked")
    }
    let lines = accepted.authorities.filter { $0.key == authority }
    guard !lines.isEmpty else {
      throw TargetError(
        .certificateUntrusted,
        "\(this) is of authority \(authority.type) \(authority.fingerprint), which no @cert-authority "
          + "line for it names")
    }
    guard isSigned else {
      throw TargetError(.certificateUntrusted, "the signature of \(this) is wrong")
    }
    guard kind == 2 else {
      throw TargetError(
        .certificateUntrusted, "\(this) is not for a host; sign it with `ssh-keygen -h`")
    }
    guard criticalOptions.isEmpty else {
      throw TargetError(
        .certificateUntrusted,
        "\(this) has critical options that are not known: \(criticalOptions.joined(separator: ", "))"
      )
    }
    let now = UInt64(clamping: time.seconds)
    guard now >= validAfter else {
      throw TargetError(
        .certificateNotYetValid, "\(this) is valid from \(Self.date(validAfter)); check both clocks"
      )
    }
    guard now < validBefore else {
      throw TargetError(
        .certificateExpired,
        "\(this) expired at \(Self.date(validBefore)); let the authority sign anew"
      )
    }
    guard principals.isEmpty || lines.contains(where: { principals.contains($0.name) }) else {
      throw TargetError(
        .certificateName,
        "\(this) is for \(principals.prefix(8).joined(separator: ", ")), not for "
          + "\(lines.map(\.name).joined(separator: " or "))")
    }
  }

  private static func date(_ seconds: UInt64) -> String {
    Timestamp(seconds: Int64(clamping: seconds)).rfc3339
  }
}

// MARK: The signature

extension HostCertificate {
  /// Whether the authority signed it, by an algorithm that OpenSSH accepts of authorities.
  ///
  /// The corresponding C functions are `d2i_PUBKEY` and `EVP_DigestVerify`.
  var isSigned: Bool {
    var parts = WireReader(signature)
    guard let algorithm = parts.text(), let raw = parts.string(), parts.isAtEnd else {
      return false
    }
    var reader = WireReader(authority.blob)
    guard let type = reader.text(), let first = reader.string() else { return false }
    let digest: OpaquePointer?
    let info: [UInt8]
    var signature = Array(raw)
    switch type {
    case "ssh-ed25519":
      guard algorithm == type, first.count == 32, raw.count == 64, reader.isAtEnd else {
        return false
      }
      digest = nil
      info = DER.sequence([DER.sequence([DER.object([0x2b, 0x65, 0x70])]), DER.bits(first)])
    case "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521":
      let curves: [String: (name: String, object: [UInt8], digest: OpaquePointer?)] = [
        "ecdsa-sha2-nistp256": (
          "nistp256", [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], EVP_sha256()
        ),
        "ecdsa-sha2-nistp384": ("nistp384", [0x2b, 0x81, 0x04, 0x00, 0x22], EVP_sha384()),
        "ecdsa-sha2-nistp521": ("nistp521", [0x2b, 0x81, 0x04, 0x00, 0x23], EVP_sha512()),
      ]
      guard algorithm == type, let curve = curves[type], Array(first) == Array(curve.name.utf8),
        let point = reader.string(), reader.isAtEnd
      else { return false }
      digest = curve.digest
      info = DER.sequence([
        DER.sequence([
          DER.object([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]), DER.object(curve.object),
        ]), DER.bits(point),
      ])
      // SSH has two numbers, libcrypto wants them in DER (RFC 5656, section 3.1.2).
      var numbers = WireReader(raw)
      guard let r = numbers.string(), let s = numbers.string(), numbers.isAtEnd else {
        return false
      }
      signature = DER.sequence([DER.integer(r), DER.integer(s)])
    case "ssh-rsa":
      guard ["rsa-sha2-256", "rsa-sha2-512"].contains(algorithm), let modulus = reader.string(),
        reader.isAtEnd, modulus.count >= 128
      else { return false }
      digest = algorithm == "rsa-sha2-256" ? EVP_sha256() : EVP_sha512()
      info = DER.sequence([
        DER.sequence([
          DER.object([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01]), [0x05, 0x00],
        ]), DER.bits(DER.sequence([DER.integer(modulus), DER.integer(first)])),
      ])
    default: return false
    }
    let key = info.withUnsafeBufferPointer { bytes -> OpaquePointer? in
      var next = bytes.baseAddress
      return d2i_PUBKEY(nil, &next, bytes.count)
    }
    guard let key, let context = EVP_MD_CTX_new() else { return false }
    defer {
      EVP_PKEY_free(key)
      EVP_MD_CTX_free(context)
      ERR_clear_error()
    }
    guard EVP_DigestVerifyInit(context, nil, digest, nil, key) == 1 else { return false }
    return EVP_DigestVerify(context, signature, signature.count, signed, signed.count) == 1
  }

  /// The few forms of DER that public keys take.
  private enum DER {
    static func tagged(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
      let count = content.count
      let length: [UInt8] =
        count < 0x80
        ? [UInt8(count)]
        : count <= 0xff
          ? [0x81, UInt8(count)]
          : [0x82, UInt8(truncatingIfNeeded: count >> 8), UInt8(count & 0xff)]
      return [tag] + length + content
    }

    static func sequence(_ parts: [[UInt8]]) -> [UInt8] { tagged(0x30, Array(parts.joined())) }
    static func object(_ bytes: [UInt8]) -> [UInt8] { tagged(0x06, bytes) }
    static func bits(_ bytes: some Sequence<UInt8>) -> [UInt8] { tagged(0x03, [0] + Array(bytes)) }
    /// A number as SSH has it, which is the same form: big-endian, with a sign.
    static func integer(_ bytes: some Sequence<UInt8>) -> [UInt8] { tagged(0x02, Array(bytes)) }
  }
}
