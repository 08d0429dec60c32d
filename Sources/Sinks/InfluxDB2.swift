public import Configuration
public import Engine
public import Metrics
public import Store
public import Transfer

/// Writes points to InfluxDB 2.x and 3.x, and to servers with the same API: VictoriaMetrics,
/// Telegraf's listener, InfluxDB 1.8.
///
/// `influxdb2: {url: http://127.0.0.1:8086, org: range, bucket: raw, token: "${NAME}"}`. A batch is
/// gzipped line protocol to `/api/v2/write`. Buckets are not created, as that needs more
/// permissions than writing; only the database of 1.8 is. See InfluxData's API reference of version
/// 2, `POST /api/v2/write`.
public struct InfluxDB2: Sink {
  /// The server, the bucket and the credentials.
  public struct Configuration: Sendable {
    /// `http://127.0.0.1:8086`, without a path unless a proxy adds one.
    public var url: String
    /// Name or number of the organization; version 3 and other servers need none.
    public var org: String?
    public var bucket: String
    /// Version 1.8 accepts `user:password` as a token.
    public var token: String?
    /// A PEM file of certificates to trust instead of the system's.
    public var authorities: String?
    /// The proxy; that of the environment only if the setting says so.
    public var proxy: Proxy?
    /// The retention that `scrape setup` creates.
    public var retention: Retention?
    public var options = SinkOptions()

    public init(url: String, bucket: String) {
      self.url = url
      self.bucket = bucket
    }
  }

  public static let kind = "influxdb2"
  static let product = "InfluxDB"
  public let isDurable = true
  public let name: String
  public var options: SinkOptions { configuration.options }
  public var address: String? { configuration.url }
  let configuration: Configuration
  private let base: String
  let client = Transfers()

  public init(_ configuration: Configuration) {
    self.configuration = configuration
    base = configuration.url.withoutFinalSlashes
    name = configuration.options.name ?? "influxdb2 \(base) \(configuration.bucket)"
  }

  public static let summary =
    "InfluxDB 2.x and 3.x, and servers with that API; see [sinks](sinks.md#influxdb-2x-and-3x)."
  public static let example =
    "{bucket: raw, org: range, token: \"${INFLUX_TOKEN}\"}"

  public static func decode(
    _ fields: inout Fields, _ options: SinkOptions, secrets: Bool
  ) -> InfluxDB2? {
    var configuration = Configuration(url: "http://127.0.0.1:8086", bucket: "")
    configuration.options = options
    fields.set(&configuration.url, "url", .url, "Address of the server.")
    configuration.bucket =
      fields.require("bucket", .word, "Bucket to write to; a pass creates it only in InfluxDB 1.8.")
      ?? ""
    fields.set(
      &configuration.org, "org", .word, otherwise: "none",
      "Organization; required by 2.x and by `scrape setup`.", example: "range")
    fields.set(
      &configuration.token, "token", .secret(lookUp: secrets), otherwise: "none",
      "Token; for 1.8 `user:password`.")
    (configuration.authorities, configuration.proxy) = fields.takeHTTP()
    configuration.retention = Retention.take(&fields)
    return InfluxDB2(configuration)
  }

  public func encode(_ batches: [PointBatch]) -> [Payload] {
    Lines.payloads(batches, linesEach: InfluxDB.linesPerBatch)
  }

  public func deliver(
    _ payload: Payload, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> Receipt {
    try await bring(payload, on: reactor, by: deadline)
  }

  public func close() { client.close() }
}

extension InfluxDB2: HTTPReceiver {
  func request(writing body: [UInt8]) -> TransferRequest {
    var query = "bucket=\(configuration.bucket.percentEncoded)&precision=ns"
    if let org = configuration.org { query += "&org=\(org.percentEncoded)" }
    var request = request("POST", "/api/v2/write?\(query)")
    request.headers.append(("Content-Encoding", "gzip"))
    request.headers.append(("Content-Type", "text/plain; charset=utf-8"))
    request.body = body
    return request
  }

  func request(_ method: String, _ path: String) -> TransferRequest {
    var request = TransferRequest(method, base + path)
    request.trust = Trust(only: configuration.authorities)
    request.keepsConnection = true
    request.proxy = configuration.proxy
    request.headers = [("User-Agent", "scrape"), ("Accept", "application/json")]
    if let token = configuration.token {
      request.headers.append(("Authorization", "Token \(token)"))
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
    case 400, 422:
      if let partial = InfluxDBAnswers.partial(response) { return partial }
      let said = InfluxDBAnswers.message(of: response)
      // 422 always concerns points; 400 may concern the request: `organization not found`.
      return response.code == 422 || InfluxDBAnswers.blamesLine(said)
        ? .unreadable(said) : .failed(failure(response))
    case 404 where InfluxDBAnswers.message(of: response).hasPrefix("database not found"):
      return .missing(failure(response))
    case 429, 502, 503, 504: return .busy(failure(response))
    default: return .failed(failure(response))
    }
  }

  /// Creates the database that 1.8 uses for the bucket `database` or `database/retention policy`.
  func makeMissing(on reactor: isolated Reactor, by deadline: Deadline) async throws(DeliveryError)
  {
    let database = String(configuration.bucket.prefix { $0 != "/" })
    var request = request("POST", "/query")
    InfluxQL.run("CREATE DATABASE \(InfluxQL.quoted(database))", with: &request)
    let response = try await send(request, on: reactor, by: deadline)
    guard response.code == 200, !InfluxDBAnswers.hasError(response) else {
      throw DeliveryError(
        response.code == 401 || response.code == 403 ? .unauthorized : .missing, name,
        "there is no database \(database), and it cannot be created: "
          + InfluxDBAnswers.message(of: response))
    }
  }

  private func failure(_ response: TransferAnswer) -> DeliveryError {
    let said = InfluxDBAnswers.message(of: response)
    let answered = "answered \(response.code): \(said)"
    let bucket = configuration.bucket
    switch response.code {
    case 400 where said.contains("not found"), 404:
      return DeliveryError(
        .missing, name,
        "\(answered); create the bucket \(bucket) (`scrape setup influxdb`), or correct `org:`, "
          + "`bucket:` or `url:`")
    case 400: return DeliveryError(.protocolError, name, "refused the request: \(said)")
    case 401:
      return DeliveryError(
        .unauthorized, name,
        answered + (configuration.token == nil ? "; set" : "; check") + " token"
      )
    case 403:
      return DeliveryError(
        .unauthorized, name, "\(answered); the token needs the right to write to \(bucket)")
    case 429, 500...599:
      return DeliveryError(.unavailable, name, answered, retryAfter: response.retryAfter)
    default:
      return DeliveryError(
        .protocolError, name, "\(answered) to a write; is this InfluxDB 2 or its like?")
    }
  }
}
