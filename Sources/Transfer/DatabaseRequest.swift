/// A login to a database server, and an optional query.
public struct DatabaseRequest: Sendable {
  /// The server's numeric address.
  public var address: String
  public var port: UInt16
  /// Who connects instead of this machine; `address` may then be a name.
  public var dialer: Dialer?
  /// The numeric local address of the connection; for MySQL only, as libpq has no such option.
  public var source: String?
  /// The name in its certificate, for PostgreSQL.
  public var name: String
  /// The names in its certificate, of which one is enough, for MySQL.
  public var names: [String]
  public var user: String
  public var password: String?
  public var database: String?
  /// One statement; nil for the login alone.
  public var query: String?
  /// Whether TLS and a trusted certificate are required.
  public var requiresTLS = false
  /// A PEM file of the authorities to trust: besides the system's for MySQL, instead for PostgreSQL.
  public var authorities: String?

  public init(address: String, port: UInt16, user: String) {
    self.address = address
    self.port = port
    self.name = address
    self.names = [address]
    self.user = user
  }
}

/// The answer of a database server.
public struct DatabaseAnswer: Sendable {
  public var error: TransferError?
  /// The server's own code for an error: `1045`, `28P01`; nil if it gave none.
  public var code: String?
  /// The first column of the first row, at most 1 KiB of it; nil without a row or for NULL.
  public var value: String?
  public var version: String?
  public var isSecured = false
  /// The certificate of MySQL's server, with its faults; nil without TLS.
  public var certificate: ShownCertificate?
  /// Whether the server accepted user and password.
  public var isLoggedIn = false

  public init() {}

  /// The limit of texts and values in bytes.
  static let textLimit = 1 << 10
  /// The limit of one conversation in bytes.
  static let byteLimit = 1 << 20
}
