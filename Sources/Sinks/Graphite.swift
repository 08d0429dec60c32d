public import Transfer
public import Configuration
public import Engine
internal import Glibc
public import Metrics
public import Store

/// Writes numbers to Graphite's carbon as lines of plain text over TCP.
///
/// Carbon sends no acknowledgement, and data for a carbon that has just ended is lost without an
/// error. So each payload has its own connection, whose sending side is closed after the last byte:
/// carbon closes the other side when it has read everything, and only that counts as delivered. A
/// carbon that was killed in between resets the connection, and the payload is sent again; a number
/// with the same name and second replaces itself. See "Feeding In Your Data" in Graphite's
/// documentation.
public struct Graphite: Sink {
  /// The server and the form of the names.
  public struct Configuration: Sendable {
    public var host = "127.0.0.1"
    public var port: UInt16 = 2003
    public var names = GraphiteNames()
    /// Carbon's `CACHE_QUERY_PORT`, on which `scrape doctor` reads back its point.
    public var queryPort: UInt16 = 7002

    public init() {}
  }

  public static let kind = "graphite"
  public let options: SinkOptions
  public let isDurable = true
  /// The limit of lines per connection.
  static let linesPerPayload = 20_000
  /// The approximate limit of bytes per connection.
  static let bytesPerPayload = 4 << 20
  /// The limit of one payload in time, within the deadline of the pass.
  static let timeout = Duration.seconds(30)

  public let configuration: Configuration

  public init(_ configuration: Configuration, options: SinkOptions = SinkOptions()) {
    self.configuration = configuration
    self.options = options
  }

  public var name: String { options.name ?? "graphite \(place)" }
  private var place: String { hostAndPort(configuration.host, configuration.port) }
  public var address: String? { "http://\(place)" }

  /// Each number is a line `name value seconds`; a payload's `lines` count them. Texts and booleans
  /// are left out, as Graphite cannot store them.
  public func encode(_ batches: [PointBatch]) -> [Payload] {
    let compressor = Compressor(.zlib, level: 1)
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
        let bucket = configuration.names.bucket(of: point, in: batch)
        for field in point.fields {
          guard let value = Number(field.value) else { continue }
          let name = bucket.name(of: field.name)
          // Carbon closes the connection on a longer line, and no file system accepts a longer
          // path.
          guard name.utf8.count <= 4_000 else { continue }
          text += name.utf8
          text.append(UInt8(ascii: " "))
          value.write(into: &text)
          text.append(UInt8(ascii: " "))
          text += String((point.time ?? batch.time).seconds).utf8
          text.append(UInt8(ascii: "\n"))
          lines += 1
        }
        if lines >= Self.linesPerPayload || text.count > Self.bytesPerPayload { flush() }
      }
    }
    flush()
    return payloads
  }

  public func deliver(
    _ payload: Payload, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> Receipt {
    guard let text = Decompressor().unpack(payload.body, limit: 64 << 20) else {
      return Receipt(refused: payload.lines, messages: ["the queue's copy is damaged"])
    }
    let deadline = min(deadline, .after(Self.timeout))
    let connection: FileDescriptor
    do throws(DialError) {
      let addresses = try await Dial.resolve(
        configuration.host, port: configuration.port, on: reactor, by: deadline)
      connection = try await Dial.tcp(to: addresses, on: reactor, by: deadline)
    } catch {
      throw DeliveryError(error, name, hint: "is carbon running, and `host` and `port` right?")
    }
    try await send(text, on: connection.number, reactor, by: deadline)
    guard shutdown(connection.number, Int32(SHUT_WR)) == 0 else {
      throw lost(SystemError("shutdown"))
    }
    try await awaitEnd(of: connection.number, reactor, by: deadline)
    return Receipt(taken: payload.lines)
  }

  func send(
    _ text: [UInt8], on socket: Int32, _ reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    var sent = 0
    while sent < text.count {
      let count = text.withUnsafeBytes { bytes in
        bytes.baseAddress.map {
          Glibc.send(
            socket, $0 + sent, bytes.count - sent, Int32(truncatingIfNeeded: Int(MSG_NOSIGNAL)))
        } ?? -1
      }
      switch count {
      case 1...: sent += count
      case _ where errno == EINTR: continue
      case _ where errno == EAGAIN:
        try await wait(socket, for: .write, reactor, by: deadline)
      default: throw lost(SystemError("send"))
      }
    }
  }

  /// Waits until the peer has closed as well. It may send data first, which no carbon does.
  private func awaitEnd(
    of socket: Int32, _ reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    var received = 0
    while true {
      let count = withUnsafeTemporaryAllocation(byteCount: 512, alignment: 1) {
        recv(socket, $0.baseAddress, $0.count, 0)
      }
      switch count {
      case 0: return
      case 1...:
        received += count
        guard received < 4096 else {
          throw DeliveryError(.protocolError, name, "\(place) answers, as carbon never does")
        }
      case _ where errno == EINTR: continue
      case _ where errno == EAGAIN: try await wait(socket, for: .read, reactor, by: deadline)
      default: throw lost(SystemError("recv"))
      }
    }
  }

  private func wait(
    _ socket: Int32, for readiness: Readiness, _ reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    do throws(WaitError) {
      try await reactor.wait(socket, for: readiness, by: deadline)
    } catch {
      switch error {
      case .timedOut:
        throw DeliveryError(
          .timeout, name, "carbon does not read what is sent; is it overloaded, or its disk full?")
      case .cancelled: throw DeliveryError(.cancelled, name, "cancelled")
      case .failed(let error): throw DeliveryError(.unreachable, name, "\(error)")
      }
    }
  }

  private func lost(_ error: SystemError) -> DeliveryError {
    DeliveryError(
      .unreachable, name, "\(error) before carbon had read everything; it is sent again")
  }

  public func close() {}
}

/// `graphite: {host: 127.0.0.1, port: 2003, template: "host.tags.measurement.field", prefix: range}`.
extension Graphite {
  public static let summary =
    "Carbon, by its plaintext protocol over TCP; see [sinks](sinks.md#graphite)."
  public static let example =
    "{host: carbon.example, prefix: range-a}"

  public static func decode(
    _ fields: inout Fields, _ options: SinkOptions, secrets: Bool
  ) -> Graphite? {
    var configuration = Configuration()
    fields.set(
      &configuration.host, "host", .word, "Name or address of carbon.", example: "carbon.example")
    fields.set(
      &configuration.port, "port", .port16, "Port of the plaintext protocol.", example: "2003")
    fields.set(
      &configuration.names.template, "template", .template,
      "Order of the parts of a name, as in Telegraf's serializer; `tags` is all tags not named.")
    fields.set(
      &configuration.names.prefix, "prefix", .word, otherwise: "none", "Start of every name.",
      example: "range-a")
    fields.set(
      &configuration.names.isTagged, "tagged", .boolean,
      "Whether names follow Graphite 1.1: `measurement.field;tag=value`.")
    fields.set(
      &configuration.queryPort, "query_port", .port16,
      "Port of carbon's cache, for `scrape doctor`.",
      example: "7002")
    return Graphite(configuration, options: options)
  }
}

extension SettingType where Value == UInt16 {
  fileprivate static var port16: SettingType {
    SettingType("port", example: "2003") { node, what throws(ConfigurationError) in
      UInt16(try node.integer(what, in: 1...65_535))
    }
  }
}

extension SettingType where Value == [String] {
  fileprivate static var template: SettingType {
    SettingType(
      "words joined by dots", example: "host.tags.measurement.field",
      show: { "`\($0.joined(separator: "."))`" }
    ) { node, _ throws(ConfigurationError) in try GraphiteNames.template(node) }
  }
}

/// The numeric value of a field, for databases that store only numbers.
enum Number {
  case integer(Int64)
  case float(Double)

  /// Nil for texts, booleans and values that are not finite.
  init?(_ value: FieldValue) {
    switch value {
    case .integer(let integer): self = .integer(integer)
    case .float(let float) where float.isFinite: self = .float(float)
    default: return nil
    }
  }

  func write(into text: inout [UInt8]) {
    switch self {
    case .integer(let integer): text += String(integer).utf8
    case .float(let float): text += float.description.utf8
    }
  }
}

/// `10.0.6.11:2003`, `[::1]:2003`.
func hostAndPort(_ host: String, _ port: UInt16) -> String {
  host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
}

extension DeliveryError {
  /// The sink error for a missing connection, with what to check.
  init(_ error: DialError, _ sink: String, hint: String) {
    switch error.reason {
    case .timeout: self.init(.timeout, sink, "\(error); \(hint)")
    case .cancelled: self.init(.cancelled, sink, "cancelled")
    case .nameUnknown, .refused, .reset, .unreachable, .local:
      self.init(.unreachable, sink, "\(error); \(hint)")
    }
  }
}
