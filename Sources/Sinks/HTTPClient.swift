public import Engine
internal import Transfer

/// An HTTP client that never blocks its reactor.
///
/// Connections are reused. Certificates are verified, redirects are not followed, and an answer is
/// read only up to the request's limit. Requests may run in parallel.
public final class HTTPClient: Sendable {
  private let transfers = Transfers()

  public init() {}

  /// Closes the connections.
  public func close() { transfers.close() }

  /// Sends the request and waits for the whole answer.
  public func send(
    _ request: HTTPRequest, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(HTTPError) -> HTTPResponse {
    var wanted = TransferRequest(request.method, request.url)
    wanted.headers = request.headers
    wanted.body = request.body
    wanted.user = request.user
    wanted.password = request.password
    wanted.proxy = request.proxy
    wanted.secrets = request.secrets
    wanted.bodyLimit = request.bodyLimit
    wanted.keepsConnection = true
    if let file = request.authorities { wanted.trust = .only(file) }
    let answer = await transfers.run(wanted, on: reactor, by: deadline)
    if let error = answer.error {
      throw HTTPError(reason: .init(error.reason), message: error.message)
    }
    return HTTPResponse(
      status: answer.status ?? 0, headers: answer.headers, body: answer.body, isCut: answer.isCut)
  }
}

extension HTTPError.Reason {
  init(_ reason: TransferError.Reason) {
    switch reason {
    case .unresolved: self = .unresolved
    case .refused, .unreachable, .lost: self = .unreachable
    case .timeout: self = .timeout
    case .untrusted, .insecure: self = .untrusted
    case .malformed, .failed, .denied, .turnedAway: self = .malformed
    case .invalid, .local: self = .invalid
    case .cancelled: self = .cancelled
    }
  }
}
