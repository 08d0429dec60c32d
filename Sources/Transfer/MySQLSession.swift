internal import CCurl
internal import CMariaDB
public import Engine
internal import Glibc

/// A conversation with MySQL or MariaDB through libmariadb's non-blocking calls, which block in TLS:
/// `MySQLSeal` speaks TLS in its place.
///
/// The server gets no file of this machine and no plain-text password: both ways in which a hostile
/// server could request more are closed.
public final class MySQLSession {
  private let mysql: UnsafeMutablePointer<MYSQL>
  private var result: UnsafeMutablePointer<MYSQL_RES>?
  /// The library reads its arguments from here during a call.
  private var texts: [UnsafeMutablePointer<CChar>?] = []
  private let request: DatabaseRequest
  private var isCalm = true
  /// The server's first bytes if they are not a greeting of MySQL.
  private var stranger: String?
  private var isGreeted = false
  /// The library's source in place of the server: it reads for as long as bytes arrive.
  private var pipe: ServerPipe?
  private var carried: CarriedConnection?
  private var anchor: Anchor?
  private let seal: MySQLSeal?
  private var isToldOfSeal = false

  private static let prepared = mysql_server_init(0, nil, nil)

  /// Logs in, queries, and closes the session.
  public static func ask(
    _ request: DatabaseRequest, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> DatabaseAnswer {
    var answer = DatabaseAnswer()
    do throws(TransferError) {
      var seal: MySQLSeal?
      if request.requiresTLS {
        let trust = request.authorities.map(Trust.systemAnd) ?? .system
        seal = try MySQLSeal(
          try await TLSContext.of(trust, on: reactor, by: deadline), names: request.names)
      }
      let session = try MySQLSession(request, seal)
      defer { answer.certificate = seal?.certificate }
      do throws(TransferError) {
        try await session.connect(on: reactor, by: deadline)
        answer.isLoggedIn = true
        answer.version = session.text(mysql_get_server_info(session.mysql))
        answer.isSecured = seal != nil
        if let query = request.query {
          answer.value = try await session.first(of: query, on: reactor, by: deadline)
        }
      } catch {
        let number = Int32(mysql_errno(session.mysql))
        if Self.isServers(number) { answer.code = String(number) }
        throw error
      }
    } catch {
      answer.error = error
    }
    answer.hide(request)
    return answer
  }

  private init(_ request: DatabaseRequest, _ seal: MySQLSeal?) throws(TransferError) {
    guard Self.prepared == 0, let mysql = mysql_init(nil) else {
      throw TransferError(.local, "libmariadb cannot be used")
    }
    self.mysql = mysql
    self.request = request
    self.seal = seal
    mysql_options(mysql, MYSQL_OPT_NONBLOCK, nil)
    var no: UInt32 = 0
    mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &no)
    // Disables the plugins that send a plain-text password, or ask for one at the terminal. The one of
    // sha256_password would take sealed connections for open ones.
    mysql_options(
      mysql, MARIADB_OPT_RESTRICTED_AUTH,
      "mysql_native_password,client_ed25519,caching_sha2_password"
        + (seal == nil ? ",sha256_password" : ""))
    var limit = DatabaseAnswer.byteLimit
    mysql_options(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &limit)
    if let source = request.source { mysql_options(mysql, MYSQL_OPT_BIND, source) }
    // libmariadb from 3.4 on would begin TLS by itself.
    var never: CChar = 0
    mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &never)
    mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &never)
  }

  deinit {
    // An aborted call is not waited for.
    if !isCalm {
      pipe?.breakOff()
      shutdown(mysql_get_socket(mysql), Int32(SHUT_RDWR))
    }
    if let result { mysql_free_result(result) }
    mysql_close(mysql)
    if isCalm { pipe?.finish() }
    texts.forEach { free($0) }
  }

  private func held(_ text: String?) -> UnsafePointer<CChar>? {
    guard let text else { return nil }
    let copy = strdup(text)
    texts.append(copy)
    return UnsafePointer(copy)
  }

  private func connect(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TransferError) {
    if let dialer = request.dialer {
      carried = try await dialer.connection(
        to: request.address, port: request.port, by: deadline)
      anchor = try Anchor()
    }
    let (address, port) =
      anchor.map { (Anchor.address, $0.port) } ?? (request.address, request.port)
    var connected: UnsafeMutablePointer<MYSQL>?
    isCalm = false
    let status = mysql_real_connect_start(
      &connected, mysql, held(address), held(request.user), held(request.password ?? ""),
      held(request.database), UInt32(port), nil, 0)
    try await drive(status, on: reactor, by: deadline) { [mysql] ready in
      mysql_real_connect_cont(&connected, mysql, ready)
    }
    guard connected != nil else { throw failure() }
    isCalm = true
  }

  /// The first value of the first row.
  private func first(
    of query: String, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TransferError) -> String? {
    isCalm = false
    var code: Int32 = 0
    let text = held(query)
    let asked = mysql_real_query_start(&code, mysql, text, UInt(query.utf8.count))
    try await drive(asked, on: reactor, by: deadline) { [mysql] ready in
      mysql_real_query_cont(&code, mysql, ready)
    }
    guard code == 0 else { throw failure() }
    // Row by row: a result may be larger than the memory.
    guard let result = mysql_use_result(mysql) else {
      isCalm = mysql_errno(mysql) == 0
      return nil
    }
    self.result = result
    var row: MYSQL_ROW?
    let fetched = mysql_fetch_row_start(&row, result)
    try await drive(fetched, on: reactor, by: deadline) { ready in
      mysql_fetch_row_cont(&row, result, ready)
    }
    if row == nil, mysql_errno(mysql) != 0 { throw failure() }
    var value: String?
    if let row, mysql_num_fields(result) > 0, let bytes = row[0],
      let lengths = mysql_fetch_lengths(result)
    {
      let count = min(Int(lengths[0]), DatabaseAnswer.textLimit)
      value = bytes.withMemoryRebound(to: UInt8.self, capacity: count) {
        String(decoding: UnsafeBufferPointer(start: $0, count: count), as: UTF8.self)
      }
    }
    // The other rows are read and dropped, within the deadline.
    let freed = mysql_free_result_start(result)
    do throws(TransferError) {
      try await drive(freed, on: reactor, by: min(deadline, .after(.seconds(1)))) { ready in
        mysql_free_result_cont(result, ready)
      }
      self.result = nil
      isCalm = true
    } catch {
      // The call stays unfinished: the library owns the result.
      self.result = nil
    }
    return value
  }

  /// Runs a call to its end: whenever the library would block, the reactor waits.
  private func drive(
    _ status: Int32, on reactor: isolated Reactor, by deadline: Deadline,
    _ goOn: (Int32) -> Int32
  ) async throws(TransferError) {
    var status = status
    while status != 0 {
      var readiness: Readiness = []
      if status & MYSQL_WAIT_READ != 0 { readiness.insert(.read) }
      if status & MYSQL_WAIT_WRITE != 0 { readiness.insert(.write) }
      let socket = mysql_get_socket(mysql)
      try interpose(socket)
      let found: Readiness
      do throws(TransferError) {
        found = try await ready(socket, for: readiness, on: reactor, by: deadline)
      } catch { throw notMySQL ?? error }
      var ready: Int32 = 0
      if found.contains(.read) { ready |= MYSQL_WAIT_READ }
      if found.contains(.write) { ready |= MYSQL_WAIT_WRITE }
      // Before the library reads a byte.
      try interpose(socket)
      if !isGreeted { await lookAtGreeting(socket, on: reactor, by: deadline) }
      if !isToldOfSeal, let seal, seal.isSecured {
        // From now on a plugin may send what only the server may read. The library has sent its
        // answer, and does not begin TLS any more.
        isToldOfSeal = true
        var yes: CChar = 1
        mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &yes)
      }
      status = goOn(ready & status)
    }
  }

  /// Puts the pipe between the library and its server, once they are connected.
  private func interpose(_ socket: Int32) throws(TransferError) {
    guard pipe == nil, isConnected(socket) else { return }
    pipe = try ServerPipe(
      socket, to: carried, limit: 8 * DatabaseAnswer.byteLimit, sealedBy: seal)
  }

  /// Waits for the library's socket, or for the pipe in its place.
  private func ready(
    _ socket: Int32, for readiness: Readiness, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TransferError) -> Readiness {
    let doing = "talking to the database"
    if let pipe { return try await pipe.wait(for: readiness, doing, on: reactor, by: deadline) }
    do throws(WaitError) {
      return try await reactor.wait(socket, for: readiness, by: deadline)
    } catch { throw TransferError(error, while: doing) }
  }

  /// Peeks at the first bytes: for another protocol the library reports only a lost connection. A
  /// packet begins with its length, in three bytes, and its number. MySQL's documentation of its
  /// protocol, "MySQL Packets".
  ///
  /// The server speaks first. The wait is here, as the library would have read everything by its
  /// next wait.
  private func lookAtGreeting(
    _ socket: Int32, on reactor: isolated Reactor, by deadline: Deadline
  ) async {
    // On a failed connection, recv would take the error that the library needs.
    var peer = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let isConnected = withUnsafeMutableBytes(of: &peer) {
      getpeername(socket, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), &size) == 0
    }
    guard isConnected, (try? await ready(socket, for: .read, on: reactor, by: deadline)) != nil
    else {
      return
    }
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = recv(socket, &bytes, bytes.count, Int32(MSG_PEEK | MSG_DONTWAIT))
    guard count > 0 else { return }
    isGreeted = true
    let first = bytes.prefix(count)
    // Texts of other protocols have a letter or a blank in the place of the packet's number.
    let isGreeting = first.count < 4 || first[3] < 16
    if !isGreeting { stranger = String(decoding: first, as: UTF8.self) }
  }

  private func text(_ bytes: UnsafePointer<CChar>?) -> String {
    bytes.map { String(String(cString: $0).prefix(4_000)) } ?? ""
  }

  /// Whether the error comes from the server; the library has numbers of its own.
  private static func isServers(_ number: Int32) -> Bool {
    (1000..<CR_MIN_ERROR).contains(number) || (CR_MAX_ERROR + 1..<CER_MIN_ERROR).contains(number)
  }

  private var notMySQL: TransferError? {
    stranger.map {
      TransferError(.malformed, "not MySQL: it began with \"\($0.prefix(40))\"; is the port right?")
    }
  }

  private func failure() -> TransferError {
    let said = text(mysql_error(mysql))
    let number = Int32(mysql_errno(mysql))
    if let notMySQL { return notMySQL }
    switch number {
    case 1129: return TransferError(.blocked, said)  // ER_HOST_IS_BLOCKED
    case 1044, 1045, 1130, 1698: return TransferError(.denied, said)
    case CR_CONNECTION_ERROR, CR_CONN_HOST_ERROR:
      // `Can't connect to server on '192.0.2.7' (111)`
      let code = said.split(separator: "(").last.flatMap { Int32($0.prefix { $0.isNumber }) }
      return TransferError(
        connecting: code ?? 0,
        "\(FailureWords.connection(code ?? 0)) (\(request.address):\(request.port))")
    case CR_UNKNOWN_HOST: return TransferError(.unresolved, "the name has no address")
    case CR_SERVER_GONE_ERROR, CR_SERVER_LOST, CR_SERVER_LOST_EXTENDED:
      // The library's text ends with an errno that may belong to another call.
      let phase =
        said.contains("initial communication") || said.contains("handshake")
        ? isGreeted ? "in the handshake, after its greeting" : "before its greeting"
        : said.contains("authorization") ? "while logging in" : "while it was asked"
      return TransferError(.lost, "the server closed the connection \(phase)")
    case CR_SSL_CONNECTION_ERROR: return TransferError(.insecure, said)
    case CR_VERSION_ERROR, CR_MALFORMED_PACKET, CR_SERVER_HANDSHAKE_ERR, CR_UNKNOWN_ERROR:
      return TransferError(.malformed, said)
    case CR_OUT_OF_MEMORY: return TransferError(.local, said)
    case CR_PLUGIN_NOT_ALLOWED: return TransferError(.insecure, said)
    default: return TransferError(Self.isServers(number) ? .failed : .lost, said)
    }
  }
}

/// The system's certificate bundle as libcurl knows it.
let systemAuthorities: String? = {
  guard let version = curl_version_info(CURLVERSION_TENTH), let file = version.pointee.cainfo else {
    return nil
  }
  return String(cString: file)
}()

/// Whether a socket is connected.
private func isConnected(_ socket: Int32) -> Bool {
  var (address, size) = (sockaddr_storage(), socklen_t(MemoryLayout<sockaddr_storage>.size))
  return withUnsafeMutablePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(socket, $0, &size) == 0 }
  }
}

extension TransferError {
  init(_ error: WaitError, while doing: String) {
    switch error {
    case .timedOut: self.init(.timeout, "no answer while \(doing)")
    case .cancelled: self.init(.cancelled, "cancelled")
    case .failed(let error): self.init(.local, "\(error)")
    }
  }

  /// An error of `connect`.
  init(connecting code: Int32, _ message: String) {
    switch code {
    case ECONNREFUSED: self.init(.refused, message)
    case ETIMEDOUT: self.init(.timeout, message)
    case ECONNRESET: self.init(.lost, message)
    case EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL: self.init(.local, message)
    default: self.init(.unreachable, message)
    }
  }
}
