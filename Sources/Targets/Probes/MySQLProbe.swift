public import Configuration
public import Engine
internal import Metrics
internal import Transfer

/// `mysql`: MySQL or MariaDB accepts the login and answers a query.
///
/// Options: `user`, `password`, `database`, `query` (`SELECT 1`), `expect` (the first value of its
/// first row), `tls` (`yes`, or a mapping with `ca`). Without a user it tries to log in as `scrape`
/// without a password and accepts a refusal: a server counts a connection that is closed before the
/// login against `max_connect_errors`, and blocks the monitor after a hundred.
public struct MySQLProbe: Probe {
  public static let name = "mysql"
  public static let summary = "The database accepts the log-in, and a query has the expected value."
  public static let defaultPort: UInt16? = 3306
  public static let canBind = true
  private let login: DatabaseCheck

  public init(_ options: inout Fields) {
    login = DatabaseCheck(&options, query: "SELECT 1")
  }

  /// The account that it logs in with; nil where it has none.
  public var account: String? { login.user }

  public func cautions(port: UInt16) -> [Caution] { login.user == nil ? [.deniedLogin] : [] }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    endpoint.byHand(
      "mysql -h \(endpoint.number) -P \(endpoint.port) -u \(login.user ?? "scrape")"
        + (login.user == nil ? "" : " -p") + (login.database.map { " \($0)" } ?? ""))
    let start = Deadline.now
    let answer: DatabaseAnswer
    do throws(Verdict) {
      answer = await MySQLSession.ask(
        try await login.request(for: endpoint, on: reactor, by: deadline), on: reactor, by: deadline
      )
    } catch { return error }
    login.note(answer, on: endpoint)
    var verdict = evaluate(answer, endpoint)
    if verdict.isUp == true { verdict.latency = Deadline.now.since(start) }
    return verdict
  }

  private func evaluate(_ answer: DatabaseAnswer, _ endpoint: Endpoint) -> Verdict {
    // 1129 is ER_HOST_IS_BLOCKED; 1040 and 1203 are too many connections.
    if let code = answer.code, ["1040", "1203"].contains(code), let error = answer.error {
      return Verdict(.critical, .wrongAnswer, "\(error.message) (\(code))")
    }
    if answer.error?.reason == .blocked, let error = answer.error {
      return Verdict(
        .critical, .refusedByProtection, "\(error.message); mariadb-admin flush-hosts lifts it")
    }
    return login.evaluate(answer, endpoint)
  }
}

/// The request to a database, and the expected answer.
struct DatabaseCheck: Sendable {
  let user: String?
  let database: String?
  private let password: Secret?
  private let query: String
  private let expected: String?
  let requiresTLS: Bool
  private let authorities: String?

  init(_ options: inout Fields, query usual: String) {
    user = options.take(
      "user", .text, "Account to log in with; it needs no other rights.", example: "monitor")
    password = options.take("password", .secret, "Password of the user.")
    database = options.take(
      "database", .text, "Database to use; PostgreSQL's default is the user's name.",
      example: "shop")
    let query = options.take(
      "query", .text, otherwise: "`\(usual)`", "Query to run.", example: "SELECT 1")
    expected = options.take(
      "expect", .text, "Expected first value of the first row.", example: "\"1\"")
    self.query = query ?? usual
    if user == nil, password != nil || query != nil || expected != nil || database != nil {
      options.add("a query needs a user")
    }
    let tls = options.nested(
      "tls", or: SettingType<Bool>.boolean.map { (isOn: $0, authorities: String?.none) },
      otherwise: "`no`",
      "Requires TLS, and a trusted certificate: for a name or the address of the host (MySQL), or "
        + "for the configured address (PostgreSQL).",
      example: "{ca: /etc/scrape/ca.pem}"
    ) { tls in
      (
        isOn: true,
        authorities: tls.take("ca", .path, "PEM file of authorities, beside the system's.")
      )
    }
    requiresTLS = tls?.isOn ?? false
    authorities = tls?.authorities
  }

  func request(
    for endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> DatabaseRequest {
    var request = DatabaseRequest(
      address: endpoint.number, port: endpoint.port, user: user ?? "scrape")
    request.name = endpoint.address
    request.names = endpoint.certificateNames + [endpoint.address, endpoint.number]
    request.dialer = endpoint.dialer
    request.source = try endpoint.sourceNumber()
    request.password = try await endpoint.kit.secrets.text(
      of: password, on: reactor, by: deadline)
    request.database = database
    request.query = user == nil ? nil : query
    request.requiresTLS = requiresTLS
    request.authorities = authorities ?? endpoint.authorities
    return request
  }

  func note(_ answer: DatabaseAnswer, on endpoint: Endpoint) {
    guard endpoint.trace != nil else { return }
    if let certificate = answer.certificate { endpoint.note("TLS", certificate.said) }
    if answer.isLoggedIn {
      endpoint.note(
        "log-in",
        "\(answer.version ?? "?")\(answer.isSecured ? ", TLS" : "")")
      if user != nil { endpoint.note("query", "\(query) → \(answer.value ?? "nothing")") }
    }
    if let error = answer.error {
      endpoint.note("error", "\(answer.code.map { "\($0): " } ?? "")\(error.message)")
    }
  }

  func evaluate(_ answer: DatabaseAnswer, _ endpoint: Endpoint) -> Verdict {
    if let error = answer.error {
      if error.reason == .denied, user == nil {
        return .ok(nil, "asks for a log-in\(answer.code.map { " (\($0))" } ?? "")")
      }
      if error.reason == .untrusted, let shown = answer.certificate, !shown.faults.isEmpty {
        return CertificateCheck().withheld(shown.faults, shown.certificate)
      }
      let code = answer.code.map { " (\($0))" } ?? ""
      return Verdict(TransferError(error.reason, "\(error.message)\(code)"))
    }
    let version = answer.version.map { ", version \($0)" } ?? ""
    guard user != nil else {
      let words = "anybody can log in without a password\(version)"
      return endpoint.findings == .ok
        ? .ok(nil, words) : Verdict(endpoint.findings, .noPassword, words)
    }
    if let expected, answer.value != expected {
      return Verdict(
        .critical, .wrongAnswer,
        "\(query) gave \(answer.value.map { "\"\($0)\"" } ?? "nothing"), expected \"\(expected)\"")
    }
    return .ok(nil, "logged in, \(query) gave \(answer.value ?? "nothing")\(version)")
  }
}
