internal import Glibc

/// The answer, as far as it arrived.
public struct TransferAnswer: Sendable {
  /// Why the exchange did not complete; nil if it did, whatever the server answered.
  public var error: TransferError?
  /// The protocol's last status: 200 of HTTP, 250 of SMTP; nil if there is none.
  public var status: Int?
  /// The status; 0 if there is none.
  public var code: Int { status ?? 0 }
  /// The headers of the last HTTP answer in order, with names in lower case.
  public var headers: [(name: String, value: String)] = []
  /// The server's lines as received: HTTP's last status line, or the greeting and the answers to
  /// commands of other protocols.
  public var lines: [String] = []
  public var body: [UInt8] = []
  /// Whether the answer was longer than the limit.
  public var isCut = false
  public var phases = Phases()
  /// The certificates of the server, its own first; empty without TLS.
  public var certificates: [Certificate] = []
  /// All faults of the certificate, the most informative first; empty if it is trusted, and if
  /// there is none.
  public var faults: [CertificateFault] = []
  /// The address of the connection.
  public var address: String?
  /// The final URL after redirects.
  public var url: String?
  public var redirects = 0
  /// The conversation, line by line with `>` and `<`; credentials are dots.
  public var transcript: [String] = []

  public init(error: TransferError? = nil) { self.error = error }

  /// The time from the start to each step; nil if it was not reached.
  public struct Phases: Sendable, Equatable {
    /// The name lookup was complete.
    public var resolved: Duration?
    /// The TCP connection was established.
    public var connected: Duration?
    /// The TLS handshake was complete.
    public var secured: Duration?
    /// The first byte of the answer arrived.
    public var answered: Duration?
    public var total = Duration.zero

    /// Adds the time before libcurl had its connection.
    mutating func delay(by time: Duration) {
      connected = connected.map { $0 + time }
      secured = secured.map { $0 + time }
      answered = answered.map { $0 + time }
      total += time
    }
  }

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

/// Why an exchange did not complete.
public struct TransferError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Reason: String, Sendable {
    /// The name has no address.
    case unresolved
    /// Nothing listens on the port.
    case refused
    /// No route to the address.
    case unreachable
    /// The jump host does not forward connections to the server.
    case forbidden
    /// The jump host in between failed.
    case cutOff
    /// The connection broke.
    case lost
    case timeout
    /// The certificate or its name is invalid.
    case untrusted
    /// The TLS handshake failed, or the server offers no TLS.
    case insecure
    /// User or password were refused.
    case denied
    /// The server blocks this address to protect itself.
    case blocked
    /// The answer does not follow the protocol.
    case malformed
    /// The server refused the request.
    case failed
    /// The request is impossible: its URL, or a file that it names.
    case invalid
    /// A resource of this machine is missing.
    case local
    case cancelled
  }

  public var reason: Reason
  /// What happened, as a sentence fragment.
  public var message: String

  public init(_ reason: Reason, _ message: String) {
    self.reason = reason
    self.message = message
  }

  public var description: String { message }
}
