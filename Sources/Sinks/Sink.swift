public import Transfer
public import Configuration
public import Engine
public import Metrics
public import Store

/// A destination of points. Deliveries run one at a time; `close` follows the last.
///
/// Delivery has two steps, so that nothing is lost between them: `encode` turns a pass's points
/// into payloads, and a durable sink's queue in the store keeps them until `deliver` succeeds. A
/// repeated delivery of the same payload must change nothing.
public protocol Sink: Sendable {
  /// The key in the configuration: `influxdb`.
  static var kind: String { get }
  /// What it writes to, in one sentence.
  static var summary: String { get }
  /// Its settings as written in a file.
  static var example: String { get }
  /// Takes the settings below that key; the common options were taken before. Nil if the sink is
  /// unusable. Secrets are resolved only if `secrets` is set: a check of the configuration does not
  /// need them.
  static func decode(_ fields: inout Fields, _ options: SinkOptions, secrets: Bool) -> Self?
  /// The common options.
  var options: SinkOptions { get }
  /// The unique name of this sink, for people and for its queue: `options.name`, or derived from
  /// the place. It holds no secret.
  var name: String { get }
  /// The URL of the server; nil if there is none. Redirects of probes to it are refused.
  var address: String? { get }
  /// Whether undelivered points are kept in the store for the next pass.
  var isDurable: Bool { get }
  /// The points in the sink's own format, in payloads that are delivered one by one. Excluded
  /// measurements have been left out: see `payloads`.
  func encode(_ batches: [PointBatch]) -> [Payload]
  /// Delivers one payload. On an error the payload is kept and retried later.
  func deliver(
    _ payload: Payload, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> Receipt
  func close()
}

/// Every kind of sink: a new one adds its file, and its name here.
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
    var fields = Fields(kind.kind, at: settings)
    let options = SinkOptions(&fields)
    let sink = kind.decode(&fields, options, secrets: secrets)
    guard fields.finish(into: &findings), let sink else { continue }
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

/// The options of every sink, and those of each kind.
public var sinkReferences: [Reference] {
  [
    Reference("Every sink", "`sinks:` is a list of `KIND` or `KIND: {…}`.") {
      _ = SinkOptions(&$0)
    }
  ]
    + sinkKinds.map { kind in
      Reference("Sink `\(kind.kind)`", kind.summary, example: kind.example) {
        _ = kind.decode(&$0, SinkOptions(), secrets: false)
      }
    }
}

extension Sink {
  /// The points that the sink takes, in its own format.
  public func payloads(_ batches: [PointBatch]) -> [Payload] {
    encode(options.measurements.chosen(of: batches))
  }
}

/// The result of a delivered payload.
public struct Receipt: Sendable, Equatable {
  /// Points that the sink accepted.
  public var taken: Int
  /// Points that the sink refused for good.
  public var refused: Int
  /// The reason in the sink's words. May hold a host's words: make it visible before printing.
  public var messages: [String]

  public init(taken: Int = 0, refused: Int = 0, messages: [String] = []) {
    self.taken = taken
    self.refused = refused
    self.messages = messages
  }

  public static func += (sum: inout Receipt, other: Receipt) {
    sum.taken += other.taken
    sum.refused += other.refused
    for message in other.messages where sum.messages.count < 10 {
      if !sum.messages.contains(message) { sum.messages.append(message) }
    }
  }
}

extension Sink {
  public var address: String? { nil }
}
