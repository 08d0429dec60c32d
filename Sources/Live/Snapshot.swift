public import Metrics

/// What the live view shows: the states of all hosts at one time.
///
/// It holds no judgement of its own: who fills it takes states, words and marks from where `scrape status`
/// takes them.
public struct Snapshot: Sendable, Equatable {
  /// The latest values of a figure, the newest last; none where it is not read.
  public struct Series: Sendable, Equatable {
    /// The number of values of a series.
    public static let length = 24

    public var cpu: [Double] = []
    public var load: [Double] = []
    public var memory: [Double] = []
    /// Of the slowest service, in milliseconds.
    public var latency: [Double] = []

    public init() {}
  }

  public struct Host: Sendable, Equatable {
    public var name: String
    public var group: String
    /// The worst of its checks; nil before the first pass.
    public var severity: Severity?
    public var isUp = false
    /// The begin of the worst state.
    public var since: Timestamp?
    /// What is wrong, shortly: `https: timeout: no answer for 5 s`.
    public var message = ""
    /// Whether all that is wrong is acknowledged or silenced.
    public var isKnown = false
    public var services = Shown.Count()
    public var series = Series()

    public init(name: String, group: String) {
      self.name = name
      self.group = group
    }
  }

  public var title: String
  /// When it was made.
  public var time: Timestamp
  /// The end of the last pass; nil before the first.
  public var lastPass: Timestamp?
  /// The age of the last pass above which passes seem to have stopped.
  public var limit: Duration
  public var hosts: [Host] = []
  public var troubles: [Shown.Trouble] = []
  /// The newest first.
  public var events: [Shown.Event] = []
  public var incidents: [Shown.Incident] = []
  public var figures: [Shown.Figure] = []
  /// What the operator must know of the monitor, such as a faulty inventory that is not in force.
  public var notes: [String] = []
  /// The score of all services in percent; nil without services.
  public var score: Double?

  public init(title: String, time: Timestamp, lastPass: Timestamp?, limit: Duration) {
    self.title = title
    self.time = time
    self.lastPass = lastPass
    self.limit = limit
  }
}

/// What the page of one host shows beside its part of the snapshot.
public struct HostDetail: Sendable, Equatable {
  public struct Check: Sendable, Equatable {
    /// The name in the store, by which it is acknowledged: `service https`.
    public var name: String
    /// The name for people.
    public var label: String
    public var severity: Severity
    public var since: Timestamp
    public var message: String
    /// `acked by ana`; empty without.
    public var mark: String

    public init(
      name: String, label: String, severity: Severity, since: Timestamp, message: String,
      mark: String
    ) {
      self.name = name
      self.label = label
      self.severity = severity
      self.since = since
      self.message = message
      self.mark = mark
    }
  }

  /// A figure of the last hour.
  public struct Graph: Sendable, Equatable {
    public var title: String
    /// The latest value with its unit.
    public var latest: String
    public var values: [Double]
    /// Whether the values are percentages.
    public var isShare: Bool

    public init(title: String, latest: String, values: [Double], isShare: Bool) {
      self.title = title
      self.latest = latest
      self.values = values
      self.isShare = isShare
    }
  }

  public struct List: Sendable, Equatable {
    public var title: String
    public var rows: [String]

    public init(title: String, rows: [String]) {
      self.title = title
      self.rows = rows
    }
  }

  public var name: String
  /// `Ubuntu 22.04.4`, `via jp1`.
  public var facts: [String] = []
  public var checks: [Check] = []
  public var graphs: [Graph] = []
  public var lists: [List] = []
  /// The newest first.
  public var events: [Shown.Event] = []

  public init(name: String) { self.name = name }
}
