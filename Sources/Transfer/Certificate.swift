internal import CSSL
internal import Glibc

/// The content of an X.509 certificate (RFC 5280). All texts are its issuer's words.
public struct Certificate: Sendable, Equatable {
  /// The subject as `CN=web, O=Range`, after RFC 2253, most specific name first.
  public var subject: String
  /// The issuer, in the same form.
  public var issuer: String
  /// The last common name of the subject; nil if it has none.
  public var commonName: String?
  public var issuerCommonName: String?
  /// DNS names and addresses of the extension `subjectAltName`.
  public var names: [String]
  /// The serial number in hexadecimal.
  public var serial: String
  /// The start and the end of its validity, in seconds since 1970.
  public var notBefore: Int64
  public var notAfter: Int64
  /// The algorithm of the issuer's signature: `ecdsa-with-SHA256`.
  public var signatureAlgorithm: String

  /// Reads a certificate in DER; nil if it is invalid.
  ///
  /// The corresponding C function is `d2i_X509`.
  public init?(der: [UInt8]) {
    let parsed = der.withUnsafeBufferPointer { bytes in
      var next = bytes.baseAddress
      return d2i_X509(nil, &next, bytes.count)
    }
    guard let parsed else { return nil }
    defer { X509_free(parsed) }
    self.init(parsed)
  }

  /// Reads a certificate from OpenSSL; nil if its times are invalid.
  init?(_ certificate: OpaquePointer) {
    guard let begins = Self.seconds(X509_get0_notBefore(certificate)),
      let ends = Self.seconds(X509_get0_notAfter(certificate))
    else { return nil }
    notBefore = begins
    notAfter = ends
    let subjectName = X509_get_subject_name(certificate)
    let issuerName = X509_get_issuer_name(certificate)
    subject = Self.text(subjectName)
    issuer = Self.text(issuerName)
    commonName = Self.commonName(subjectName)
    issuerCommonName = Self.commonName(issuerName)
    names = Self.names(certificate)
    serial = Self.serial(X509_get0_serialNumber(certificate))
    let algorithm = X509_get_signature_nid(certificate)
    signatureAlgorithm = OBJ_nid2ln(algorithm).map { String(cString: $0) } ?? "?"
  }

  /// The limit of names and texts in bytes: a certificate is foreign data.
  private static let longest = 1 << 10

  private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64? {
    var parts = tm()
    guard let time, ASN1_TIME_to_tm(time, &parts) == 1 else { return nil }
    return Int64(timegm(&parts))
  }

  private static func text(_ name: OpaquePointer?) -> String {
    guard let name, let memory = BIO_new(BIO_s_mem()) else { return "" }
    defer { BIO_free(memory) }
    X509_NAME_print_ex(memory, name, 0, scrape_name_form)
    return withUnsafeTemporaryAllocation(byteCount: longest, alignment: 1) { buffer in
      let count = BIO_read(memory, buffer.baseAddress, Int32(buffer.count))
      return String(decoding: buffer.prefix(Int(max(0, count))), as: UTF8.self)
    }
  }

  private static func commonName(_ name: OpaquePointer?) -> String? {
    guard let name else { return nil }
    var last: Int32 = -1
    while true {
      let next = X509_NAME_get_index_by_NID(name, NID_commonName, last)
      guard next >= 0 else { break }
      last = next
    }
    guard last >= 0, let entry = X509_NAME_get_entry(name, last) else { return nil }
    var bytes: UnsafeMutablePointer<UInt8>?
    let count = ASN1_STRING_to_UTF8(&bytes, X509_NAME_ENTRY_get_data(entry))
    guard count >= 0, let bytes else { return nil }
    defer { CRYPTO_free(bytes, "", 0) }
    let text = UnsafeBufferPointer(start: bytes, count: min(Int(count), longest))
    return String(decoding: text, as: UTF8.self)
  }

  private static func names(_ certificate: OpaquePointer) -> [String] {
    guard let raw = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else { return [] }
    let list = OpaquePointer(raw)
    defer { GENERAL_NAMES_free(list) }
    var names: [String] = []
    for index in 0..<min(scrape_names_count(list), 100) {
      guard let item = scrape_names_item(list, index) else { continue }
      var type: Int32 = 0
      guard let value = GENERAL_NAME_get0_value(item, &type),
        type == GEN_DNS || type == GEN_IPADD
      else { continue }
      let string = value.assumingMemoryBound(to: ASN1_STRING.self)
      let count = min(Int(ASN1_STRING_length(string)), longest)
      let bytes = UnsafeBufferPointer(start: ASN1_STRING_get0_data(string), count: max(0, count))
      if type == GEN_DNS {
        names.append(String(decoding: bytes, as: UTF8.self))
      } else if let address = address(bytes) {
        names.append(address)
      }
    }
    return names
  }

  private static func address(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
      guard let base = text.baseAddress,
        inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes.baseAddress, base, 64) != nil
      else { return nil }
      return String(cString: base)
    }
  }

  private static func serial(_ number: UnsafePointer<ASN1_INTEGER>?) -> String {
    guard let number, let big = ASN1_INTEGER_to_BN(number, nil) else { return "" }
    defer { BN_free(big) }
    guard let text = BN_bn2hex(big) else { return "" }
    defer { CRYPTO_free(text, "", 0) }
    return String(String(cString: text).prefix(64))
  }
}
