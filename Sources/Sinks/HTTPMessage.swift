internal import Glibc
public import Transfer

/// A request over HTTP or HTTPS.
public struct HTTPRequest: Sendable {
  public var method: String
  /// Without user and password: those have members of their own, so that no message shows them.
  public var url: String
  public var headers: [(name: String, value: String)] = []
  public var body: [UInt8] = []
  /// For Basic authentication.
  public var user: String?
  public var password: String?
  /// A file of certificates in PEM that are trusted instead of the system's.
  public var authorities: String?
  /// The proxy to go through; nil is none.
  public var proxy: Proxy?
  /// Further values that no message may show.
  public var secrets: [String] = []
  /// The most bytes of a body that are read; what comes after is left unread.
  public var bodyLimit = 1 << 20

  public init(_ method: String = "GET", _ url: String) {
    self.method = method
    self.url = url
  }
}

/// What a server answered; whatever its status, it is no error of the client.
public struct HTTPResponse: Sendable {
  public var status: Int
  /// In their order, the names in lower case.
  public var headers: [(name: String, value: String)]
  public var body: [UInt8]
  /// Whether the server had more to say than was read.
  public var isCut: Bool

  /// The value of the first header of that name, which is given in lower case.
  public subscript(header name: String) -> String? { headers.first { $0.name == name }?.value }

  /// How long the server asks to be left alone: the header `Retry-After` (RFC 9110, 10.2.3), in
  /// seconds or as a date. Longer than a day is a day.
  public var retryAfter: Duration? {
    guard let text = self[header: "retry-after"] else { return nil }
    if let seconds = Int64(text) { return seconds < 0 ? nil : .seconds(min(seconds, 86_400)) }
    return httpDate(text).map { .seconds(min(max(0, $0 - Int64(time(nil))), 86_400)) }
  }
}

/// Why there was no answer.
public struct HTTPError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Reason: String, Sendable {
    /// The name has no address.
    case unresolved
    /// No connection, or it broke off.
    case unreachable
    case timeout
    /// The certificate, its name or the TLS handshake.
    case untrusted
    /// What came is not HTTP.
    case malformed
    /// The request itself is not possible: its address, or a file that it names.
    case invalid
    case cancelled
  }

  public var reason: Reason
  /// What happened, as a sentence fragment.
  public var message: String

  public var description: String { message }
}
