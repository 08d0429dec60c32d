public import Configuration
public import Engine
public import Metrics
public import Store

/// A place where points go. Deliveries come one at a time; `close` follows the last.
///
/// Delivery is in two steps, so that nothing is lost between them: `encode` turns a pass's points
/// into payloads, which a durable sink's queue in the store keeps until `deliver` has brought them
/// there. Delivering the same payload twice must change nothing.
public protocol Sink: Sendable {
  /// The word for it in the configuration: `influxdb`.
  static var kind: String { get }
  /// Reads what stands behind that word. Every fault is added to the findings, and nil is returned
  /// where there is no using it. Secrets are looked up only where `secrets` says so: a check of the
  /// configuration need not have them. What holds for all kinds was read before and is no longer in
  /// the node.
  static func decode(
    _ node: Node, _ options: SinkOptions, secrets: Bool, _ findings: inout Findings
  ) -> Self?
  /// What holds for sinks of every kind.
  var options: SinkOptions { get }
  /// Names this one of its kind for people and for its queue: `options.name`, or made of the place.
  /// It holds no secret.
  var name: String { get }
  /// The URL of the server that it writes to; nil where there is none. No redirect leads there.
  var address: String? { get }
  /// Whether what it did not take waits in the store for the next pass.
  var isDurable: Bool { get }
  /// The points in the sink's own form, in pieces that are delivered one by one. Those that are not
  /// wanted have been left out: see `payloads`.
  func encode(_ batches: [PointBatch]) -> [Payload]
  /// Brings one piece there. What it throws means: keep it, and try again later.
  func deliver(
    _ payload: Payload, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(SinkError) -> Receipt
  func close()
}

/// Every kind of sink there is: adding one is its file and its name here.
public let sinkKinds: [any Sink.Type] = [
  Graphite.self, InfluxDB.self, InfluxDB2.self, LineFile.self, PrometheusFile.self,
  RemoteWrite.self, Splunk.self, StandardOutput.self,
]

/// The sinks of the configuration: a list of `kind` or `kind: {…}`.
public func sinks(
  from node: Node?, secrets: Bool = true, _ findings: inout Findings
) -> [any Sink] {
  guard let node else { return [] }
  var sinks: [any Sink] = []
  let items = findings.attempt { () throws(ConfigurationError) in try node.list("sinks") }
  for item in items ?? [] {
    guard let word = item.pairs.map({ $0.first?.key }) ?? item, word.text != nil else {
      findings.add(item.mismatch("a sink", "a kind, or a kind with its settings"))
      continue
    }
    guard let kind = sinkKinds.first(where: { $0.kind == word.text }) else {
      findings.add(unknown("sink", word, among: sinkKinds.map { $0.kind }))
      continue
    }
    if let extra = item.pairs?.dropFirst().first {
      findings.add(
        ConfigurationError(
          "a sink is one kind with its settings", at: extra.key,
          hint: "indent its settings, or begin another with \"- \""))
      continue
    }
    let settings =
      item.pairs?.first?.value ?? Node(.scalar("", .plain), mark: word.mark, end: word.end)
    let (options, own) = SinkOptions.decode(settings, &findings)
    guard let options, let sink = kind.decode(own, options, secrets: secrets, &findings) else {
      continue
    }
    if sinks.contains(where: { $0.name == sink.name }) {
      findings.add(
        ConfigurationError(
          "there are two sinks \(sink.name)", at: word, hint: "give one of them a `name:`"))
    } else {
      sinks.append(sink)
    }
  }
  return sinks
}

extension Sink {
  /// The points that are wanted there, in the sink's own form.
  public func payloads(_ batches: [PointBatch]) -> [Payload] {
    encode(options.measurements.chosen(of: batches))
  }
}

/// What became of a payload that was delivered.
public struct Receipt: Sendable, Equatable {
  /// Points that the sink took.
  public var taken: Int
  /// Points that the sink will never take.
  public var refused: Int
  /// Why, in the sink's words. They may hold a host's: make them visible before printing.
  public var messages: [String]

  public init(taken: Int = 0, refused: Int = 0, messages: [String] = []) {
    self.taken = taken
    self.refused = refused
    self.messages = messages
  }

  static func += (sum: inout Receipt, other: Receipt) {
    sum.taken += other.taken
    sum.refused += other.refused
    for message in other.messages where sum.messages.count < 10 {
      if !sum.messages.contains(message) { sum.messages.append(message) }
    }
  }
}

/// Why a sink did not take what it was given. Nothing is lost by it.
public struct SinkError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Reason: String, Sendable {
    /// No connection: the name, the route, the port, the certificate.
    case unreachable
    case timeout
    /// The user, the password or their rights.
    case unauthorized
    /// The database or bucket is not there and cannot be made.
    case missing
    /// It answers that it cannot just now.
    case unavailable
    /// An answer that is not of its protocol, or a request that it does not understand.
    case protocolError = "protocol_error"
    /// The reader of standard output has gone.
    case closed
    case cancelled
  }

  public var reason: Reason
  /// Which sink, by its name.
  public var sink: String
  /// What happened and what to do. It may hold a server's words: make it visible before printing.
  public var message: String
  /// How long it asks to be left alone; nil where it did not say.
  public var retryAfter: Duration?

  public init(
    _ reason: Reason, _ sink: String, _ message: String, retryAfter: Duration? = nil
  ) {
    self.reason = reason
    self.sink = sink
    self.message = message
    self.retryAfter = retryAfter
  }

  public var description: String { "\(sink): \(message)" }
}

extension Sink {
  public var address: String? { nil }
}
