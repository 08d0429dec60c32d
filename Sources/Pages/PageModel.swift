public import Metrics

/// What the pages of one folder show: the state of the hosts of one audience at one time.
///
/// All of it is of that audience's hosts: who fills it leaves the rest out.
public struct PageModel: Sendable {
  /// What a page may withhold.
  public enum Part: String, Sendable, CaseIterable {
    case logins, bmc, messages, addresses, events, incidents, topology, monitor, hosts
  }

  /// One line of what is wrong: the same trouble on one or many hosts.
  public struct Trouble: Sendable {
    public var severity: Severity
    /// `ctf[07,11]`.
    public var names: String
    /// `ssh`, `service https`.
    public var check: String
    public var message: String
    public var since: Timestamp?
    /// `affects 14 hosts, 31 services`; nil without any.
    public var effects: String?
    /// `acked by ana`; nil without.
    public var mark: String?
    /// The host, where it is one.
    public var host: String?

    public init(
      severity: Severity, names: String, check: String, message: String, since: Timestamp?,
      effects: String?, mark: String?, host: String?
    ) {
      self.severity = severity
      self.names = names
      self.check = check
      self.message = message
      self.since = since
      self.effects = effects
      self.mark = mark
      self.host = host
    }
  }

  /// Counts of checks by state.
  public struct Count: Sendable, Equatable {
    public var total = 0
    public var online = 0
    /// Of the checks; nil for none.
    public var worst: Severity?

    public init() {}

    /// `isUp` is whether the service works, which one with a finding does.
    public mutating func add(_ severity: Severity, isUp: Bool) {
      total += 1
      if isUp { online += 1 }
      worst = max(worst ?? severity, severity)
    }
  }

  /// One host in lists and in the topology.
  public struct Host: Sendable {
    public var name: String
    public var group: String
    public var address: String?
    /// The worst of its checks; nil before the first pass.
    public var worst: Severity?
    /// Whether it answered at the last pass.
    public var isUp = false
    public var services = Count()
    /// What is wrong with it, shortly.
    public var message = ""
    /// The host that it runs on, or is reached through.
    public var parent: String?

    public init(name: String, group: String, address: String?, parent: String?) {
      self.name = name
      self.group = group
      self.address = address
      self.parent = parent
    }
  }

  /// One service with its history.
  public struct Service: Sendable {
    public var host: String
    public var name: String
    public var type: String
    public var severity: Severity
    public var isUp: Bool
    public var message: String
    public var history: StateHistory

    public init(
      host: String, name: String, type: String, severity: Severity, isUp: Bool,
      message: String, history: StateHistory
    ) {
      self.host = host
      self.name = name
      self.type = type
      self.severity = severity
      self.isUp = isUp
      self.message = message
      self.history = history
    }
  }

  /// A line of the events, newest first.
  public struct Event: Sendable {
    public var time: Timestamp
    public var severity: Severity?
    public var host: String
    public var text: String

    public init(time: Timestamp, severity: Severity?, host: String, text: String) {
      self.time = time
      self.severity = severity
      self.host = host
      self.text = text
    }
  }

  public struct Incident: Sendable {
    /// One check in it.
    public struct Line: Sendable {
      public var host: String
      public var check: String
      public var worst: Severity
      public var from: Timestamp
      public var until: Timestamp?
      public var message: String
      public var acknowledgement: String?

      public init(
        host: String, check: String, worst: Severity, from: Timestamp, until: Timestamp?,
        message: String, acknowledgement: String?
      ) {
        self.host = host
        self.check = check
        self.worst = worst
        self.from = from
        self.until = until
        self.message = message
        self.acknowledgement = acknowledgement
      }
    }

    public var id: Int64
    public var severity: Severity
    /// The hosts in it, folded.
    public var names: String
    public var opened: Timestamp
    public var closed: Timestamp?
    public var lines: [Line]

    public init(
      id: Int64, severity: Severity, names: String, opened: Timestamp, closed: Timestamp?,
      lines: [Line]
    ) {
      self.id = id
      self.severity = severity
      self.names = names
      self.opened = opened
      self.closed = closed
      self.lines = lines
    }
  }

  /// A figure of the monitor itself.
  public struct Figure: Sendable {
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
  /// The time of the data.
  public var time: Timestamp
  /// The age of the last pass, in words, and whether that is too old.
  public var freshness: String
  public var isLate: Bool
  /// When a browser asks again.
  public var refresh: Duration
  /// How old the data of this page is on purpose; zero for none.
  public var delay: Duration = .zero
  public var hidden: Set<Part> = []
  public var announcement = ""
  public var troubles: [Trouble] = []
  public var hosts: [Host] = []
  public var services: [Service] = []
  public var events: [Event] = []
  public var incidents: [Incident] = []
  public var figures: [Figure] = []
  /// The score of all services in percent; nil without services.
  public var score: Double?
  public var scores: [(time: Timestamp, value: Double)] = []

  public init(
    title: String, time: Timestamp, freshness: String, isLate: Bool, refresh: Duration
  ) {
    self.title = title
    self.time = time
    self.freshness = freshness
    self.isLate = isLate
    self.refresh = refresh
  }

  /// The sum of all services.
  var counts: Count {
    var all = Count()
    for service in services { all.add(service.severity, isUp: service.isUp) }
    return all
  }

  func has(_ part: Part) -> Bool { !hidden.contains(part) }
}

/// What the page of one host shows beside its part of `PageModel`.
public struct HostModel: Sendable {
  /// One chart: a figure over time, of which some have several lines.
  public struct Graph: Sendable {
    public var title: String
    public var unit: String
    /// The latest value in words; nil where it is not known.
    public var latest: String?
    public var lines: [(name: String, values: [(time: Timestamp, value: Double)])]

    public init(
      title: String, unit: String, latest: String?,
      lines: [(name: String, values: [(time: Timestamp, value: Double)])]
    ) {
      self.title = title
      self.unit = unit
      self.latest = latest
      self.lines = lines
    }
  }

  public var name: String
  /// `Ubuntu 22.04.4`, `up 12 d 3 h`.
  public var facts: [String] = []
  /// The span of the charts.
  public var from: Timestamp
  public var to: Timestamp
  public var graphs: [Graph] = []
  /// Lists of words: who is logged in, the greatest processes.
  public var lists: [(title: String, rows: [String])] = []

  public init(name: String, from: Timestamp, to: Timestamp) {
    self.name = name
    self.from = from
    self.to = to
  }
}
