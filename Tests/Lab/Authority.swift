import Foundation

/// A throw-away certificate authority, made with openssl(1).
public final class Authority: Sendable {
  public let scratch = Scratch()
  /// The authority's own certificate.
  public var file: String { "\(scratch.path)/ca.pem" }

  public init() throws {
    try openssl(
      "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -sha256 "
        + "-subj /CN=Lab -keyout ca.key -out ca.pem")
  }

  /// A certificate and its key for the names, in PEM; valid from and to so many days from now.
  public func certificate(
    _ name: String, names: String = "DNS:localhost,DNS:lab,IP:127.0.0.1", from: Double = -1,
    to: Double = 90
  ) throws -> (certificate: String, key: String) {
    let folder = scratch.path
    scratch.write("\(name).ext", "subjectAltName=\(names)\n")
    try openssl(
      "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=\(name)/O=Range "
        + "-keyout \(name).key -out \(name).csr")
    scratch.write("index.txt", "")
    scratch.write("serial", String(UInt32.random(in: 0x1000...0xffff), radix: 16) + "00\n")
    scratch.write(
      "ca.conf",
      """
      [ca]
      default_ca = lab
      [lab]
      database = \(folder)/index.txt
      serial = \(folder)/serial
      new_certs_dir = \(folder)
      certificate = \(folder)/ca.pem
      private_key = \(folder)/ca.key
      default_md = sha256
      policy = any
      unique_subject = no
      [any]
      commonName = supplied
      organizationName = optional
      """)
    try openssl(
      "ca -batch -notext -config ca.conf -in \(name).csr -out \(name).pem -extfile \(name).ext "
        + "-startdate \(Self.time(from)) -enddate \(Self.time(to))")
    return ("\(folder)/\(name).pem", "\(folder)/\(name).key")
  }

  private static func time(_ days: Double) -> String {
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(identifier: "UTC")
    format.dateFormat = "yyyyMMddHHmmss'Z'"
    return format.string(from: Date().addingTimeInterval(days * 86_400))
  }

  private func openssl(_ words: String) throws {
    let outcome = try run(
      "/usr/bin/openssl", words.split(separator: " ").map(String.init), in: scratch.path)
    guard outcome.status == 0 else {
      throw Unavailable(description: "openssl \(words): \(outcome.errors)")
    }
  }
}
