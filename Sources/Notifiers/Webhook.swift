public import Engine
internal import Metrics
public import Transfer

/// Posts notifications to a URL as a JSON object.
///
/// `webhook: {url: https://hooks.example/range, token: "${HOOK_TOKEN}"}`. `format: alertmanager`
/// posts the payload of Prometheus's Alertmanager; the default is `Notice.object`. 2xx is success;
/// redirects are not followed. A URL that is itself a secret is written as one: `url: file:PATH`.
public struct Webhook: Notifier {
  public enum Format: String, Sendable, CaseIterable { case json, alertmanager }

  /// The URL and the format.
  public struct Configuration: Sendable {
    public var url: String
    /// The name shown for the URL, which may hold secrets.
    public var shown: String
    public var format = Format.json
    public var username: String?
    public var password = ""
    /// The token for `Authorization: Bearer`.
    public var token: String?
    public var headers: [(name: String, value: String)] = []
    /// Values that no message may show.
    public var secrets: [String] = []
    /// A PEM file of certificates to trust instead of the system's.
    public var authorities: String?
    /// The proxy; nil for none.
    public var proxy: Proxy?

    public init(url: String) {
      self.url = url
      shown = String(url.prefix { $0 != "?" })
    }
  }

  public static let kind = "webhook"
  public let name: String
  public var lane: String { name }
  public let isLiving = false
  private let configuration: Configuration
  private let transfers = Transfers()

  public init(_ configuration: Configuration) {
    self.configuration = configuration
    name = "webhook \(configuration.shown)"
  }

  public func close() { transfers.close() }

  // MARK: sending

  /// The end of the back-off that the server asked for, in seconds since 1970.
  private static let pause = "retry_after"

  public func deliver(
    _ notice: Notice, _ occasion: Occasion, _ sent: inout SentMessage,
    _ memory: inout NotifierMemory,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    let now = Timestamp.now.seconds
    if let until = memory.values[Self.pause].flatMap({ Int64($0) }), until > now,
      until - now <= 3600
    {
      throw DeliveryError(
        .busy, name, "the server asked to be left alone for \(until - now) s more",
        retryAfter: .seconds(until - now))
    }
    memory.values[Self.pause] = nil
    var bodies: [JSON]
    switch configuration.format {
    case .json: bodies = [notice.object(occasion)]
    case .alertmanager:
      bodies = [notice.alertmanager()]
      // A test must be seen and must leave no open alert behind.
      if notice.kind == .test {
        var over = notice
        over.kind = .recovery
        bodies.append(over.alertmanager())
      }
    }
    for body in bodies {
      let answer = await transfers.run(request(body), on: reactor, by: deadline)
      if let error = failure(answer) {
        if let wait = error.retryAfter {
          memory.values[Self.pause] = String(now + min(wait.components.seconds, 3600))
        }
        throw error
      }
    }
    sent = SentMessage("sent")
  }

  private func request(_ body: JSON) -> TransferRequest {
    var request = TransferRequest("POST", configuration.url)
    request.headers = [("Content-Type", "application/json")] + configuration.headers
    request.body = body.bytes
    request.user = configuration.username
    request.password = configuration.username.map { _ in configuration.password }
    request.bearer = configuration.token
    request.secrets = configuration.secrets
    request.proxy = configuration.proxy
    if let file = configuration.authorities { request.trust = .only(file) }
    // Only the first line is shown.
    request.bodyLimit = 4096
    return request
  }

  /// The error; nil if the server accepted the post.
  private func failure(_ answer: TransferAnswer) -> DeliveryError? {
    if let error = answer.error {
      let hint =
        error.reason == .untrusted
        ? "`ca:` names a file with the certificate of its authority" : nil
      return DeliveryError(error, name, hint: hint)
    }
    let status = answer.status ?? 0
    let line = harmless(answer.body)
    let said = "answered \(status)\(line.isEmpty ? "" : ": \(line)")"
    func error(
      _ reason: DeliveryError.Reason, _ hint: String = "", after wait: Duration? = nil
    ) -> DeliveryError {
      DeliveryError(reason, name, said + (hint.isEmpty ? "" : "; \(hint)"), retryAfter: wait)
    }
    switch status {
    case 200...299: return nil
    case 300...399:
      let place = answer[header: "location"].map { " to \(harmless($0.utf8))" } ?? ""
      return error(
        .refused, "it leads elsewhere\(place), which is not followed: correct `url:`")
    case 401: return error(.unauthorized, "check token, username and password")
    case 403: return error(.forbidden, "may this token post there?")
    case 404, 410: return error(.missing, "check `url:`")
    case 408, 425, 429, 500...599: return error(.busy, after: answer.retryAfter)
    case 400...499: return error(.refused)
    default: return error(.protocolError, "is this HTTP?")
    }
  }

  /// The first line of a server's answer; it may repeat what was sent.
  private func harmless(_ text: some Sequence<UInt8>) -> String {
    let values = configuration.secrets + [configuration.token ?? "", configuration.password]
    return firstLine(redacted(text, of: values.filter { $0.utf8.count > 3 }).utf8)
  }
}
