public import Transfer
public import Configuration
public import Engine
public import Metrics
public import Store

/// Writes the latest numbers to a file in Prometheus's text format, for the textfile collector of
/// node_exporter.
///
/// `prometheus: {file: /var/lib/prometheus/node-exporter/scrape.prom}`. A pass adds the values that
/// were due in it; values of earlier passes stay until they are older than `expires`. The file is
/// replaced as a whole. It holds no timestamps, which the collector would refuse. See "Exposition
/// formats" in Prometheus's documentation.
public struct PrometheusFile: Sink {
  public static let kind = "prometheus"
  public let options: SinkOptions
  /// Only the latest values are of use in the file.
  public let isDurable = false
  public let path: String
  /// The time until a number that no pass renews expires.
  private let expires: Duration
  /// The limit of a file that is read back.
  private static let longest = 256 << 20

  public init(
    path: String, expires: Duration = .seconds(900), options: SinkOptions = SinkOptions()
  ) {
    self.path = path
    self.expires = expires
    self.options = options
  }

  public var name: String { options.name ?? "prometheus \(path)" }

  public static let summary =
    "A file for node_exporter's textfile collector; see [sinks](sinks.md#prometheus-textfile)."
  public static let example =
    "{file: /var/lib/prometheus/node-exporter/scrape.prom}"

  private static var file: SettingType<String> {
    SettingType(
      "path that ends in `.prom`", example: "/var/lib/prometheus/node-exporter/scrape.prom"
    ) { node, what throws(ConfigurationError) in
      let file = try SettingType<String>.word.decode(node, what)
      guard file.hasSuffix(".prom") else {
        throw ConfigurationError(
          "file must end in .prom: the textfile collector reads no other", at: node)
      }
      return absolute(file, besides: node.mark.file)
    }
  }

  public static func decode(
    _ fields: inout Fields, _ options: SinkOptions, secrets: Bool
  ) -> PrometheusFile? {
    let path = fields.require("file", file, "File; replaced as a whole.")
    let expires = fields.take(
      "expires", .duration(.seconds(1) ... .seconds(10 * 366 * 86_400)), default: .seconds(900),
      "Time after which a number that no pass renews is removed.", example: "5m")
    return path.map { PrometheusFile(path: $0, expires: expires, options: options) }
  }

  /// One payload in the file's format.
  public func encode(_ batches: [PointBatch]) -> [Payload] {
    let exposition = Exposition(batches)
    guard exposition.count > 0 else { return [] }
    return [Payload(body: exposition.text, lines: exposition.count)]
  }

  public func deliver(
    _ payload: Payload, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> Receipt {
    let now = Timestamp.now.seconds
    let oldest = now - expires.components.seconds
    try await Disk.run(for: name, on: reactor, by: deadline) { [path] () throws(DiskError) in
      let old = try Disk.contents(path, limit: Self.longest) ?? []
      guard old.isEmpty || Exposition.isOurs(old) else {
        throw DiskError(
          .protocolError, "\(path) was written by another program; name another file, or remove it")
      }
      var exposition = Exposition(text: old)
      exposition.take(Exposition(text: payload.body), oldest: oldest)
      try Disk.replace(path, with: exposition.text, mode: 0o644)
    }
    return Receipt(taken: payload.lines)
  }

  public func close() {}
}
