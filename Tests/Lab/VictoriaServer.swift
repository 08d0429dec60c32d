import Foundation

/// A real VictoriaMetrics of this machine, on a free loopback port with a folder of its own.
public final class VictoriaServer: Sendable {
  public static let program = "/usr/bin/victoria-metrics"
  public static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

  public let url: String
  private let scratch = Scratch()
  private let daemon: Daemon

  /// Starts a server and waits until it answers.
  public init() throws {
    let port = freePort()
    url = "http://127.0.0.1:\(port)"
    daemon = try Daemon(
      "/usr/bin/timeout",
      [
        "-s", "KILL", "300", Self.program, "-httpListenAddr=127.0.0.1:\(port)",
        "-storageDataPath=\(scratch.path)/data", "-retentionPeriod=100y",
        "-memory.allowedBytes=64MB",
      ], log: "\(scratch.path)/log")
    guard eventually(within: 20, { (try? get("/health")) == "OK" }) else {
      throw Unavailable(description: "victoria-metrics did not start on \(url)")
    }
  }

  private func get(_ path: String) throws -> String {
    try run("/usr/bin/curl", ["-s", "-g", "-m", "10", url + path]).output
  }

  /// All samples of a metric, each as labels, milliseconds and value.
  public func samples(
    of metric: String
  ) throws -> [(labels: [String: String], time: Int64, value: Double)] {
    // What was written is shown only after it has been flushed.
    _ = try get("/internal/force_flush")
    return try get("/api/v1/export?match[]=\(metric)").split(separator: "\n").flatMap { line in
      let series = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      let labels = series?["metric"] as? [String: String] ?? [:]
      let times = series?["timestamps"] as? [NSNumber] ?? []
      let values = series?["values"] as? [NSNumber] ?? []
      return zip(times, values).map { (labels, $0.int64Value, $1.doubleValue) }
    }
  }
}
