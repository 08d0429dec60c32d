internal import CCrypto

/// The digests of SSH's files and signatures, by libcrypto.
enum Digest {
  /// The corresponding C function is `EVP_Digest`.
  static func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    var size: UInt32 = 0
    EVP_Digest(bytes, bytes.count, &digest, &size, EVP_sha256(), nil)
    return digest
  }

  static func sha512(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 64)
    var size: UInt32 = 0
    EVP_Digest(bytes, bytes.count, &digest, &size, EVP_sha512(), nil)
    return digest
  }

  /// The keyed digest of hashed host names in `known_hosts`. The corresponding C function is `HMAC`.
  static func hmacSHA1(key: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 20)
    var size: UInt32 = 0
    HMAC(EVP_sha1(), key, Int32(key.count), bytes, bytes.count, &digest, &size)
    return digest
  }
}
