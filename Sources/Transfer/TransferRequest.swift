/// A request to a server over HTTP, SMTP, IMAP, POP3 or FTP.
public struct TransferRequest: Sendable {
  /// Without user and password, which have members of their own so that no message shows them.
  public var url: String
  /// The method of HTTP.
  public var method = "GET"
  public var headers: [(name: String, value: String)] = []
  /// The data to send: HTTP's body, or a mail with its header.
  public var body: [UInt8] = []
  public var user: String?
  public var password: String?
  /// A token for `Authorization: Bearer`, instead of user and password.
  public var bearer: String?
  /// Further values that no transcript and no message may show.
  public var secrets: [String] = []
  public var trust = Trust.system
  /// The accepted names in the server's certificate; an empty list stands for the host of the URL.
  public var names: [String] = []
  /// Whether an invalid certificate is accepted and reported in the answer's `faults`. It has no
  /// effect if the request has a secret.
  public var toleratesFaults = false
  /// Whether a plain connection must switch to TLS before anything else (STARTTLS).
  public var requiresTLS = false
  /// The numeric address to connect to, in place of those of the URL's host.
  public var address: String?
  /// Who connects instead of this machine. `address` may then be a name, and a redirect leads to
  /// `carriedNames`, which are names of that address, and to numbers only.
  public var dialer: Dialer?
  public var carriedNames: [String] = []
  /// The connection that the dialer made.
  var carried: CarriedConnection?
  /// The numeric local address of the connection; nil for the system's choice.
  public var source: String?
  /// The limit of HTTP redirects. Another origin gets no header, body or credentials.
  public var redirects = 0
  /// The places besides other servers of the network to which redirects may lead.
  public var redirectTargets: RedirectTargets = []
  /// The servers to which the scraper writes its own points.
  public var sinks: [NetworkPlace] = []
  /// Whether a server of another origin caused this request.
  var isRedirected = false
  /// The addresses of sinks, if the redirect could lead to one.
  var avoided: [SocketPlace] = []
  /// The proxy; nil for none, whatever the environment says.
  public var proxy: Proxy?
  /// The command of a mail protocol in place of the default one: `NOOP`, `LOGOUT`.
  public var command: String?
  /// The envelope of a mail.
  public var sender: String?
  public var recipients: [String] = []
  /// Whether the mail is sent to the accepted recipients if the server refuses others.
  public var allowsRefusedRecipients = false
  /// The limit of a body in bytes; the rest is left unread.
  public var bodyLimit = 1 << 20
  /// The limit of headers, greetings and answers to commands, in bytes.
  public var headerLimit = 64 << 10
  /// Whether the connection may be reused. All requests that reuse connections in the same
  /// `Transfers` must have the same trust: libcurl does not distinguish them.
  public var keepsConnection = false
  /// Whether the conversation is recorded, for `--explain`.
  public var wantsTranscript = false

  public init(_ method: String = "GET", _ url: String) {
    self.method = method
    self.url = url
  }
}

/// The proxy of a request.
public enum Proxy: Sendable, Equatable {
  /// `http://proxy.example:3128`.
  case at(String)
  /// The setting of `http_proxy`, `https_proxy` and `no_proxy`.
  case environment

  /// Reads a setting: a URL, or the word `environment`. Nil if it is neither, or holds a user,
  /// which would appear in messages.
  public init?(_ text: String) {
    if text == "environment" {
      self = .environment
      return
    }
    guard ["http://", "https://"].contains(where: { text.hasPrefix($0) }),
      text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "@") }),
      Origin(text) != nil
    else { return nil }
    self = .at(text)
  }

  /// The expected form, for a hint.
  public static let hint = "proxy: http://proxy.example:3128, or proxy: environment"
}

extension TransferRequest {
  /// The limit of all bytes from the network: a body in chunks of one byte takes six times its
  /// length.
  var rawLimit: Int { 8 * (bodyLimit + headerLimit) }
  var scheme: String { String(url.prefix { $0 != ":" }).lowercased() }
  /// Whether the protocol consists of commands and answers, with a QUIT or LOGOUT at the end.
  var isConversation: Bool { !scheme.hasPrefix("http") }
}
