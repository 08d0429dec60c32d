public import Engine
internal import Glibc
public import Metrics

/// Writes points to InfluxDB 1.x over HTTP.
///
/// A batch goes as gzipped line protocol to `/write`; a database that is missing is created. What
/// the server will never take (a line that it cannot read, a field of another type, a time beyond
/// the retention) is counted and named; everything else that goes wrong is thrown, and the points
/// are kept. See InfluxData's `write_protocols` and `tools/api` of version 1.
public struct InfluxDB: Sink {
  /// Where to write, and as whom.
  public struct Configuration: Sendable {
    /// `http://127.0.0.1:8086`, without a path of its own unless a proxy adds one.
    public var url: String
    public var database: String
    public var username: String?
    public var password: String?
    /// The database's default where nil.
    public var retentionPolicy: String?
    /// `any`, `one`, `quorum` or `all`; only clusters look at it.
    public var consistency: String?
    /// A file of certificates in PEM that are trusted instead of the system's.
    public var authorities: String?
    public var options = SinkOptions()

    public init(url: String, database: String) {
      self.url = url
      self.database = database
    }
  }

  public static let kind = "influxdb"
  public let isDurable = true
  /// The most lines of one request; InfluxDB advises 5,000.
  public static let linesPerBatch = 5_000
  /// The most bytes of one request before it is packed.
  static let bytesPerBatch = 4 << 20
  /// How long one request may take, within the pass's own deadline.
  static let timeout = Duration.seconds(30)

  public let name: String
  public var options: SinkOptions { configuration.options }
  private let configuration: Configuration
  private let base: String
  private let client = HTTPClient()

  public init(_ configuration: Configuration) {
    self.configuration = configuration
    var base = configuration.url
    while base.utf8.last == UInt8(ascii: "/") { base.removeLast() }
    self.base = base
    let place = configuration.retentionPolicy.map { "\(configuration.database)/\($0)" }
    name = configuration.options.name ?? "influxdb \(base) \(place ?? configuration.database)"
  }

  public func encode(_ batches: [PointBatch]) -> [Payload] {
    let compressor = Compressor(.gzip, level: 1)
    var lines = LineProtocol()
    var payloads: [Payload] = []
    for batch in batches {
      // A host's points stay together where they fit, so that a body is about as long as allowed.
      if lines.count + batch.points.count > Self.linesPerBatch {
        payloads.append(contentsOf: flush(&lines, compressor))
      }
      for start in stride(from: 0, to: batch.points.count, by: 500) {
        let end = min(batch.points.count, start + 500)
        var part = batch
        part.points = Array(batch.points[start..<end])
        lines.append(part)
        if lines.count + 500 > Self.linesPerBatch || lines.bytes.count > Self.bytesPerBatch {
          payloads.append(contentsOf: flush(&lines, compressor))
        }
      }
    }
    payloads.append(contentsOf: flush(&lines, compressor))
    return payloads
  }

  private func flush(_ lines: inout LineProtocol, _ compressor: Compressor) -> [Payload] {
    defer { lines.removeAll() }
    return lines.count == 0
      ? [] : [Payload(body: compressor.pack(lines.bytes), lines: lines.count)]
  }

  public func deliver(
    _ payload: Payload, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(SinkError) -> Receipt {
    var budget = Budget()
    return try await write(payload, budget: &budget, on: reactor, by: deadline)
  }

  public func close() { client.close() }

  /// How often one payload may still be tried in another form: what is beyond repair ends.
  private struct Budget {
    var requests = 200
    var waits = 3
    var mayCreate = true
  }

  private func write(
    _ payload: Payload, budget: inout Budget, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(SinkError) -> Receipt {
    while true {
      budget.requests -= 1
      let response = try await send(writeRequest(payload.body), on: reactor, by: deadline)
      switch response.status {
      case 204: return Receipt(taken: payload.lines)
      case 413: return try await halves(of: payload, "it is too large", &budget, reactor, deadline)
      case 400:
        let said = Self.message(of: response)
        if said.hasPrefix("partial write") {
          return Self.partial(Self.errorText(response.body) ?? said, of: payload)
        }
        guard Self.blamesLine(said) else {
          throw SinkError(.protocolError, name, "refused the request: \(said)")
        }
        return try await halves(of: payload, said, &budget, reactor, deadline)
      case 404 where budget.mayCreate:
        let said = Self.message(of: response)
        guard said.hasPrefix("database not found") else { throw failure(response) }
        budget.mayCreate = false
        try await createDatabase(on: reactor, by: deadline)
      case 429, 502, 503, 504:
        let wait =
          response.retryAfter ?? .milliseconds(Int64.random(in: 200...400) << (3 - budget.waits))
        guard budget.waits > 0, wait < deadline.remaining else { throw failure(response) }
        budget.waits -= 1
        do { try await reactor.sleep(until: .after(wait)) } catch {
          throw SinkError(.cancelled, name, "cancelled")
        }
      default: throw failure(response)
      }
    }
  }

  /// Writes each half on its own, until what is refused is a single line: that one is set aside.
  private func halves(
    of payload: Payload, _ why: String, _ budget: inout Budget, _ reactor: isolated Reactor,
    _ deadline: Deadline
  ) async throws(SinkError) -> Receipt {
    let lines = Decompressor().unpack(payload.body, limit: 64 << 20) ?? []
    let middle = payload.lines / 2
    guard middle > 0, budget.requests > 0 else {
      return Receipt(refused: payload.lines, messages: [why])
    }
    var end = 0
    var seen = 0
    for (index, byte) in lines.enumerated() where byte == UInt8(ascii: "\n") {
      seen += 1
      if seen == middle {
        end = index + 1
        break
      }
    }
    guard end > 0 else { return Receipt(refused: payload.lines, messages: [why]) }
    let compressor = Compressor(.gzip, level: 1)
    let first = Payload(body: compressor.pack(Array(lines[..<end])), lines: middle)
    let second = Payload(body: compressor.pack(Array(lines[end...])), lines: payload.lines - middle)
    var receipt = try await write(first, budget: &budget, on: reactor, by: deadline)
    receipt += try await write(second, budget: &budget, on: reactor, by: deadline)
    return receipt
  }

  private func writeRequest(_ body: [UInt8]) -> HTTPRequest {
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

  private func request(_ path: String) -> HTTPRequest {
    var request = HTTPRequest("POST", base + path)
    request.user = configuration.username
    request.password = configuration.password
    request.authorities = configuration.authorities
    request.headers = [("User-Agent", "scrape")]
    request.bodyLimit = 1 << 20
    return request
  }

  private func send(
    _ request: HTTPRequest, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(SinkError) -> HTTPResponse {
    do throws(HTTPError) {
      return try await client.send(request, on: reactor, by: min(deadline, .after(Self.timeout)))
    } catch {
      switch error.reason {
      case .timeout: throw SinkError(.timeout, name, "\(error); is it overloaded?")
      case .cancelled: throw SinkError(.cancelled, name, "cancelled")
      case .malformed: throw SinkError(.protocolError, name, "\(error); is this InfluxDB's port?")
      case .untrusted:
        throw SinkError(
          .unreachable, name, "\(error); name the server's authority with `ca:` if it is your own")
      case .invalid: throw SinkError(.protocolError, name, "\(error); check `url:`")
      case .unresolved, .unreachable:
        throw SinkError(.unreachable, name, "\(error); is InfluxDB running, and `url:` right?")
      }
    }
  }

  /// Creates the database. Errors of a query stand inside an answer of 200.
  private func createDatabase(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(SinkError) {
    var request = request("/query")
    let quoted = configuration.database.reduce(into: "") { text, character in
      if character == "\"" || character == "\\" { text += "\\" }
      text.append(character)
    }
    request.headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    request.body = Array("q=\("CREATE DATABASE \"\(quoted)\"".percentEncoded)".utf8)
    let response = try await send(request, on: reactor, by: deadline)
    let said = Self.message(of: response)
    guard response.status == 200, !Self.hasError(response) else {
      throw SinkError(
        response.status == 401 || response.status == 403 ? .unauthorized : .missing, name,
        "there is no database \(configuration.database), and it cannot be created: \(said); "
          + "create it, or give \(configuration.username ?? "the user") the right to")
    }
  }

  private func failure(_ response: HTTPResponse) -> SinkError {
    let said = Self.message(of: response)
    let answered = "answered \(response.status): \(said)"
    let user = configuration.username
    switch response.status {
    case 401:
      return SinkError(
        .unauthorized, name,
        answered + (user == nil ? "; set username and password" : "; check username and password"))
    case 403:
      return SinkError(
        .unauthorized, name,
        "\(answered); give \(user ?? "the user") the right to write to \(configuration.database)")
    case 404: return SinkError(.missing, name, "\(answered); is `url:` that of InfluxDB 1.x?")
    case 500 where said.hasPrefix("retention policy not found"):
      return SinkError(.missing, name, "\(answered); create it, or correct `retention_policy:`")
    case 429, 500...599: return SinkError(.unavailable, name, answered)
    default:
      return SinkError(.protocolError, name, "\(answered) to a write; is this InfluxDB 1.x?")
    }
  }
}

/// What InfluxDB says in its answers.
extension InfluxDB {
  /// Whether a 400 is about lines and not about the request.
  static func blamesLine(_ said: String) -> Bool {
    [
      "unable to parse", "field type conflict", "points beyond retention", "max-values-per-tag",
      "max-series-per-database", "max key length", "invalid field", "invalid tag",
    ].contains { said.contains($0) }
  }

  /// `dropped=N` counts what was readable and yet refused; lines that were not are listed one by one.
  static func partial(_ said: String, of payload: Payload) -> Receipt {
    var refused = 0
    if let number = said.split(separator: "dropped=").last.flatMap({ Int($0) }) { refused = number }
    refused += said.split(separator: "\n").count { $0.contains("unable to parse '") }
    refused = min(max(refused, 1), payload.lines)
    return Receipt(taken: payload.lines - refused, refused: refused, messages: [shortened(said)])
  }

  /// The server's own words: of `{"error":"…"}`, of the header that repeats them, or of any body.
  static func message(of response: HTTPResponse) -> String {
    if let said = errorText(response.body) { return shortened(said) }
    if let said = response[header: "x-influxdb-error"] ?? response[header: "x-influx-error"] {
      return shortened(said)
    }
    let body = String(decoding: response.body.prefix(200), as: UTF8.self)
    let isText = response.body.first != UInt8(ascii: "<")
    return body.isEmpty ? "an empty body" : isText ? shortened(body) : "a page of HTML"
  }

  static func hasError(_ response: HTTPResponse) -> Bool { errorText(response.body) != nil }

  private static func shortened(_ text: String) -> String {
    text.utf8.count <= 400 ? text : String(text.prefix(400)) + "…"
  }

  /// The text after the first `"error":` of a JSON body, which is all that is needed of it.
  static func errorText(_ body: [UInt8]) -> String? {
    let key = Array("\"error\":\"".utf8)
    guard body.first(where: { $0 > 0x20 }) == UInt8(ascii: "{"), body.count > key.count else {
      return nil
    }
    let starts = 0...(body.count - key.count)
    guard let start = starts.first(where: { body[$0...].starts(with: key) }) else { return nil }
    var text: [UInt8] = []
    var rest = body[(start + key.count)...]
    while let byte = rest.popFirst(), byte != UInt8(ascii: "\"") {
      guard byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() else {
        text.append(byte)
        continue
      }
      switch escaped {
      case UInt8(ascii: "n"): text.append(UInt8(ascii: "\n"))
      case UInt8(ascii: "r"), UInt8(ascii: "t"): text.append(UInt8(ascii: " "))
      case UInt8(ascii: "u"):
        let code = UInt32(String(decoding: rest.prefix(4), as: UTF8.self), radix: 16)
        rest = rest.dropFirst(4)
        let scalar = code.flatMap { Unicode.Scalar($0) } ?? "\u{fffd}"
        text.append(contentsOf: String(Character(scalar)).utf8)
      default: text.append(escaped)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}

extension String {
  /// The text as a component of a URL's query (RFC 3986): all but unreserved characters as `%XX`.
  var percentEncoded: String {
    var encoded = ""
    for byte in utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        encoded.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let hex = String(byte, radix: 16, uppercase: true)
        encoded += byte < 16 ? "%0\(hex)" : "%\(hex)"
      }
    }
    return encoded
  }
}
