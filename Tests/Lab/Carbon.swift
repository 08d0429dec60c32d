import Foundation

/// A real carbon-cache on loopback, with its files in a folder of its own.
public final class Carbon: @unchecked Sendable {
  public static let isInstalled = FileManager.default.isExecutableFile(
    atPath: "/usr/bin/carbon-cache")

  public let scratch = Scratch()
  public let port: UInt16
  public let queryPort = freePort()
  private var daemon: Daemon?

  public init(port: UInt16 = freePort()) throws {
    self.port = port
    let folder = scratch.path
    scratch.write(
      "carbon.conf",
      """
      [cache]
      STORAGE_DIR = \(folder)
      LOCAL_DATA_DIR = \(folder)/whisper/
      CONF_DIR = \(folder)
      LOG_DIR = \(folder)
      PID_DIR = \(folder)
      USER =
      MAX_CREATES_PER_MINUTE = inf
      MAX_UPDATES_PER_SECOND = 5000
      LINE_RECEIVER_INTERFACE = 127.0.0.1
      LINE_RECEIVER_PORT = \(port)
      PICKLE_RECEIVER_INTERFACE = 127.0.0.1
      PICKLE_RECEIVER_PORT = \(freePort())
      CACHE_QUERY_INTERFACE = 127.0.0.1
      CACHE_QUERY_PORT = \(queryPort)
      ENABLE_UDP_LISTENER = False
      CARBON_METRIC_INTERVAL = 0
      WHISPER_AUTOFLUSH = True
      """)
    scratch.write(
      "storage-schemas.conf", "[all]\npattern = .*\nretentions = 1s:10m\n")
    try start()
  }

  /// Starts it again on the same port with the same data.
  public func start() throws {
    let folder = scratch.path
    let daemon = try Daemon(
      "/usr/bin/timeout",
      [
        "-s", "KILL", "300", "/usr/bin/carbon-cache", "--config=\(folder)/carbon.conf",
        "--pidfile=\(folder)/pid-\(UUID().uuidString)", "--nodaemon", "start",
      ], environment: ["GRAPHITE_STORAGE_DIR": folder], log: "\(folder)/log")
    self.daemon = daemon
    let port = port
    guard eventually(within: 20, { listens(port) || !daemon.isRunning }), daemon.isRunning else {
      throw Unavailable(description: "carbon did not start: \(scratch.read("log") ?? "")")
    }
  }

  public func stop() { daemon = nil }

  /// Stops it in its tracks: the kernel goes on accepting connections for it.
  public func freeze() { daemon.map { _ = kill(-$0.identifier, SIGSTOP) } }
  public func thaw() { daemon.map { _ = kill(-$0.identifier, SIGCONT) } }

  /// The names that were ever written, sorted.
  public var names: [String] {
    let root = scratch.path + "/whisper/"
    let files = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
    return files.filter { $0.hasSuffix(".wsp") }
      .map { $0.dropLast(4).replacingOccurrences(of: "/", with: ".") }.sorted()
  }

  /// What was written under the name, by second.
  public func values(_ name: String) throws -> [Int: Double] {
    let file = scratch.path + "/whisper/" + name.replacingOccurrences(of: ".", with: "/") + ".wsp"
    let outcome = try run(
      "/usr/bin/python3",
      [
        "-c",
        """
        import json, sys, whisper
        (start, _, step), values = whisper.fetch(sys.argv[1], 0)
        print(json.dumps({start + i * step: v for i, v in enumerate(values) if v is not None}))
        """, file,
      ])
    let values =
      try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Double]
    return Dictionary(uniqueKeysWithValues: (values ?? [:]).map { (Int($0) ?? 0, $1) })
  }
}
