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

  public struct Count: Sendable, Equatable {
    public var online = 0
    public var total = 0

    public init(online: Int = 0, total: Int = 0) {
      self.online = online
      self.total = total
    }
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
    public var services = Count()
    public var series = Series()

    public init(name: String, group: String) {
      self.name = name
      self.group = group
    }
  }

  /// The same trouble on one or many hosts: a line of `scrape status`.
  public struct Trouble: Sendable, Equatable {
    public var severity: Severity
    /// `ctf[07,11]`.
    public var names: String
    public var check: String
    public var message: String
    public var since: Timestamp?
    /// `affects 14 hosts, 31 services`; empty without any.
    public var effects: String
    /// Whether it is acknowledged or silenced.
    public var isKnown: Bool

    public init(
      severity: Severity, names: String, check: String, message: String, since: Timestamp?,
      effects: String, isKnown: Bool
    ) {
      self.severity = severity
      self.names = names
      self.check = check
      self.message = message
      self.since = since
      self.effects = effects
      self.isKnown = isKnown
    }
  }

  /// A transition.
  public struct Event: Sendable, Equatable {
    public var time: Timestamp
    public var severity: Severity
    public var host: String
    public var text: String

    public init(time: Timestamp, severity: Severity, host: String, text: String) {
      self.time = time
      self.severity = severity
      self.host = host
      self.text = text
    }
  }

  public struct Incident: Sendable, Equatable {
    public var severity: Severity
    public var names: String
    public var opened: Timestamp
    /// Nil while it is open.
    public var closed: Timestamp?
    /// One line for each check in it.
    public var lines: [String]

    public init(
      severity: Severity, names: String, opened: Timestamp, closed: Timestamp?, lines: [String]
    ) {
      self.severity = severity
      self.names = names
      self.opened = opened
      self.closed = closed
      self.lines = lines
    }
  }

  /// A figure of the monitor itself: `influxdb`, `24 816 waiting`.
  public struct Figure: Sendable, Equatable {
    public var name: String
    public var value: String
    public var isBad: Bool

    public init(_ name: String, _ value: String, isBad: Bool = false) {
      self.name = name
      self.value = value
      self.isBad = isBad
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
  public var troubles: [Trouble] = []
  /// The newest first.
  public var events: [Event] = []
  public var incidents: [Incident] = []
  public var figures: [Figure] = []
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
  public var events: [Snapshot.Event] = []

  public init(name: String) { self.name = name }
}
