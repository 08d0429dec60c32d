internal import CCurl
internal import Engine
internal import Glibc

/// The message of a failed transfer for people: the phase, the cause, and what to check.
///
/// The error texts of libcurl and OpenSSL ("Couldn't connect to server", "SSL_ERROR_SYSCALL")
/// describe the library's view; they are kept only where they quote the server.
struct FailureWords {
  var code: CURLcode
  /// libcurl's error text.
  var said: String
  /// The peer's address: `127.0.0.1:80`; nil if none is known.
  var place: String?
  /// The error number of the connection's system call; zero if there was none.
  var number: Int32
  var isConnected: Bool
  /// Nil without TLS.
  var isSecured: Bool?
  /// Bytes of the answer's head, and of its body.
  var head: Int
  var body: Int
  var hasWholeHead: Bool
  /// Mail protocols, whose answers are lines without head and body.
  var isConversation = false
  /// The limit of redirects.
  var redirects: Int
  /// The length that the answer announced.
  var announced: Int?

  /// The message as a sentence fragment; libcurl's text if there is none of our own.
  var text: String {
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST: return "the name has no address"
    case CURLE_COULDNT_RESOLVE_PROXY: return "the proxy's name has no address"
    case CURLE_COULDNT_CONNECT:
      let what = isConnected ? "data connection: " : ""
      let why = number != 0 ? Self.connection(number) : "no connection"
      return what + why + (isConnected ? "" : place.map { " (\($0))" } ?? "")
    case CURLE_SSL_CONNECT_ERROR: return "TLS handshake: \(tls)"
    case CURLE_USE_SSL_FAILED: return "the server does not offer TLS (STARTTLS)"
    case CURLE_GOT_NOTHING:
      return "connected, and the server closed the connection without an answer"
    case CURLE_RECV_ERROR:
      return isSecured == false
        ? "TLS handshake: the connection broke off" : "the connection broke off \(point)"
    case CURLE_SEND_ERROR: return "the connection broke off while the request was sent"
    case CURLE_PARTIAL_FILE:
      return "the connection ended after \(body) bytes of the body"
        + (announced.map { "; \($0) were announced" } ?? "")
    case CURLE_UNSUPPORTED_PROTOCOL where isConnected:
      return "what came is no answer of HTTP; is the port right?"
    case CURLE_TOO_MANY_REDIRECTS: return "more than \(redirects) redirects"
    case CURLE_FTP_CANT_GET_HOST: return "data connection: no address for it"
    case CURLE_FTP_ACCEPT_FAILED, CURLE_FTP_ACCEPT_TIMEOUT: return "data connection: not opened"
    case CURLE_LOGIN_DENIED: return "the server refuses the log-in"
    case CURLE_AUTH_ERROR: return "no method of log-in in common with the server"
    case CURLE_REMOTE_ACCESS_DENIED: return "the server denies access"
    case CURLE_WEIRD_SERVER_REPLY:
      // libcurl quotes the code of the answer after a colon: `Got unexpected smtp-server response:
      // 554`.
      let status = said.split(separator: " ").last.flatMap { Int($0) }
      return "unexpected answer" + (status.map { " \($0)" } ?? "") + "; is the port right?"
    default: return said
    }
  }

  /// The host and port of a URL; without the port if the URL has none.
  static func place(_ url: String, address: String?) -> String? {
    let bytes = url.utf8
    guard let start = url.firstRange(of: "://")?.upperBound else { return address }
    let server = bytes[start...].prefix { !"/?#".utf8.contains($0) }
    let host =
      server.lastIndex(of: UInt8(ascii: "@")).map { server[server.index(after: $0)...] } ?? server
    let colon = host.lastIndex(of: UInt8(ascii: ":"))
    let isInBrackets = colon.map { host[$0...].contains(UInt8(ascii: "]")) } ?? false
    let port = isInBrackets ? nil : colon.map { String(decoding: host[$0...], as: UTF8.self) }
    guard let address else { return nil }
    return (address.utf8.contains(UInt8(ascii: ":")) ? "[\(address)]" : address) + (port ?? "")
  }

  /// The part of the answer in which it failed.
  private var point: String {
    if isConversation {
      return head == 0 ? "before the greeting" : "after \(head) bytes of the conversation"
    }
    if !hasWholeHead {
      return head == 0
        ? "before the first byte of the answer" : "after \(head) bytes of the answer's head"
    }
    return "after \(body) bytes of the body" + (announced.map { " of \($0)" } ?? "")
  }

  /// The cause of a failed handshake, by the word in OpenSSL's message that names it.
  private var tls: String {
    let known = [
      ("wrong version number", "what came is no TLS; does the port speak TLS?"),
      ("packet length too long", "what came is no TLS; does the port speak TLS?"),
      ("http request", "the port speaks HTTP without TLS"),
      ("unsupported protocol", "no version of TLS in common"),
      ("protocol version", "no version of TLS in common"),
      ("no protocols available", "no version of TLS in common"),
      (
        "handshake failure", "the server refuses it; no cipher in common, or it wants a certificate"
      ),
      ("certificate required", "the server wants a client's certificate"),
      ("unrecognized name", "the server knows no such name; set `host:`"),
      ("dh key too small", "the server's key is too short"),
      ("SSL_ERROR_SYSCALL", "the connection broke off"),
      ("unexpected eof", "the server closed the connection"),
      ("ssl handshake failure", "the server refuses it"),
    ]
    let lower = said.lowercased()
    if let words = known.first(where: { lower.contains($0.0.lowercased()) })?.1 { return words }
    // OpenSSL's reason comes last: `error:0A000438:SSL routines::tlsv1 alert internal error`.
    return said.split(separator: ":").last.map(String.init) ?? said
  }

  /// The meaning of an error of connect(2).
  static func connection(_ number: Int32) -> String {
    switch number {
    case ECONNREFUSED: "connection refused; nothing listens on the port"
    case ETIMEDOUT: "no connection: nothing came back"
    case ECONNRESET: "the connection was reset at once"
    case EHOSTUNREACH: "no route to the host"
    case ENETUNREACH: "no route to its network"
    case EACCES, EPERM: "a firewall of this machine forbids the connection"
    case EADDRNOTAVAIL: "no free port, or no such source address, on this machine"
    case EMFILE, ENFILE: "this machine has no descriptor left"
    default: SystemError("connect", number).message.lowercased()
    }
  }
}
