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

  public static func decode(
    _ node: Node, _ options: SinkOptions, secrets: Bool, _ findings: inout Findings
  ) -> PrometheusFile? {
    var path: String?
    var expires = Duration.seconds(900)
    let before = findings.errors.count
    let pairs = findings.gather { findings throws(ConfigurationError) in
      try node.mapping(kind, keys: ["file", "expires"] + SinkOptions.keys, &findings)
    }
    for pair in pairs ?? [] {
      _ = findings.attempt { () throws(ConfigurationError) in
        if pair.name == "expires" {
          expires = try pair.value.duration(
            "expires", in: .seconds(1) ... .seconds(10 * 366 * 86_400))
          return
        }
        let file = try word(pair.value, "file")
        guard file.hasSuffix(".prom") else {
          throw ConfigurationError(
            "file must end in .prom: the textfile collector reads no other", at: pair.value)
        }
        path = absolute(file, besides: pair.value.mark.file)
      }
    }
    guard findings.errors.count == before else { return nil }
    guard let path else {
      findings.add(
        ConfigurationError(
          "prometheus has no file", at: node,
          hint: "file: /var/lib/prometheus/node-exporter/scrape.prom"))
      return nil
    }
    return PrometheusFile(path: path, expires: expires, options: options)
  }

  /// One payload in the file's format.
  public func encode(_ batches: [PointBatch]) -> [Payload] {
    let exposition = Exposition(batches)
    guard exposition.count > 0 else { return [] }
    return [Payload(body: exposition.text, lines: exposition.count)]
  }

  public func deliver(
    _ payload: Payload, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(SinkError) -> Receipt {
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
