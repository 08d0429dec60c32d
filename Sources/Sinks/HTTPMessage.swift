internal import Glibc
public import Transfer

/// A request over HTTP or HTTPS.
public struct HTTPRequest: Sendable {
  public var method: String
  /// Without user and password, which have members of their own so that no message shows them.
  public var url: String
  public var headers: [(name: String, value: String)] = []
  public var body: [UInt8] = []
  /// The user and password of Basic authentication.
  public var user: String?
  public var password: String?
  /// A PEM file of certificates to trust instead of the system's.
  public var authorities: String?
  /// The proxy; nil for none.
  public var proxy: Proxy?
  /// Further values that no message may show.
  public var secrets: [String] = []
  /// The limit of a body in bytes; the rest is left unread.
  public var bodyLimit = 1 << 20

  public init(_ method: String = "GET", _ url: String) {
    self.method = method
    self.url = url
  }
}

/// A server's answer; no status is an error of the client.
public struct HTTPResponse: Sendable {
  public var status: Int
  /// The headers in order, with names in lower case.
  public var headers: [(name: String, value: String)]
  public var body: [UInt8]
  /// Whether the body was longer than the limit.
  public var isCut: Bool

  /// The value of the first header of that name, which is given in lower case.
  public subscript(header name: String) -> String? { headers.first { $0.name == name }?.value }

  /// The back-off that the server asks for: the header `Retry-After` (RFC 9110, 10.2.3), in seconds
  /// or as a date. At most one day.
  public var retryAfter: Duration? {
    guard let text = self[header: "retry-after"] else { return nil }
    if let seconds = Int64(text) { return seconds < 0 ? nil : .seconds(min(seconds, 86_400)) }
    return httpDate(text).map { .seconds(min(max(0, $0 - Int64(time(nil))), 86_400)) }
  }
}

/// Why there is no answer.
public struct HTTPError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Reason: String, Sendable {
    /// The name has no address.
    case unresolved
    /// No connection, or the connection broke.
    case unreachable
    case timeout
    /// The certificate, its name or the TLS handshake failed.
    case untrusted
    /// The answer is not HTTP.
    case malformed
    /// The request is impossible: its URL, or a file that it names.
    case invalid
    case cancelled
  }

  public var reason: Reason
  /// What happened, as a sentence fragment.
  public var message: String

  public var description: String { message }
}
