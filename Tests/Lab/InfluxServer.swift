import Foundation

/// A real InfluxDB of this machine, on a free loopback port with a folder of its own.
///
/// It is killed when the object goes, and after `lifetime` seconds where the tests themselves were killed.
public final class InfluxServer: @unchecked Sendable {
  public static let program = ["/usr/bin/influxd", "/usr/sbin/influxd", "/usr/local/bin/influxd"]
    .first { FileManager.default.isExecutableFile(atPath: $0) }
  public static var isInstalled: Bool { program != nil }

  public let url: String
  private let folder: String
  private let settings: [String: String]
  public private(set) var daemon: Daemon?
  private let lifetime: Int

  /// Starts a server and waits until it answers.
  public init(
    _ settings: [String: String] = [:], scheme: String = "http", address: String = "127.0.0.1",
    port: UInt16 = freePort(), lifetime: Int = 300
  ) throws {
    self.lifetime = lifetime
    url = "\(scheme)://\(address):\(port)"
    folder = NSTemporaryDirectory() + "influx-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    self.settings = [
      "INFLUXDB_HTTP_BIND_ADDRESS": "\(address):\(port)",
      "INFLUXDB_BIND_ADDRESS": "127.0.0.1:\(freePort())",
      "INFLUXDB_META_DIR": folder + "/meta",
      "INFLUXDB_DATA_DIR": folder + "/data",
      "INFLUXDB_DATA_WAL_DIR": folder + "/wal",
      "INFLUXDB_REPORTING_DISABLED": "true",
      "INFLUXDB_MONITOR_STORE_ENABLED": "false",
      "INFLUXDB_HTTP_LOG_ENABLED": "false",
      "HOME": folder,
    ].merging(settings) { $1 }
    try start()
  }

  deinit {
    stop()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Starts it again on the same port with the same data.
  public func start() throws {
    daemon = try Daemon(
      "/usr/bin/timeout", ["-s", "KILL", "\(lifetime)", Self.program ?? "influxd"],
      environment: settings, log: folder + "/log")
    guard eventually(within: 20, { (try? get("/ping").status) == 204 }) else {
      throw Unavailable(description: "influxd did not start on \(url)")
    }
  }

  public func stop() { daemon = nil }

  public func get(_ path: String, user: String? = nil, password: String? = nil) throws -> (
    status: Int, body: Data
  ) {
    var arguments = ["-s", "-k", "-m", "10", "-w", "\n%{http_code}", url + path]
    if let user { arguments += ["-u", "\(user):\(password ?? "")"] }
    let output = try run("/usr/bin/curl", arguments).output
    guard let end = output.lastIndex(of: "\n"),
      let status = Int(output[output.index(after: end)...])
    else { throw Unavailable(description: "no status from \(url)") }
    return (status, Data(output[..<end].utf8))
  }

  /// Runs a statement that changes something.
  public func execute(
    _ statement: String, database: String = "", user: String? = nil, password: String? = nil
  ) throws {
    var arguments = [
      "-s", "-m", "10", url + "/query", "--data-urlencode", "q=" + statement,
      "--data-urlencode", "db=" + database,
    ]
    if let user { arguments += ["-u", "\(user):\(password ?? "")"] }
    try run("/usr/bin/curl", arguments)
  }

  /// One series of an answer.
  public struct Series {
    public var name: String
    public var tags: [String: String]
    /// Nanoseconds since 1970.
    public var times: [Int64]
  }

  /// The series that a query gives, with the times of their points.
  public func series(_ text: String, database: String) throws -> [Series] {
    let query = text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    let (_, data) = try get("/query?epoch=ns&db=\(database)&q=\(query)")
    let answer = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    let results = answer?["results"] as? [[String: Any]] ?? []
    if let error = results.compactMap({ $0["error"] as? String }).first ?? answer?["error"]
      as? String
    {
      throw Unavailable(description: "\(text): \(error)")
    }
    return results.flatMap { $0["series"] as? [[String: Any]] ?? [] }.map { series in
      Series(
        name: series["name"] as? String ?? "", tags: series["tags"] as? [String: String] ?? [:],
        times: (series["values"] as? [[Any]] ?? []).compactMap {
          ($0.first as? NSNumber)?.int64Value
        })
    }
  }

  /// The rows that a query gives, each as its values.
  public func query(
    _ text: String, database: String = "", user: String? = nil, password: String? = nil
  ) throws -> [[Any]] {
    let allowed = CharacterSet.alphanumerics
    let query = text.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
    let database = database.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
    let (_, data) = try get(
      "/query?epoch=ns&db=\(database)&q=\(query)", user: user, password: password)
    let answer = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    let results = answer?["results"] as? [[String: Any]] ?? []
    let series = results.flatMap { $0["series"] as? [[String: Any]] ?? [] }
    return series.flatMap { series in
      let tags = (series["tags"] as? [String: Any])?.sorted { $0.key < $1.key }.map(\.value) ?? []
      let name = [series["name"] ?? ""]
      return (series["values"] as? [[Any]] ?? []).map { name + tags + $0 }
    }
  }

  /// The rows of a query by the names of their columns and tags; times are milliseconds since 1970.
  public func rows(_ text: String, database: String) throws -> [[String: Any]] {
    let query = text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    let (_, data) = try get("/query?epoch=ms&db=\(database)&q=\(query)")
    let answer = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    let results = answer?["results"] as? [[String: Any]] ?? []
    if let error = results.compactMap({ $0["error"] as? String }).first {
      throw Unavailable(description: "\(error): \(text)")
    }
    let all = results.flatMap { $0["series"] as? [[String: Any]] ?? [] }
    return all.flatMap { series -> [[String: Any]] in
      let tags = series["tags"] as? [String: Any] ?? [:]
      let columns = series["columns"] as? [String] ?? []
      return (series["values"] as? [[Any]] ?? []).map { row in
        tags.merging(zip(columns, row)) { $1 }
      }
    }
  }
}
