/// What came back, as far as it came.
public struct TransferAnswer: Sendable {
  /// Why the exchange did not come to its end; nil where it did, whatever the server answered.
  public var error: TransferError?
  /// The protocol's last status: 200 of HTTP, 250 of SMTP; nil where none came.
  public var status: Int?
  /// HTTP's headers of the last answer in their order, the names in lower case.
  public var headers: [(name: String, value: String)] = []
  /// The server's lines, as they came: HTTP's last status line, or the greeting and the answers to
  /// commands of other protocols.
  public var lines: [String] = []
  public var body: [UInt8] = []
  /// Whether the server had more to say than was read.
  public var isCut = false
  public var phases = Phases()
  /// The certificates that the server showed, its own first; empty without TLS.
  public var certificates: [Certificate] = []
  /// All that is wrong with the certificate, the most useful first; empty where it is trusted, and
  /// where none came.
  public var faults: [CertificateFault] = []
  /// The address that was connected to.
  public var address: String?
  /// The URL in the end, after redirects.
  public var url: String?
  public var redirects = 0
  /// What was said, line by line with `>` and `<`; credentials are dots.
  public var transcript: [String] = []

  public init(error: TransferError? = nil) { self.error = error }

  /// How long it took from the start until each point was reached; nil where it was not.
  public struct Phases: Sendable, Equatable {
    /// The name was looked up.
    public var resolved: Duration?
    /// TCP was connected.
    public var connected: Duration?
    /// TLS was agreed.
    public var secured: Duration?
    /// The first byte of the answer came.
    public var answered: Duration?
    public var total = Duration.zero
  }

  /// The value of the first header of that name, which is given in lower case.
  public subscript(header name: String) -> String? { headers.first { $0.name == name }?.value }
}

/// Why an exchange did not come to its end.
public struct TransferError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Reason: String, Sendable {
    /// The name has no address.
    case unresolved
    /// Nothing listens on the port.
    case refused
    /// No way to the address.
    case unreachable
    /// The connection broke off.
    case lost
    case timeout
    /// The certificate or its name.
    case untrusted
    /// TLS was not agreed, or is not offered.
    case insecure
    /// User or password.
    case denied
    /// The server keeps this address out to protect itself.
    case turnedAway
    /// What came is not the protocol.
    case malformed
    /// The server answered that it will not.
    case failed
    /// The request itself is not possible: its address, or a file that it names.
    case invalid
    /// This machine lacks something.
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
