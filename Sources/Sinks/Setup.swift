internal import Configuration
public import Engine

/// A sink that `scrape setup` can prepare: databases, retention, downsampled copies.
public protocol Preparable: Sink {
  /// Creates missing parts and corrects different ones, or with `dryRun` only compares. Every step
  /// is reported, also those before a failure. A second run changes nothing.
  func prepare(
    dryRun: Bool, _ steps: inout [SetupStep], on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(SinkError)
}

/// One thing that a sink requires.
public struct SetupStep: Sendable, Equatable {
  public enum State: String, Sendable {
    case isThere = "is there"
    case made
    case changed
    /// Reported by a dry run.
    case wouldMake = "would be made"
    case wouldChange = "would be changed"
  }

  public var state: State
  /// `database range`, or the statement that creates it.
  public var what: String

  public init(_ state: State, _ what: String) {
    self.state = state
    self.what = what
  }
}

/// The retention of a database and its downsampled copies:
/// `{keep: 30d, rollups: [{every: 5m, keep: 52w}]}`.
public struct Retention: Sendable, Equatable {
  /// A copy in which each series has one mean per interval.
  public struct Rollup: Sendable, Equatable {
    public var every: Duration
    public var keep: Duration?
  }

  /// Nil keeps points for ever.
  public var keep: Duration?
  public var rollups: [Rollup] = []

  public init(keep: Duration? = nil, rollups: [Rollup] = []) {
    self.keep = keep
    self.rollups = rollups
  }

  init(_ node: Node, _ findings: inout Findings) throws(ConfigurationError) {
    for pair in try node.mapping("retention", keys: ["keep", "rollups"], &findings) {
      if pair.name == "keep" {
        keep = try Self.keep(pair.value)
        continue
      }
      for item in try pair.value.list("rollups") {
        var rollup = Rollup(every: .zero, keep: nil)
        for entry in try item.mapping("rollup", keys: ["every", "keep"], &findings) {
          if entry.name == "keep" {
            rollup.keep = try Self.keep(entry.value)
          } else {
            rollup.every = try entry.value.interval("every", least: .seconds(1))
          }
        }
        guard rollup.every > .zero, !rollups.contains(where: { $0.every == rollup.every }) else {
          throw ConfigurationError(
            "a rollup needs an `every:` of its own", at: item, hint: "{every: 5m, keep: 52w}")
        }
        rollups.append(rollup)
      }
    }
  }

  /// The minimum retention of InfluxDB is one hour.
  private static func keep(_ node: Node) throws(ConfigurationError) -> Duration {
    try node.duration("keep", in: .seconds(3600) ... .seconds(10 * 366 * 86_400))
  }
}
