public import Configuration
public import Engine
public import Metrics
public import Store
public import Transfer

/// Writes numbers to Prometheus, VictoriaMetrics, Mimir or Thanos by remote write.
///
/// `prometheus_remote_write: {url: http://127.0.0.1:9090/api/v1/write, username: x, password: …}`,
/// or with a `token`. Prometheus itself needs `--web.enable-remote-write-receiver`. Booleans are 1
/// and 0; texts are left out. A sample that is out of order or differs from a stored one is refused
/// for good, and the whole request with it: it is found by bisection, and counted. See "Prometheus
/// Remote-Write Specification" 1.0.
public struct RemoteWrite: Sink {
  /// The server and the credentials.
  public struct Configuration: Sendable {
    /// The URL with its path: `/api/v1/write`.
    public var url: String
    public var username: String?
    public var password: String?
    /// Instead of user and password: `Authorization: Bearer`.
    public var token: String?
    /// A PEM file of certificates to trust instead of the system's.
    public var authorities: String?
    /// The proxy; that of the environment only if the setting says so.
    public var proxy: Proxy?
    public var options = SinkOptions()

    public init(url: String) { self.url = url }
  }

  public static let kind = "prometheus_remote_write"
  static let product = "Prometheus"
  public let isDurable = true
  public let name: String
  public var options: SinkOptions { configuration.options }
  public var address: String? { configuration.url }
  /// The limit of samples per request.
  static let samplesPerPayload = 5_000
  let configuration: Configuration
  let client = Transfers()

  public init(_ configuration: Configuration) {
    self.configuration = configuration
    name = configuration.options.name ?? "prometheus_remote_write \(configuration.url)"
  }

  public static let summary =
    "Prometheus, VictoriaMetrics, Mimir or Thanos; see [sinks](sinks.md#prometheus-remote-write)."
  public static let example =
    "{url: \"http://127.0.0.1:9090/api/v1/write\"}"

  private static var endpoint: SettingType<String> {
    SettingType("URL", example: "http://127.0.0.1:9090/api/v1/write") {
      node, what throws(ConfigurationError) in
      let url = try SettingType<String>.url.decode(node, what)
      guard url.dropFirst(8).utf8.contains(UInt8(ascii: "/")) else {
        throw ConfigurationError(
          "url has no path", at: node, hint: "\(url.withoutFinalSlashes)/api/v1/write")
      }
      return url
    }
  }

  public static func decode(
    _ fields: inout Fields, _ options: SinkOptions, secrets: Bool
  ) -> RemoteWrite? {
    var configuration = Configuration(url: "http://127.0.0.1:9090/api/v1/write")
    configuration.options = options
    fields.set(&configuration.url, "url", endpoint, "Address of the server, with the path.")
    fields.set(&configuration.username, "username", .word, otherwise: "none", "User.")
    fields.set(
      &configuration.password, "password", .secret(lookUp: secrets), otherwise: "none",
      "Password of the user.")
    fields.set(
      &configuration.token, "token", .secret(lookUp: secrets), otherwise: "none",
      "Bearer token, instead of user and password.")
    (configuration.authorities, configuration.proxy) = fields.takeHTTP()
    let user = configuration.username
    if (configuration.password != nil) != (user != nil) || configuration.token != nil && user != nil
    {
      fields.add("\(kind) takes username and password, or a token")
    }
    return RemoteWrite(configuration)
  }

  /// Each number is a sample; a payload's `lines` count them.
  public func encode(_ batches: [PointBatch]) -> [Payload] {
    var places: [[UInt8]: Int] = [:]
    var series: [WriteRequest.Series] = []
    for batch in batches {
      for point in batch.points {
        let tags = PrometheusNames.labels(point, batch)
        let milliseconds = (point.time ?? batch.time).nanoseconds / 1_000_000
        for field in point.fields {
          guard let value = PrometheusNames.value(field.value) else { continue }
          let labels = WriteRequest.labels(
            PrometheusNames.metric(point.measurement, field.name), tags)
          let sample = WriteRequest.Sample(value: value.asDouble, milliseconds: milliseconds)
          if let place = places[labels] {
            series[place].samples.append(sample)
          } else {
            places[labels] = series.count
            series.append(WriteRequest.Series(labels: labels, samples: [sample]))
          }
        }
      }
    }
    var payloads: [Payload] = []
    var request = WriteRequest()
    for index in series.indices {
      series[index].sort()
      request.series.append(series[index])
      if request.count >= Self.samplesPerPayload {
        payloads.append(request.payload)
        request = WriteRequest()
      }
    }
    if request.count > 0 { payloads.append(request.payload) }
    return payloads
  }

  public func deliver(
    _ payload: Payload, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> Receipt {
    try await bring(payload, on: reactor, by: deadline)
  }

  public func close() { client.close() }
}

extension RemoteWrite: HTTPReceiver {
  func request(writing body: [UInt8]) -> TransferRequest {
    var request = TransferRequest("POST", configuration.url)
    request.user = configuration.username
    request.password = configuration.password
    request.trust = Trust(only: configuration.authorities)
    request.keepsConnection = true
    request.proxy = configuration.proxy
    request.headers = [
      ("User-Agent", "scrape"), ("Content-Encoding", "snappy"),
      ("Content-Type", "application/x-protobuf"),
      ("X-Prometheus-Remote-Write-Version", "0.1.0"),
    ]
    if let token = configuration.token {
      request.headers.append(("Authorization", "Bearer \(token)"))
    }
    request.body = body
    return request
  }

  func meaning(of response: TransferAnswer) -> HTTPAnswer {
    // Prometheus ends its error texts with a line break.
    let said = InfluxDBAnswers.message(of: response).split(separator: "\n").joined(separator: " ")
    let answered = "answered \(response.code): \(said)"
    func error(_ reason: DeliveryError.Reason, _ what: String) -> DeliveryError {
      DeliveryError(reason, name, answered + what, retryAfter: response.retryAfter)
    }
    switch response.code {
    case 200, 202, 204: return .taken
    case 413: return .tooLarge
    case 400, 409, 422:
      return Self.blamesSample(said) ? .unreadable(said) : .failed(error(.protocolError, ""))
    case 401, 403:
      let has = configuration.token != nil || configuration.username != nil
      return .failed(
        error(
          .unauthorized,
          has
            ? "; check the \(configuration.token != nil ? "token" : "username and password")"
            : "; set username and password, or a token"))
    case 404:
      return .failed(
        error(
          .missing,
          "; is `url:` right, and does Prometheus run with --web.enable-remote-write-receiver?"))
    case 429, 500...599: return .busy(error(.unavailable, ""))
    default: return .failed(error(.protocolError, "; is `url:` right?"))
    }
  }

  /// Whether a refusal concerns samples and not the request: the error texts of Prometheus's
  /// storage and of Mimir's and Cortex's limits.
  private static func blamesSample(_ said: String) -> Bool {
    [
      "out of order", "duplicate sample", "out of bounds", "too old", "too far", "timestamp",
      "label", "sample limit", "series limit", "err-mimir-", "metric name",
    ].contains { said.contains($0) }
  }

  func halves(of payload: Payload) -> (Payload, Payload)? {
    guard let (first, second) = WriteRequest(payload)?.halves else { return nil }
    return (first.payload, second.payload)
  }

  func beginning(of payload: Payload) -> String? { WriteRequest(payload)?.series.first?.text }
}

extension Number {
  var asDouble: Double {
    switch self {
    case .integer(let integer): Double(integer)
    case .float(let float): float
    }
  }
}
