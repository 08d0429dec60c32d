public import Metrics
public import Transfer
internal import Configuration
public import Engine

/// A sink that `scrape setup` can prepare: databases, retention, downsampled copies.
public protocol Preparable: Sink {
  /// Creates missing parts and corrects different ones, or with `dryRun` only compares. Every step
  /// is reported, also those before a failure. A second run changes nothing. Rollups hold the fields
  /// of the catalog, each as its kind asks for.
  func prepare(
    _ catalog: Catalog, dryRun: Bool, _ steps: inout [SetupStep], on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(DeliveryError)
}

/// A sink whose server deletes points of some age.
public protocol ExpiringSink: Sink {
  /// What is set on the server.
  func retention(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> KeptLength
}

/// For how long a server keeps points.
public struct KeptLength: Sendable, Equatable {
  /// `database range, policy autogen`.
  public var place: String
  /// Zero is for ever.
  public var length: Duration
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
  /// A copy in which each series has one point per interval.
  public struct Rollup: Sendable, Equatable {
    public var every: Duration
    public var keep: Duration?

    /// The retention policy that holds it: `scrape_5m`. InfluxDB 2 maps the name to a bucket.
    public var policy: String { "scrape_\(every.text)" }
  }

  /// Nil keeps points for ever.
  public var keep: Duration?
  public var rollups: [Rollup] = []

  public init(keep: Duration? = nil, rollups: [Rollup] = []) {
    self.keep = keep
    self.rollups = rollups
  }

  private init(_ fields: inout Fields) {
    // The minimum retention of InfluxDB is one hour.
    let length = SettingType<Duration>.duration(.seconds(3600) ... .seconds(10 * 366 * 86_400))
    keep = fields.take(
      "keep", length, otherwise: "for ever", "Age after which points are deleted.", example: "30d")
    var intervals: [Duration] = []
    rollups = fields.list(
      "rollups", of: "rollup", otherwise: "none", "Copies with one mean per interval.",
      example: "[{every: 5m, keep: 52w}]"
    ) { rollup in
      let every = rollup.take(
        "every", .interval(least: .seconds(1)), otherwise: "required", "Interval of the means.")
      let keep = rollup.take(
        "keep", length, otherwise: "for ever", "Age after which means are deleted.", example: "52w")
      guard let every, !intervals.contains(every) else {
        rollup.addUnlessFaulty(
          ConfigurationError(
            "a rollup needs an `every:` of its own", at: rollup.node,
            hint: "{every: 5m, keep: 52w}"))
        return nil
      }
      intervals.append(every)
      return Rollup(every: every, keep: keep)
    }
  }

  /// The setting `retention`.
  static func take(_ fields: inout Fields) -> Retention? {
    fields.nested(
      "retention", otherwise: "none", "Retention that `scrape setup influxdb` applies.",
      example: "{keep: 30d, rollups: [{every: 5m, keep: 52w}]}"
    ) { Retention(&$0) }
  }
}
