import Foundation

/// A real Prometheus on loopback that takes remote writes and scrapes nobody.
public final class PrometheusServer: Sendable {
  public static let isInstalled =
    FileManager.default.isExecutableFile(atPath: "/usr/bin/prometheus")
    && FileManager.default.isExecutableFile(atPath: "/usr/bin/promtool")

  public let url: String
  private let scratch = Scratch()
  private let daemon: Daemon

  /// Starts a server and waits until it answers.
  public init(receivesRemoteWrites: Bool = true) throws {
    let port = freePort()
    url = "http://127.0.0.1:\(port)"
    let file = scratch.write("prometheus.yml", "global: {}\n")
    daemon = try Daemon(
      "/usr/bin/timeout",
      [
        "-s", "KILL", "300", "/usr/bin/prometheus", "--config.file=\(file)",
        "--storage.tsdb.path=\(scratch.path)/data", "--web.listen-address=127.0.0.1:\(port)",
        "--log.level=error",
      ] + (receivesRemoteWrites ? ["--web.enable-remote-write-receiver"] : []),
      log: "\(scratch.path)/log")
    let url = url
    let isReady = eventually(within: 20) {
      (try? run("/usr/bin/curl", ["-s", "-m", "5", "\(url)/-/ready"]).output)?
        .contains("Ready") == true
    }
    guard isReady else {
      throw Unavailable(description: "prometheus did not start: \(scratch.read("log") ?? "")")
    }
  }

  /// All samples that the selector finds, each as labels, milliseconds and value, in order of time.
  public func samples(
    of selector: String
  ) throws -> [(labels: [String: String], time: Int64, value: Double)] {
    // A range of an instant query gives samples as they are.
    let answer = try run(
      "/usr/bin/curl",
      ["-s", "-m", "10", "\(url)/api/v1/query", "--data-urlencode", "query=\(selector)[10m]"]
    ).output
    let root = try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any]
    let found = (root?["data"] as? [String: Any])?["result"] as? [[String: Any]] ?? []
    var samples: [(labels: [String: String], time: Int64, value: Double)] = []
    for series in found {
      let labels = series["metric"] as? [String: String] ?? [:]
      let pairs = series["values"] as? [[Any]] ?? []
      for pair in pairs {
        let seconds = (pair[0] as? NSNumber)?.doubleValue ?? 0
        let value = Double(pair[1] as? String ?? "") ?? 0
        samples.append((labels, Int64((seconds * 1000).rounded()), value))
      }
    }
    return samples
  }

  /// What promtool says of a text of metrics: 0 is clean, 1 cannot be read, 3 is against the custom.
  public static func check(_ text: String) throws -> Outcome {
    try run("/usr/bin/promtool", ["check", "metrics"], input: text)
  }
}
