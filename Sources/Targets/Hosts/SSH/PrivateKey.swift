internal import CCrypto
internal import Glibc
internal import Metrics

/// A private key of a user, parsed once per process and then used for every host.
///
/// libcrypto reads PEM and PKCS#8, encrypted or not, and does all arithmetic. OpenSSH's own container
/// (PROTOCOL.key) is unpacked here if it is not encrypted; an encrypted one needs bcrypt, which
/// libcrypto lacks: libssh2's slow path or an agent handles it.
public final class PrivateKey: @unchecked Sendable {
  // EVP_PKEY is counted and only read after `init`; signing makes a context of its own.
  private let key: OpaquePointer
  /// The public half as the protocol sends it, under the name of the signature algorithm.
  let publicBlob: [UInt8]
  let kind: Kind
  /// The origin of the key, for messages.
  public let source: String

  enum Kind: Sendable, Equatable {
    case ed25519
    case ecdsa(curve: String, size: Int)
    case rsa
  }

  /// The fault of a key file.
  public enum Failure: Error, Sendable, Equatable {
    /// It is encrypted in OpenSSH's own format.
    case encryptedOpenSSH
    case needsPassphrase
    case wrongPassphrase
    /// The fault, as a sentence fragment.
    case damaged(String)
  }

  deinit { EVP_PKEY_free(key) }

  private init(owning key: OpaquePointer, source: String) throws(Failure) {
    self.key = key
    self.source = source
    (kind, publicBlob) = try PrivateKey.describe(key)
  }

  /// Reads a key from a file's bytes.
  public static func parse(
    _ bytes: [UInt8], passphrase: String?, source: String
  ) throws(Failure) -> PrivateKey {
    let text = String(decoding: bytes, as: UTF8.self)
    if let range = text.firstRange(of: "-----BEGIN OPENSSH PRIVATE KEY-----"),
      let end = text.firstRange(of: "-----END OPENSSH PRIVATE KEY-----"),
      range.upperBound <= end.lowerBound
    {
      guard let blob = Base64.decode(text[range.upperBound..<end.lowerBound].utf8) else {
        throw .damaged("its base64 is broken")
      }
      return try PrivateKey(owning: try unpack(blob), source: source)
    }
    guard let key = try readPEM(bytes, passphrase: passphrase) else {
      throw .damaged("it is neither PEM nor OpenSSH's format")
    }
    return try PrivateKey(owning: key, source: source)
  }

  /// The corresponding C function is `PEM_read_bio_PrivateKey`.
  private static func readPEM(_ bytes: [UInt8], passphrase: String?) throws(Failure)
    -> OpaquePointer?
  {
    guard let bio = BIO_new_mem_buf(bytes, Int32(clamping: bytes.count)) else { return nil }
    defer { BIO_free(bio) }
    ERR_clear_error()
    final class Asked {
      let passphrase: [UInt8]?
      var asked = false
      init(_ passphrase: [UInt8]?) { self.passphrase = passphrase }
    }
    let asked = Asked(passphrase.map { Array($0.utf8) })
    // Without a callback libcrypto would ask on the terminal.
    let key = PEM_read_bio_PrivateKey(
      bio, nil,
      { buffer, size, _, context in
        guard let context, let buffer else { return -1 }
        let asked = Unmanaged<Asked>.fromOpaque(context).takeUnretainedValue()
        asked.asked = true
        guard let passphrase = asked.passphrase, passphrase.count <= Int(size) else { return -1 }
        for (index, byte) in passphrase.enumerated() { buffer[index] = CChar(bitPattern: byte) }
        return Int32(passphrase.count)
      }, Unmanaged.passUnretained(asked).toOpaque())
    if key == nil && asked.asked {
      throw passphrase == nil ? .needsPassphrase : .wrongPassphrase
    }
    return key
  }

  /// Unpacks `openssh-key-v1` (PROTOCOL.key): magic, cipher, KDF, public keys, private section.
  private static func unpack(_ blob: [UInt8]) throws(Failure) -> OpaquePointer {
    let damaged = Failure.damaged("its OpenSSH container is cut off or damaged")
    let magic = Array("openssh-key-v1\0".utf8)
    var reader = WireReader(blob)
    guard let start = reader.raw(magic.count), start.elementsEqual(magic),
      let cipher = reader.text(), reader.text() != nil, reader.string() != nil,
      let count = reader.uint32()
    else { throw damaged }
    guard cipher == "none" else { throw .encryptedOpenSSH }
    guard count == 1, reader.string() != nil, let secrets = reader.string() else { throw damaged }
    var secret = WireReader(secrets)
    guard let check = secret.uint32(), check == secret.uint32(), let type = secret.text() else {
      throw damaged
    }
    let key: OpaquePointer?
    switch type {
    case "ssh-ed25519":
      guard secret.string() != nil, let pair = secret.string(), pair.count == 64 else {
        throw damaged
      }
      key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, Array(pair.prefix(32)), 32)
    case "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521":
      guard let curve = secret.text(), let point = secret.string(), let scalar = secret.string()
      else {
        throw damaged
      }
      key = build(
        "EC",
        [
          (OSSL_PKEY_PARAM_GROUP_NAME, .text(groups[curve] ?? "")),
          (OSSL_PKEY_PARAM_PUB_KEY, .octets(Array(point))),
          (OSSL_PKEY_PARAM_PRIV_KEY, .number(Array(scalar))),
        ])
    case "ssh-rsa":
      guard let n = secret.string(), let e = secret.string(), let d = secret.string(),
        let inverse = secret.string(), let p = secret.string(), let q = secret.string()
      else { throw damaged }
      key = rsa(n: n, e: e, d: d, p: p, q: q, inverse: inverse)
    default:
      throw .damaged("keys of type \(type) are not supported")
    }
    guard let key else { throw damaged }
    return key
  }

  /// The public half of a file in OpenSSH's format, which is never encrypted; nil if it is damaged.
  static func publicHalf(of file: [UInt8]) -> [UInt8]? {
    let text = String(decoding: file, as: UTF8.self)
    guard let range = text.firstRange(of: "-----BEGIN OPENSSH PRIVATE KEY-----"),
      let end = text.firstRange(of: "-----END OPENSSH PRIVATE KEY-----"),
      range.upperBound <= end.lowerBound,
      let blob = Base64.decode(text[range.upperBound..<end.lowerBound].utf8)
    else { return nil }
    var reader = WireReader(blob)
    guard reader.raw("openssh-key-v1\0".utf8.count) != nil, reader.string() != nil,
      reader.string() != nil, reader.string() != nil, reader.uint32() == 1,
      let key = reader.string()
    else { return nil }
    return Array(key)
  }

  private static let groups = ["nistp256": "P-256", "nistp384": "P-384", "nistp521": "P-521"]

  private enum Part {
    case text(String)
    case octets([UInt8])
    case number([UInt8])
  }

  private static func rsa(
    n: ArraySlice<UInt8>, e: ArraySlice<UInt8>, d: ArraySlice<UInt8>, p: ArraySlice<UInt8>,
    q: ArraySlice<UInt8>, inverse: ArraySlice<UInt8>
  ) -> OpaquePointer? {
    // The container leaves out d mod (p-1) and d mod (q-1), without which signing is four times slower.
    func remainder(_ prime: ArraySlice<UInt8>) -> [UInt8]? {
      let context = BN_CTX_new()
      let modulus = BN_bin2bn(Array(prime), Int32(prime.count), nil)
      let number = BN_bin2bn(Array(d), Int32(d.count), nil)
      let result = BN_new()
      defer {
        BN_clear_free(modulus)
        BN_clear_free(number)
        BN_clear_free(result)
        BN_CTX_free(context)
      }
      guard BN_sub_word(modulus, 1) == 1, BN_div(nil, result, number, modulus, context) == 1 else {
        return nil
      }
      var digits = [UInt8](repeating: 0, count: Int(BN_num_bits(result) + 7) / 8)
      BN_bn2bin(result, &digits)
      return digits
    }
    guard let dp = remainder(p), let dq = remainder(q) else { return nil }
    return build(
      "RSA",
      [
        (OSSL_PKEY_PARAM_RSA_N, .number(Array(n))), (OSSL_PKEY_PARAM_RSA_E, .number(Array(e))),
        (OSSL_PKEY_PARAM_RSA_D, .number(Array(d))), ("rsa-factor1", .number(Array(p))),
        ("rsa-factor2", .number(Array(q))), ("rsa-exponent1", .number(dp)),
        ("rsa-exponent2", .number(dq)), ("rsa-coefficient1", .number(Array(inverse))),
      ])
  }

  /// Makes a key from its parts. The corresponding C function is `EVP_PKEY_fromdata`.
  private static func build(_ type: String, _ parts: [(name: String, part: Part)]) -> OpaquePointer?
  {
    guard let builder = OSSL_PARAM_BLD_new() else { return nil }
    defer { OSSL_PARAM_BLD_free(builder) }
    // The builder keeps pointers, not copies, of names and values until it is done.
    var texts: [UnsafeMutablePointer<CChar>?] = []
    var numbers: [OpaquePointer] = []
    defer {
      texts.forEach { free($0) }
      numbers.forEach { BN_clear_free($0) }
    }
    func keep(_ bytes: some Collection<UInt8>) -> UnsafeMutablePointer<CChar>? {
      let copy = calloc(bytes.count + 1, 1)?.bindMemory(to: CChar.self, capacity: bytes.count + 1)
      for (index, byte) in bytes.enumerated() { copy?[index] = CChar(bitPattern: byte) }
      texts.append(copy)
      return copy
    }
    for (name, part) in parts {
      let name = keep(name.utf8)
      let pushed: Int32
      switch part {
      case .text(let text):
        pushed = OSSL_PARAM_BLD_push_utf8_string(builder, name, keep(text.utf8), 0)
      case .octets(let octets):
        pushed = OSSL_PARAM_BLD_push_octet_string(builder, name, keep(octets), octets.count)
      case .number(let digits):
        guard let number = BN_bin2bn(digits, Int32(digits.count), nil) else { return nil }
        numbers.append(number)
        pushed = OSSL_PARAM_BLD_push_BN(builder, name, number)
      }
      guard pushed == 1 else { return nil }
    }
    guard let parameters = OSSL_PARAM_BLD_to_param(builder) else { return nil }
    defer { OSSL_PARAM_free(parameters) }
    guard let context = EVP_PKEY_CTX_new_from_name(nil, type, nil) else { return nil }
    defer { EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    guard EVP_PKEY_fromdata_init(context) == 1,
      EVP_PKEY_fromdata(context, &key, scrape_key_pair, parameters) == 1
    else { return nil }
    return key
  }

  private static func describe(_ key: OpaquePointer) throws(Failure) -> (Kind, [UInt8]) {
    var blob = WireWriter()
    switch EVP_PKEY_get_base_id(key) {
    case EVP_PKEY_ED25519:
      var raw = [UInt8](repeating: 0, count: 32)
      var size = raw.count
      guard EVP_PKEY_get_raw_public_key(key, &raw, &size) == 1 else { break }
      blob.string("ssh-ed25519".utf8)
      blob.string(raw)
      return (.ed25519, blob.bytes)
    case EVP_PKEY_EC:
      var name = [CChar](repeating: 0, count: 80)
      var size = 0
      guard
        EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, &name, name.count, &size)
          == 1
      else { break }
      let group = String(decoding: name.prefix(size).map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let curves = [
        "prime256v1": ("nistp256", 32), "P-256": ("nistp256", 32),
        "secp384r1": ("nistp384", 48), "P-384": ("nistp384", 48),
        "secp521r1": ("nistp521", 66), "P-521": ("nistp521", 66),
      ]
      guard let (curve, width) = curves[group] else {
        throw .damaged("its curve \(group) is not one that SSH knows")
      }
      // Uncompressed, whatever form the file had: in RFC 5656 compression is optional.
      var point = [UInt8](repeating: 0, count: 200)
      var x: OpaquePointer?
      var y: OpaquePointer?
      guard EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1,
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1
      else { break }
      defer {
        BN_free(x)
        BN_free(y)
      }
      point[0] = 4
      point.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        BN_bn2binpad(x, base + 1, Int32(width))
        BN_bn2binpad(y, base + 1 + width, Int32(width))
      }
      blob.string("ecdsa-sha2-\(curve)".utf8)
      blob.string(curve.utf8)
      blob.string(point.prefix(1 + 2 * width))
      return (.ecdsa(curve: curve, size: width), blob.bytes)
    case EVP_PKEY_RSA:
      var n: OpaquePointer?
      var e: OpaquePointer?
      guard EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1,
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1
      else { break }
      defer {
        BN_free(n)
        BN_free(e)
      }
      // libssh2 1.10 takes the algorithm's name from the blob; SHA-1's `ssh-rsa` is refused by
      // every current server.
      blob.string("rsa-sha2-256".utf8)
      blob.mpint(digits(e))
      blob.mpint(digits(n))
      return (.rsa, blob.bytes)
    default:
      throw .damaged("it is not an Ed25519, ECDSA or RSA key")
    }
    throw .damaged("its public half cannot be made")
  }

  private static func digits(_ number: OpaquePointer?) -> [UInt8] {
    var digits = [UInt8](repeating: 0, count: Int(BN_num_bits(number) + 7) / 8)
    BN_bn2bin(number, &digits)
    return digits
  }

  /// The public half as files and agents name it, with RSA under its own name.
  var agentBlob: [UInt8] {
    guard kind == .rsa else { return publicBlob }
    var reader = WireReader(publicBlob)
    var blob = WireWriter()
    _ = reader.string()
    blob.string("ssh-rsa".utf8)
    return blob.bytes + (reader.raw(publicBlob.count - reader.position) ?? [])
  }

  /// The signature as libssh2's sign callback returns it: without the algorithm's name.
  ///
  /// The corresponding C function is `EVP_DigestSign`.
  func sign(_ data: UnsafeRawBufferPointer) -> [UInt8]? {
    guard let context = EVP_MD_CTX_new() else { return nil }
    defer { EVP_MD_CTX_free(context) }
    let digest =
      switch kind {
      case .ed25519: OpaquePointer?.none
      case .rsa: EVP_sha256()
      case .ecdsa(_, 32): EVP_sha256()
      case .ecdsa(_, 48): EVP_sha384()
      case .ecdsa: EVP_sha512()
      }
    guard EVP_DigestSignInit(context, nil, digest, nil, key) == 1 else { return nil }
    var size = 0
    let bytes = data.bindMemory(to: UInt8.self)
    guard EVP_DigestSign(context, nil, &size, bytes.baseAddress, bytes.count) == 1 else {
      return nil
    }
    var signature = [UInt8](repeating: 0, count: size)
    guard EVP_DigestSign(context, &signature, &size, bytes.baseAddress, bytes.count) == 1 else {
      return nil
    }
    signature.removeLast(signature.count - size)
    guard case .ecdsa = kind else { return signature }
    // libcrypto gives DER; SSH wants two numbers (RFC 5656, section 3.1.2).
    return signature.withUnsafeBufferPointer { buffer in
      var start = buffer.baseAddress
      guard let parts = d2i_ECDSA_SIG(nil, &start, buffer.count) else { return nil }
      defer { ECDSA_SIG_free(parts) }
      var wire = WireWriter()
      wire.mpint(PrivateKey.digits(ECDSA_SIG_get0_r(parts)))
      wire.mpint(PrivateKey.digits(ECDSA_SIG_get0_s(parts)))
      return wire.bytes
    }
  }
}
