public import Metrics

/// The content of one file of a spool: what a pass, or a part of it, saw.
public struct SpoolPass: Sendable, Equatable {
  /// The time of the pass.
  public var time: Timestamp
  /// The hosts; one may be there twice.
  public var hosts: [SpoolHost] = []
  /// The size in bytes after decompression.
  public internal(set) var size = 0

  public init(time: Timestamp) { self.time = time }
}

/// The results of one host.
public struct SpoolHost: Sendable, Equatable {
  /// The name in the inventory of the monitor that wrote the file, or `(scraper)` for itself.
  public var name: String
  /// The time at which the monitor last knew the host.
  public var seen: Timestamp
  /// Whether `states` are all states of the host.
  public var isWhole = false
  public var states: [String: CheckState] = [:]
  /// The result of each target, without tags of the host.
  public var results: [HostResult] = []

  public init(name: String, seen: Timestamp) {
    self.name = name
    self.seen = seen
  }

  public var points: Int { results.reduce(0) { $0 + $1.batch.points.count } }
}

/// The limits of a file.
public enum SpoolLimits {
  /// The limit of a file as it lies on the disk, in bytes.
  public static let packed = 8 << 20
  /// The limit of a file after decompression, in bytes.
  public static let unpacked = 32 << 20
  /// The limit of lines.
  static let lines = 1_000_000
  /// The limit of lines of one host that are no points: states, changes, facts.
  static let items = 10_000
  /// The limit of a text in bytes: names of checks, messages, facts.
  static let text = 4_096
}
