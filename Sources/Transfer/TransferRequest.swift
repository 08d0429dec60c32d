/// What is asked of a server over HTTP, SMTP, IMAP, POP3 or FTP.
public struct TransferRequest: Sendable {
  /// Without user and password: those have members of their own, so that no message shows them.
  public var url: String
  /// The method of HTTP.
  public var method = "GET"
  public var headers: [(name: String, value: String)] = []
  /// What is sent: HTTP's body, or a mail with its header.
  public var body: [UInt8] = []
  public var user: String?
  public var password: String?
  /// A token for `Authorization: Bearer`, instead of user and password.
  public var bearer: String?
  /// Further values that no transcript and no message may show.
  public var secrets: [String] = []
  public var trust = Trust.system
  /// The names of which the server's certificate must bear one; empty is the host of the URL.
  public var names: [String] = []
  /// Whether the conversation goes on where the certificate is wrong, which then is in the answer's
  /// `faults`. It has no effect where the request has a secret.
  public var toleratesFaults = false
  /// Whether a protocol that begins in clear must change to TLS before all else (STARTTLS).
  public var requiresTLS = false
  /// The address that is connected to, in numbers, instead of those of the name in the URL.
  public var address: String?
  /// The address of this machine, in numbers, that is connected from; nil is the system's choice.
  public var source: String?
  /// How many redirects of HTTP are followed. Another origin is shown no header, body or credentials.
  public var redirects = 0
  /// Where else than to other servers of the network redirects may lead.
  public var redirectTargets: RedirectTargets = []
  /// Where the scraper's own points are written.
  public var sinks: [NetworkPlace] = []
  /// Whether a server of another origin asked for this one.
  var isRedirected = false
  /// The addresses of sinks, where it might lead to one.
  var avoided: [SocketPlace] = []
  /// The proxy to go through; nil is none, whatever the environment says.
  public var proxy: Proxy?
  /// The command that a mail protocol is given in place of its usual one: `NOOP`, `LOGOUT`.
  public var command: String?
  /// The envelope of a mail that is sent.
  public var sender: String?
  public var recipients: [String] = []
  /// Whether those that the server takes are sent the mail where it refuses others.
  public var allowsRefusedRecipients = false
  /// The most bytes of a body that are read; what comes after is left unread.
  public var bodyLimit = 1 << 20
  /// The most bytes of headers, greetings and answers to commands.
  public var headerLimit = 64 << 10
  /// Whether the connection may serve the next request, and may have served one. All that keep theirs
  /// in the same `Transfers` must have the same trust: libcurl does not see the difference.
  public var keepsConnection = false
  /// Whether what was said is recorded, for `--explain`.
  public var wantsTranscript = false

  public init(_ method: String = "GET", _ url: String) {
    self.method = method
    self.url = url
  }
}

/// Which proxy a request goes through.
public enum Proxy: Sendable, Equatable {
  /// `http://proxy.example:3128`.
  case at(String)
  /// What `http_proxy`, `https_proxy` and `no_proxy` say.
  case environment

  /// As a person writes it: an address, or the word `environment`. Nil where it is neither, or holds a
  /// user, which would stand in messages.
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

  /// What to write.
  public static let hint = "proxy: http://proxy.example:3128, or proxy: environment"
}

extension TransferRequest {
  /// The most bytes that may come over the network, whatever they are: a body in chunks of one byte
  /// takes six times its length.
  var rawLimit: Int { 8 * (bodyLimit + headerLimit) }
  var scheme: String { String(url.prefix { $0 != ":" }).lowercased() }
  /// Whether it is a protocol of commands and answers, with a farewell.
  var isConversation: Bool { !scheme.hasPrefix("http") }
}
