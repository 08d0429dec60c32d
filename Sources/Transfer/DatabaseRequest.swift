/// A log-in to a database server, and what is asked there.
public struct DatabaseRequest: Sendable {
  /// The server's address in numbers.
  public var address: String
  public var port: UInt16
  /// The address of this machine, in numbers, that is connected from; of MySQL only, as libpq has no
  /// such choice.
  public var source: String?
  /// The name in its certificate.
  public var name: String
  public var user: String
  public var password: String?
  public var database: String?
  /// One statement; nil where the log-in is all.
  public var query: String?
  /// Whether nothing is said without TLS and a certificate that is trusted.
  public var requiresTLS = false
  /// A PEM file of the authorities to trust instead of the system's.
  public var authorities: String?

  public init(address: String, port: UInt16, user: String) {
    self.address = address
    self.port = port
    self.name = address
    self.user = user
  }
}

/// What a database server answered.
public struct DatabaseAnswer: Sendable {
  public var error: TransferError?
  /// The server's own code for an error: `1045`, `28P01`; nil where it said none.
  public var code: String?
  /// The first column of the first row, at most 1 KiB of it; nil where there was none, or a NULL.
  public var value: String?
  public var version: String?
  public var isSecured = false
  /// Whether the server took user and password.
  public var isLoggedIn = false

  public init() {}

  /// Texts and values are cut to so many bytes.
  static let textLimit = 1 << 10
  /// What one conversation may bring in all.
  static let byteLimit = 1 << 20
}
