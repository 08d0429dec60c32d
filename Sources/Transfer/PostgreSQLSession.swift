internal import CPQ
public import Engine
internal import Glibc

/// A conversation with PostgreSQL through libpq's non-blocking calls.
public final class PostgreSQLSession {
  private let connection: OpaquePointer
  /// libpq's source in place of the server: one call of libpq reads for as long as bytes arrive.
  private var pipe: ServerPipe?
  private let place: String
  private let request: DatabaseRequest
  private var carried: CarriedConnection?
  private let anchor: Anchor?
  private var isLoggedIn = false

  /// Logs in, queries, and closes the session (Terminate).
  public static func ask(
    _ request: DatabaseRequest, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> DatabaseAnswer {
    var answer = DatabaseAnswer()
    do throws(TransferError) {
      let session = try PostgreSQLSession(request)
      do throws(TransferError) {
        try await session.connect(on: reactor, by: deadline)
        answer.isLoggedIn = true
        session.isLoggedIn = true
        answer.version = PQparameterStatus(session.connection, "server_version").map {
          String(String(cString: $0).prefix(100))
        }
        answer.isSecured = PQsslInUse(session.connection) != 0
        if let query = request.query {
          answer.value = try await session.first(of: query, &answer, on: reactor, by: deadline)
        }
      } catch {
        answer.code = answer.code ?? session.state
        throw error
      }
    } catch {
      answer.error = error
    }
    answer.hide(request)
    return answer
  }

  private init(_ request: DatabaseRequest) throws(TransferError) {
    place = "\(request.address):\(request.port)"
    self.request = request
    let anchor = request.dialer == nil ? nil : try Anchor()
    self.anchor = anchor
    // Overrides everything that libpq would take from the environment or from files of a home
    // folder.
    let none = "/dev/null/none"
    let options: [(String, String)] = [
      ("hostaddr", anchor == nil ? request.address : Anchor.address), ("host", request.name),
      ("port", String(anchor?.port ?? request.port)),
      ("user", request.user), ("password", request.password ?? ""),
      ("dbname", request.database ?? request.user), ("application_name", "scrape"),
      ("passfile", "/dev/null"), ("gssencmode", "disable"), ("client_encoding", "UTF8"),
      ("sslmode", request.requiresTLS ? "verify-full" : "prefer"), ("options", ""),
      (
        "sslrootcert",
        request.authorities ?? (request.requiresTLS ? systemAuthorities ?? "" : none)
      ),
      ("sslcert", none), ("sslkey", none), ("target_session_attrs", "any"),
      ("channel_binding", "prefer"), ("krbsrvname", "postgres"), ("replication", "false"),
    ]
    var keys = options.map { strdup($0.0) } + [nil]
    var values = options.map { strdup($0.1) } + [nil]
    defer { (keys + values).forEach { free($0) } }
    let made = keys.withUnsafeMutableBufferPointer { keys in
      values.withUnsafeMutableBufferPointer { values in
        keys.withMemoryRebound(to: UnsafePointer<CChar>?.self) { keys in
          values.withMemoryRebound(to: UnsafePointer<CChar>?.self) { values in
            PQconnectStartParams(keys.baseAddress, values.baseAddress, 0)
          }
        }
      }
    }
    guard let made else { throw TransferError(.local, "libpq has no memory") }
    connection = made
    // With the code of each error, and without output on standard error.
    PQsetErrorVerbosity(made, PQERRORS_VERBOSE)
    PQsetNoticeProcessor(made, { _, _ in }, nil)
  }

  deinit {
    PQfinish(connection)
    pipe?.finish()
  }

  private func connect(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TransferError) {
    if let dialer = request.dialer {
      carried = try await dialer.connection(
        to: request.address, port: request.port, by: deadline)
    }
    var wanted = Readiness.write
    guard PQstatus(connection) != CONNECTION_BAD else { throw failure() }
    while true {
      try await wait(for: wanted, "logging in", on: reactor, by: deadline)
      let state = PQconnectPoll(connection)
      switch PQstatus(connection) {
      case CONNECTION_STARTED, CONNECTION_NEEDED: pipe = nil  // It tries anew, as without TLS.
      case CONNECTION_MADE where pipe == nil:
        if let dialer = request.dialer, carried == nil {
          carried = try await dialer.connection(
            to: request.address, port: request.port, by: deadline)
        }
        pipe = try ServerPipe(
          PQsocket(connection), to: carried, limit: 8 * DatabaseAnswer.byteLimit)
        carried = nil
      default: break
      }
      switch state {
      case PGRES_POLLING_OK: return
      case PGRES_POLLING_READING: wanted = .read
      case PGRES_POLLING_WRITING: wanted = .write
      default: throw failure()
      }
    }
  }

  /// The first value of the first row.
  private func first(
    of query: String, _ answer: inout DatabaseAnswer, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(TransferError) -> String? {
    guard PQsetnonblocking(connection, 1) == 0, PQsendQuery(connection, query) == 1,
      PQsetSingleRowMode(connection) == 1
    else { throw failure() }
    while true {
      let left = PQflush(connection)
      guard left >= 0 else { throw failure() }
      guard left == 1 else { break }
      try await wait(for: .write, "asking", on: reactor, by: deadline)
    }
    while PQisBusy(connection) == 1 {
      try await wait(for: .read, "waiting for the result", on: reactor, by: deadline)
      guard PQconsumeInput(connection) == 1 else { throw failure() }
    }
    // Row by row: a result may be larger than the memory. Terminate ends the rest.
    guard let result = PQgetResult(connection) else { return nil }
    defer { PQclear(result) }
    switch PQresultStatus(result) {
    case PGRES_SINGLE_TUPLE, PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: break
    default:
      answer.code = PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) }
      let said = PQresultErrorField(result, Int32(UInt8(ascii: "M"))).map { String(cString: $0) }
      throw TransferError(.failed, String((said ?? "the query failed").prefix(4_000)))
    }
    guard PQntuples(result) > 0, PQnfields(result) > 0, PQgetisnull(result, 0, 0) == 0,
      let bytes = PQgetvalue(result, 0, 0)
    else { return nil }
    let count = min(Int(PQgetlength(result, 0, 0)), DatabaseAnswer.textLimit)
    return bytes.withMemoryRebound(to: UInt8.self, capacity: count) {
      String(decoding: UnsafeBufferPointer(start: $0, count: count), as: UTF8.self)
    }
  }

  private func wait(
    for readiness: Readiness, _ doing: String, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TransferError) {
    let socket = PQsocket(connection)
    guard socket >= 0 else { throw failure() }
    if let pipe {
      _ = try await pipe.wait(for: readiness, doing, on: reactor, by: deadline)
      return
    }
    do throws(WaitError) {
      try await reactor.wait(socket, for: readiness, by: deadline)
    } catch {
      throw TransferError(error, while: doing)
    }
  }

  /// The five characters of SQLSTATE in `FATAL:  28P01: password authentication failed`.
  private var state: String? {
    let said = PQerrorMessage(connection).map { String(cString: $0) } ?? ""
    let parts = said.split(separator: ":", maxSplits: 20).map { $0.drop { $0 == " " } }
    return parts.first { part in
      part.utf8.count == 5
        && part.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) }
        && part.utf8.contains { (0x30...0x39).contains($0) }
    }.map(String.init)
  }

  private var notPostgreSQL: TransferError {
    TransferError(.malformed, "what came is not PostgreSQL's protocol; is the port right?")
  }

  private func failure() -> TransferError {
    let all = PQerrorMessage(connection).map { String(cString: $0) } ?? ""
    var said =
      all.split(separator: "\n").first.map { String($0.prefix(4_000)) } ?? "the session ended"
    if let end = said.firstRange(of: " failed: ")?.upperBound { said = String(said[end...]) }
    if let state {
      if let end = said.firstRange(of: "\(state): ")?.upperBound { said = String(said[end...]) }
      return TransferError(state.hasPrefix("28") ? .denied : .failed, said)
    }
    for code in [ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EMFILE, ENFILE]
    where said.contains(SystemError("", code).message) {
      return TransferError(
        connecting: code,
        "\(FailureWords.connection(code)) (\(place))")
    }
    // `received invalid response to SSL negotiation: H`
    if said.contains("invalid response") { return notPostgreSQL }
    // libpq quotes OpenSSL: `SSL error: certificate verify failed`.
    if let reason = said.firstRange(of: "certificate")?.lowerBound {
      return TransferError(.untrusted, String(said[reason...]))
    }
    if said.contains("does not support SSL") {
      return TransferError(.insecure, "the server does not offer TLS")
    }
    if said.contains("SSL") {
      let broke = said.contains("EOF") || said.contains("SYSCALL")
      return TransferError(
        .insecure,
        "TLS handshake: "
          + (broke
            ? "the connection broke off" : said.split(separator: ":").last.map(String.init) ?? said)
      )
    }
    if said.contains("expected ") { return notPostgreSQL }
    // `server closed the connection unexpectedly`, `could not receive data from server: …`
    return TransferError(
      .lost, "the connection broke off \(isLoggedIn ? "while it was asked" : "while logging in")")
  }
}
