public import Configuration
public import Engine
internal import Metrics
internal import Hosts

/// `proxy`: an HTTP proxy answers a `CONNECT` (RFC 9110, section 9.3.6).
///
/// Options: `connect` (`HOST:PORT`; a connection to there must be made), `user` and `password` (Basic).
/// Without `connect` the proxy is asked for a connection to itself, and any answer that only a proxy
/// gives is good: that it refuses, asks for a log-in, or cannot connect.
public struct ProxyProbe: Probe {
  public static let name = "proxy"
  public static let summary = "An HTTP proxy answers a CONNECT, or makes the connection."
  public static let canBind = true
  public static let defaultPort: UInt16? = 8080

  private let target: String?
  private let user: String?
  private let password: Secret?

  public init(_ options: inout Fields) {
    let place = SettingType("HOST:PORT", example: "example.org:443") {
      node, what throws(ConfigurationError) -> String in
      let text = try node.string(what)
      guard let colon = text.lastIndex(of: ":"), colon != text.startIndex,
        let port = UInt16(text[text.index(after: colon)...]), port > 0, text.utf8.count <= 260,
        text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") })
      else {
        throw ConfigurationError("connect is HOST:PORT", at: node, hint: "write example.org:443")
      }
      return text
    }
    target = options.take(
      "connect", place, otherwise: "the proxy itself", "Place to which the proxy must connect.")
    user = options.take("user", .text, "User of Basic authentication.", example: "monitor")
    password = options.take("password", .secret, "Password of the user.")
    if password != nil, user == nil { options.add("a password without user") }
  }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    let itself = "\(endpoint.hostInURL(endpoint.number)):\(endpoint.port)"
    let place = target ?? itself
    endpoint.byHand("curl -v -p -x http://\(itself) http://\(place)/")
    let start = Deadline.now
    do throws(Verdict) {
      let secret = try await endpoint.kit.secrets.text(of: password, on: reactor, by: deadline)
      let stream = try await ByteStream.open(endpoint, limit: 64 << 10, on: reactor, by: deadline)
      stream.doing = "waiting for the answer to CONNECT \(place)"
      let head = "CONNECT \(place) HTTP/1.1\r\nHost: \(place)\r\nUser-Agent: scrape\r\n"
      try await stream.send(user == nil ? head + "\r\n" : head, on: reactor, by: deadline)
      if let user {
        let pair = Base64.encode(Array("\(user):\(secret ?? "")".utf8))
        try await stream.send(
          secret: Array("Proxy-Authorization: Basic \(pair)\r\n\r\n".utf8), on: reactor,
          by: deadline)
      }
      let line = try await stream.line(limit: 4096, on: reactor, by: deadline)
      guard let status = Self.status(of: line) else {
        throw Verdict(.critical, .protocolError, "no answer of a proxy: \(shown(line))")
      }
      // What is not whole is no answer: the head ends with an empty line.
      stream.doing = "reading the head of the answer"
      while try await !stream.line(limit: 8192, on: reactor, by: deadline).isEmpty {}
      let latency = Deadline.now.since(start)
      var verdict = evaluate(status.code, status.said)
      verdict.latency = latency
      return verdict
    } catch {
      return error
    }
  }

  /// The code and the words of `HTTP/1.1 403 Forbidden`.
  private static func status(of line: [UInt8]) -> (code: Int, said: String)? {
    let words = String(decoding: line, as: UTF8.self).split(separator: " ", maxSplits: 1)
    guard words.count == 2, words[0].hasPrefix("HTTP/1."), let code = Int(words[1].prefix(3)),
      (100...599).contains(code)
    else { return nil }
    return (code, String(words[1]))
  }

  private func evaluate(_ code: Int, _ said: String) -> Verdict {
    switch code {
    case 200...299:
      return .ok(nil, target.map { "connects to \($0): \(said)" } ?? "connects: \(said)")
    case 407 where user != nil || target != nil:
      return Verdict(.major, .authFailed, "\(said); give user and password of the proxy")
    case 400, 404, 405, 501:
      return Verdict(
        .critical, .wrongAnswer, "no proxy: CONNECT was answered \(said); a web server is http:PORT"
      )
    case 300...399:
      return Verdict(.critical, .wrongAnswer, "no proxy: CONNECT was answered \(said)")
    default:
      guard let target else { return .ok(nil, "a proxy: \(said)") }
      return Verdict(.critical, .wrongAnswer, "no connection to \(target): \(said)")
    }
  }
}
