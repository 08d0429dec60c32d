public import Engine
public import Metrics
public import Store
public import Transfer

/// Writes points to InfluxDB 1.x over HTTP.
///
/// A batch is gzipped line protocol to `/write`; a missing database is created. Points that the
/// server refuses for good (a line that it cannot read, a field of another type, a time beyond the
/// retention) are counted and named; every other error is thrown, and the points are kept. See
/// InfluxData's `write_protocols` and `tools/api` of version 1.
public struct InfluxDB: Sink {
  /// The server, the database and the credentials.
  public struct Configuration: Sendable {
    /// `http://127.0.0.1:8086`, without a path unless a proxy adds one.
    public var url: String
    public var database: String
    public var username: String?
    public var password: String?
    /// Instead of user and password: a JSON web token, or a token of a proxy or a later version.
    public var token: String?
    /// Nil for the database's default.
    public var retentionPolicy: String?
    /// `any`, `one`, `quorum` or `all`; only clusters use it.
    public var consistency: String?
    /// A PEM file of certificates to trust instead of the system's.
    public var authorities: String?
    /// The proxy; that of the environment only if the setting says so.
    public var proxy: Proxy?
    /// The retention that `scrape setup` creates.
    public var retention: Retention?
    public var options = SinkOptions()

    public init(url: String, database: String) {
      self.url = url
      self.database = database
    }
  }

  public static let kind = "influxdb"
  static let product = "InfluxDB"
  public let isDurable = true
  /// The limit of lines per request; InfluxDB recommends 5,000.
  public static let linesPerBatch = 5_000

  public let name: String
  public var options: SinkOptions { configuration.options }
  public var address: String? { configuration.url }
  let configuration: Configuration
  private let base: String
  let client = Transfers()

  public init(_ configuration: Configuration) {
    self.configuration = configuration
    base = configuration.url.withoutFinalSlashes
    let place = configuration.retentionPolicy.map { "\(configuration.database)/\($0)" }
    name =
      configuration.options.name ?? "influxdb \(base) \(place ?? configuration.database)"
  }

  public func encode(_ batches: [PointBatch]) -> [Payload] {
    Lines.payloads(batches, linesEach: Self.linesPerBatch)
  }

  public func deliver(
    _ payload: Payload, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> Receipt {
    try await bring(payload, on: reactor, by: deadline)
  }

  public func close() { client.close() }
}

extension InfluxDB: HTTPReceiver {
  func request(writing body: [UInt8]) -> TransferRequest {
    var query = "db=\(configuration.database.percentEncoded)&precision=ns"
    if let policy = configuration.retentionPolicy { query += "&rp=\(policy.percentEncoded)" }
    if let consistency = configuration.consistency {
      query += "&consistency=\(consistency.percentEncoded)"
    }
    var request = request("/write?\(query)")
    request.headers.append(("Content-Encoding", "gzip"))
    request.headers.append(("Content-Type", "text/plain; charset=utf-8"))
    request.body = body
    return request
  }

  func request(_ path: String) -> TransferRequest {
    var request = TransferRequest("POST", base + path)
    request.user = configuration.username
    request.password = configuration.password
    request.trust = Trust(only: configuration.authorities)
    request.keepsConnection = true
    request.proxy = configuration.proxy
    request.headers = [("User-Agent", "scrape")]
    if let token = configuration.token {
      // Version 1 accepts JSON web tokens, which begin with `{"` in Base64; later versions have
      // tokens of their own.
      request.headers.append(
        ("Authorization", "\(token.hasPrefix("eyJ") ? "Bearer" : "Token") \(token)"))
    }
    return request
  }

  func isWhole(_ payload: Payload) -> Bool {
    Decompressor().unpack(payload.body, limit: Lines.limit) != nil
  }

  func meaning(of response: TransferAnswer) -> HTTPAnswer {
    switch response.code {
    case 204: return .taken
    case 413: return .tooLarge
    case 400:
      if let partial = InfluxDBAnswers.partial(response) { return partial }
      let said = InfluxDBAnswers.message(of: response)
      return InfluxDBAnswers.blamesLine(said)
        ? .unreadable(said)
        : .failed(DeliveryError(.protocolError, name, "refused the request: \(said)"))
    case 404 where InfluxDBAnswers.message(of: response).hasPrefix("database not found"):
      return .missing(failure(response))
    case 429, 502, 503, 504: return .busy(failure(response))
    default: return .failed(failure(response))
    }
  }

  /// Creates the database.
  func makeMissing(on reactor: isolated Reactor, by deadline: Deadline) async throws(DeliveryError)
  {
    try await run(
      "CREATE DATABASE \(InfluxQL.quoted(configuration.database))", on: reactor, by: deadline
    ) {
      "there is no database \(configuration.database), and it cannot be created: \($0); "
        + "create it, or give \(configuration.username ?? "the user") the right to"
    }
  }

  private func run(
    _ statement: String, on reactor: isolated Reactor, by deadline: Deadline,
    failing message: (String) -> String
  ) async throws(DeliveryError) {
    var request = request("/query")
    InfluxQL.run(statement, with: &request)
    let response = try await send(request, on: reactor, by: deadline)
    guard response.code == 200, !InfluxDBAnswers.hasError(response) else {
      throw DeliveryError(
        response.code == 401 || response.code == 403 ? .unauthorized : .missing, name,
        message(InfluxDBAnswers.message(of: response)))
    }
  }

  func failure(_ response: TransferAnswer) -> DeliveryError {
    let said = InfluxDBAnswers.message(of: response)
    let answered = "answered \(response.code): \(said)"
    let user = configuration.username
    let known = configuration.token != nil ? "the token" : "username and password"
    switch response.code {
    case 401:
      let isSet = user != nil || configuration.token != nil
      return DeliveryError(.unauthorized, name, answered + "; \(isSet ? "check" : "set") \(known)")
    case 403:
      return DeliveryError(
        .unauthorized, name,
        "\(answered); give \(user ?? "the user") the right to write to \(configuration.database)")
    case 404: return DeliveryError(.missing, name, "\(answered); is `url:` that of InfluxDB 1.x?")
    case 500 where said.hasPrefix("retention policy not found"):
      return DeliveryError(
        .missing, name,
        "\(answered); create it (`scrape setup influxdb`), or correct `retention_policy:`")
    case 429, 500...599:
      return DeliveryError(.unavailable, name, answered, retryAfter: response.retryAfter)
    default:
      return DeliveryError(.protocolError, name, "\(answered) to a write; is this InfluxDB 1.x?")
    }
  }
}
