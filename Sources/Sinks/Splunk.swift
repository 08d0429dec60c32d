public import Configuration
public import Engine
public import Metrics
public import Store
public import Transfer

/// Sends events, or numbers as metrics, to Splunk's HTTP Event Collector.
///
/// `splunk: {url: https://splunk.example:8088, token: "${NAME}", index: range}`. Events are points
/// as objects. The default measurements are those that report something that happened;
/// `measurements` selects others. `format: metrics` sends every number to a metrics index. Splunk
/// does not deduplicate: after a lost answer an event is there twice. See "Format events for HTTP
/// Event Collector" and "Troubleshoot HTTP Event Collector" in Splunk's documentation.
public struct Splunk: Sink {
  public enum Format: String, Sendable, CaseIterable { case events, metrics }

  /// The collector, the index and the token.
  public struct Configuration: Sendable {
    /// `https://splunk.example:8088`, without the collector's path.
    public var url: String
    public var token = ""
    /// Nil for the token's default.
    public var index: String?
    public var source = "scrape"
    public var sourcetype: String?
    public var format = Format.events
    /// A PEM file of certificates to trust instead of the system's.
    public var authorities: String?
    /// The proxy; that of the environment only if the setting says so.
    public var proxy: Proxy?
    public var options = SinkOptions()

    public init(url: String) { self.url = url }
  }

  public static let kind = "splunk"
  static let product = "Splunk"
  /// Measurements that report events, not states.
  static let happenings = ["event", "login"]
  public let isDurable = true
  public let name: String
  public var options: SinkOptions { configuration.options }
  public var address: String? { configuration.url }
  private let configuration: Configuration
  private let base: String
  let client = Transfers()

  public init(_ configuration: Configuration) {
    self.configuration = configuration
    base = configuration.url.withoutFinalSlashes
    let place = configuration.index.map { " \($0)" } ?? ""
    name = configuration.options.name ?? "splunk \(base)\(place)"
  }

  public static let summary = "Splunk's HTTP Event Collector; see [sinks](sinks.md#splunk)."
  public static let example =
    "{url: \"https://splunk.example:8088\", token: \"${SPLUNK_TOKEN}\"}"

  public static func decode(
    _ fields: inout Fields, _ options: SinkOptions, secrets: Bool
  ) -> Splunk? {
    var configuration = Configuration(url: "")
    configuration.options = options
    configuration.url =
      fields.require(
        "url", .url, "Address of the collector, without its path.",
        example: "https://splunk.example:8088") ?? ""
    configuration.token =
      fields.require(
        "token", .secret(lookUp: secrets), "Token.", example: "\"${SPLUNK_TOKEN}\"") ?? ""
    fields.set(
      &configuration.index, "index", .word, otherwise: "the token's", "Index to write to.",
      example: "range")
    fields.set(&configuration.source, "source", .word, "Splunk's `source`.", example: "range-a")
    fields.set(
      &configuration.sourcetype, "sourcetype", .word, otherwise: "`scrape:MEASUREMENT`",
      "Splunk's `sourcetype`.", example: "metrics")
    fields.set(
      &configuration.format, "format", .choice(),
      "Events, by default of `event` and `login` only; or every number, to a metrics index.",
      example: "metrics")
    (configuration.authorities, configuration.proxy) = fields.takeHTTP()
    if configuration.format == .events, options.measurements == MeasurementFilter() {
      configuration.options.measurements.wanted = happenings
    }
    return Splunk(configuration)
  }

  /// The objects, one per line, gzipped.
  public func encode(_ batches: [PointBatch]) -> [Payload] {
    let compressor = Compressor(.gzip, level: 1)
    var payloads: [Payload] = []
    var text: [UInt8] = []
    var lines = 0
    func flush() {
      if lines > 0 { payloads.append(Payload(body: compressor.pack(text), lines: lines)) }
      text.removeAll(keepingCapacity: true)
      lines = 0
    }
    for batch in batches {
      for point in batch.points {
        guard let event = event(point, batch) else { continue }
        event.encode(into: &text)
        text.append(UInt8(ascii: "\n"))
        lines += 1
        // The collector's default limit is 800 KB; `max_content_length` raises it.
        if text.count > 500_000 { flush() }
      }
    }
    flush()
    return payloads
  }

  private func event(_ point: Point, _ batch: PointBatch) -> JSON? {
    var tags = batch.tags.filter { point[tag: $0.name] == nil } + point.tags
    tags.sort { $0.name < $1.name }
    let nanoseconds = (point.time ?? batch.time).nanoseconds
    var members: [(String, JSON)] = [
      ("time", .number((Double(nanoseconds) / 1_000_000).rounded() / 1000)),
      ("host", .string(tags.first { $0.name == "host" }?.value ?? batch.host)),
      ("source", .string(configuration.source)),
    ]
    if let index = configuration.index { members.append(("index", .string(index))) }
    switch configuration.format {
    case .events:
      guard !point.fields.isEmpty else { return nil }
      let sourcetype = configuration.sourcetype ?? "scrape:\(point.measurement)"
      members.append(("sourcetype", .string(sourcetype)))
      let event =
        [("measurement", JSON.string(point.measurement))]
        + tags.map { ($0.name, .string($0.value)) }
        + point.fields.map { ($0.name, JSON($0.value)) }
      members.append(("event", .object(Self.once(event))))
    case .metrics:
      let numbers = point.fields.compactMap { field in
        PrometheusNames.value(field.value).map { value -> (String, JSON) in
          let number: JSON =
            switch value {
            case .integer(let integer): .integer(integer)
            case .float(let float): .number(float)
            }
          return ("metric_name:\(point.measurement).\(field.name)", number)
        }
      }
      guard !numbers.isEmpty else { return nil }
      if let sourcetype = configuration.sourcetype {
        members.append(("sourcetype", .string(sourcetype)))
      }
      members.append(("event", .string("metric")))
      let tags = tags.filter { $0.name != "host" }.map { ($0.name, JSON.string($0.value)) }
      members.append(("fields", .object(Self.once(tags + numbers))))
    }
    return .object(members)
  }

  /// Each name once; the first one wins.
  private static func once(_ members: [(String, JSON)]) -> [(String, JSON)] {
    var seen: Set<String> = []
    return members.filter { seen.insert($0.0).inserted }
  }

  public func deliver(
    _ payload: Payload, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> Receipt {
    try await bring(payload, on: reactor, by: deadline)
  }

  public func close() { client.close() }
}

extension Splunk: HTTPReceiver {
  func request(writing body: [UInt8]) -> TransferRequest {
    var request = TransferRequest("POST", base + "/services/collector/event")
    request.trust = Trust(only: configuration.authorities)
    request.keepsConnection = true
    request.proxy = configuration.proxy
    request.headers = [
      ("User-Agent", "scrape"), ("Content-Encoding", "gzip"),
      ("Content-Type", "application/json"), ("Authorization", "Splunk \(configuration.token)"),
    ]
    request.body = body
    return request
  }

  /// `{"text":"Success","code":0}`: the code is more specific than the status.
  func meaning(of response: TransferAnswer) -> HTTPAnswer {
    let said =
      InfluxDBAnswers.errorText(response.body, keys: ["text"])
      ?? InfluxDBAnswers.message(of: response)
    let code = Self.number("code", in: response.body)
    let answered =
      "answered \(response.code)\(code.map { " with code \($0)" } ?? ""): \(said)"
    func error(_ reason: DeliveryError.Reason, _ what: String) -> DeliveryError {
      DeliveryError(reason, name, answered + what, retryAfter: response.retryAfter)
    }
    switch (response.code, code) {
    case (200, 0): return .taken
    case (400, 5): return .partly(refused: .max, why: said)
    // Data format, no event field, blank event field, indexed fields: one event is at fault.
    case (400, 6), (400, 12), (400, 13), (400, 15): return .unreadable(said)
    case (400, 7):
      return .failed(
        error(.missing, "; let the token write to \(configuration.index ?? "its default index")"))
    case (400, 10), (400, 11):
      return .failed(error(.protocolError, "; turn indexer acknowledgement off for this token"))
    case (401, _), (403, _):
      let what = code == 1 ? "; enable the token" : "; check the token"
      return .failed(error(.unauthorized, what))
    case (404, _):
      return .failed(error(.missing, "; is `url:` right, and HTTP Event Collector enabled?"))
    case (413, _): return .tooLarge
    case (429, _), (500...599, _): return .busy(error(.unavailable, ""))
    default: return .failed(error(.protocolError, "; is this Splunk's HTTP Event Collector?"))
    }
  }

  /// The integer after the key of a JSON body.
  private static func number(_ key: String, in body: [UInt8]) -> Int? {
    let key = Array("\"\(key)\":".utf8)
    guard body.count > key.count,
      let start = (0...(body.count - key.count)).first(where: { body[$0...].starts(with: key) })
    else { return nil }
    let digits = body[(start + key.count)...].drop { $0 == 0x20 }
      .prefix { $0 >= 0x30 && $0 <= 0x39 }
    return Int(String(decoding: digits, as: UTF8.self))
  }
}
