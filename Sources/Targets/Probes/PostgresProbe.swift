public import Configuration
public import Engine
internal import Metrics
internal import Transfer

/// `postgres`: PostgreSQL accepts the login and answers a query.
///
/// Options: `user`, `password`, `database` (the user's name), `query` (`SELECT 1`), `expect` (the
/// first value of its first row), `tls` (`yes`, or a mapping with `ca`). Without a user it asks
/// whether the server supports TLS, completes the TLS handshake if it does, and closes where a
/// client may: the server logs nothing.
public struct PostgresProbe: Probe {
  public static let name = "postgres"
  public static let summary = "The database accepts the log-in, and a query has the expected value."
  public static let defaultPort: UInt16? = 5432
  public static let canBind = true
  private let login: DatabaseCheck

  public init(_ options: inout Fields) {
    login = DatabaseCheck(&options, query: "SELECT 1")
  }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    endpoint.byHand(
      "psql -h \(endpoint.number) -p \(endpoint.port)"
        + (login.user.map { " -U \($0)" } ?? "") + (login.database.map { " \($0)" } ?? ""))
    let start = Deadline.now
    var verdict: Verdict
    do throws(Verdict) {
      if login.user == nil {
        verdict = try await handshake(with: endpoint, on: reactor, by: deadline)
      } else {
        var request = try await login.request(for: endpoint, on: reactor, by: deadline)
        // libpq cannot choose the address that it connects from.
        if request.source != nil, request.dialer == nil {
          request.dialer = endpoint.binder(on: reactor)
        }
        let answer = await PostgreSQLSession.ask(request, on: reactor, by: deadline)
        login.note(answer, on: endpoint)
        verdict = login.evaluate(answer, endpoint)
      }
    } catch { return error }
    if verdict.isUp == true { verdict.latency = Deadline.now.since(start) }
    return verdict
  }

  /// SSLRequest of the protocol 3.0 (PostgreSQL's documentation, "Message Formats"): `S` or `N`.
  private func handshake(
    with endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> Verdict {
    let stream = try await ByteStream.open(endpoint, limit: 64 << 10, on: reactor, by: deadline)
    stream.doing = "asking for TLS"
    try await stream.send([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f], on: reactor, by: deadline)
    let answer = try await stream.read(exactly: 1, on: reactor, by: deadline)[0]
    switch answer {
    case UInt8(ascii: "N"):
      await stream.end(on: reactor, by: min(deadline, .after(.seconds(1))))
      return .ok(nil, "speaks PostgreSQL, without TLS")
    case UInt8(ascii: "S"):
      // Closing now would be an error in the server's log.
      _ = try await stream.startTLS(
        trusting: .system, CertificateCheck(), endpoint, on: reactor, by: deadline)
      await stream.end(on: reactor, by: min(deadline, .after(.seconds(1))))
      return .ok(nil, "speaks PostgreSQL, with TLS")
    case UInt8(ascii: "E"):
      throw Verdict(.critical, .wrongAnswer, "the server answers with an error: is it starting?")
    default:
      throw Verdict(.critical, .protocolError, "not PostgreSQL: it answers \(shown([answer]))")
    }
  }
}
