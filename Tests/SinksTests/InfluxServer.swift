import Foundation
import Glibc

/// A real InfluxDB of this machine, on a free loopback port with a folder of its own.
///
/// It is killed when the object goes, and by the kernel's mercy of `prctl` when the tests die.
final class InfluxServer: @unchecked Sendable {
  static let program = ["/usr/bin/influxd", "/usr/sbin/influxd", "/usr/local/bin/influxd"]
    .first { FileManager.default.isExecutableFile(atPath: $0) }
  static var isInstalled: Bool { program != nil }

  let port: Int
  var url: String { "http://127.0.0.1:\(port)" }
  private let folder: String
  private let settings: [String: String]
  private var process: Process?

  /// Starts a server and waits until it answers.
  init(_ settings: [String: String] = [:]) async throws {
    port = try freePort()
    folder = NSTemporaryDirectory() + "influx-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let backup = try freePort()
    self.settings = [
      "INFLUXDB_HTTP_BIND_ADDRESS": "127.0.0.1:\(port)",
      "INFLUXDB_BIND_ADDRESS": "127.0.0.1:\(backup)",
      "INFLUXDB_META_DIR": folder + "/meta",
      "INFLUXDB_DATA_DIR": folder + "/data",
      "INFLUXDB_DATA_WAL_DIR": folder + "/wal",
      "INFLUXDB_REPORTING_DISABLED": "true",
      "INFLUXDB_MONITOR_STORE_ENABLED": "false",
      "INFLUXDB_HTTP_LOG_ENABLED": "false",
    ].merging(settings) { $1 }
    try await start()
  }

  deinit {
    stop()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Starts it again on the same port with the same data.
  func start() async throws {
    let process = Process()
    // The shell's child dies with the test process, even when that is killed.
    process.executableURL = URL(fileURLWithPath: "/usr/bin/setpriv")
    process.arguments = ["--pdeathsig", "KILL", Self.program ?? "influxd"]
    process.environment = settings.merging(["PATH": "/usr/bin:/bin", "HOME": folder]) { $1 }
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    self.process = process
    for _ in 0..<200 {
      if let (status, _) = try? await get("/ping"), status == 204 { return }
      try await Task.sleep(for: .milliseconds(50))
    }
    throw Failure(description: "influxd did not start on \(url)")
  }

  func stop() {
    guard let process else { return }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    self.process = nil
  }

  func get(_ path: String, user: String? = nil, password: String? = nil) async throws -> (
    Int, Data
  ) {
    guard let url = URL(string: url + path) else { throw Failure(description: path) }
    var arguments = ["-s", "-S", "-m", "10", "-w", "\n%{http_code}", url.absoluteString]
    if let user { arguments += ["-u", "\(user):\(password ?? "")"] }
    let output = try await run("/usr/bin/curl", arguments)
    guard let end = output.lastIndex(of: 0x0a),
      let status = Int(String(decoding: output[(end + 1)...], as: UTF8.self))
    else { throw Failure(description: "no status") }
    return (status, output[..<end])
  }

  /// The rows that a query gives, each as its values.
  func query(
    _ text: String, database: String = "", user: String? = nil, password: String? = nil
  ) async throws -> [[Any]] {
    let allowed = CharacterSet.alphanumerics
    let query = text.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
    let database = database.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
    // POST, as CREATE wants it; the parameters may stand in the address all the same.
    let (_, data) = try await get(
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
}

struct Failure: Error, CustomStringConvertible { var description: String }

/// A port that nothing listens on.
func freePort() throws -> Int {
  let listener = try Listener()
  return listener.port
}

/// Runs a program and returns what it printed.
func run(_ program: String, _ arguments: [String]) async throws -> Data {
  let process = Process()
  let pipe = Pipe()
  process.executableURL = URL(fileURLWithPath: program)
  process.arguments = arguments
  process.standardOutput = pipe
  process.standardError = FileHandle.nullDevice
  try process.run()
  let output = pipe.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return output
}
