public import Metrics

/// What the pages of one folder show: the state of the hosts of one audience at one time.
///
/// All of it is of that audience's hosts: who fills it leaves the rest out.
public struct PageModel: Sendable {
  /// What a page may withhold.
  public enum Part: String, Sendable, CaseIterable {
    case logins, bmc, messages, addresses, events, incidents, topology, monitor, hosts, scores
    case policies, changes
  }

  /// A text at the top of each page.
  public struct Announcement: Sendable, Equatable {
    public var text: String
    /// Its times: `until 22:00`; empty where it has none.
    public var when: String
    /// Whether it is still to come.
    public var isNext: Bool

    public init(text: String, when: String = "", isNext: Bool = false) {
      self.text = text
      self.when = when
      self.isNext = isNext
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
    public var services = Shown.Count()
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

  /// The score of some services: of a group, or of the hosts with a tag.
  public struct Scope: Sendable {
    /// `group`, or the tag: `team`.
    public var kind: String
    public var name: String
    public var count: Shown.Count
    /// Nil while all are unknown.
    public var score: Double?
    /// The availability over the window of the SLA; nil without one.
    public var sla: Double?
    /// The score over 24 hours.
    public var values: [(time: Timestamp, value: Double)]

    public init(
      kind: String, name: String, count: Shown.Count, score: Double?, sla: Double?,
      values: [(time: Timestamp, value: Double)]
    ) {
      self.kind = kind
      self.name = name
      self.count = count
      self.score = score
      self.sla = sla
      self.values = values
    }
  }

  /// The last result of one policy on one host.
  public struct Policy: Sendable {
    public var host: String
    public var policy: String
    /// When it was evaluated.
    public var time: Timestamp
    public var passed: Int
    public var failed: Int
    public var unknown: Int
    public var notApplicable: Int
    /// In percent; nil where nothing was decided.
    public var score: Int?
    public var severity: Severity

    public init(
      host: String, policy: String, time: Timestamp, passed: Int, failed: Int, unknown: Int,
      notApplicable: Int, score: Int?, severity: Severity
    ) {
      self.host = host
      self.policy = policy
      self.time = time
      self.passed = passed
      self.failed = failed
      self.unknown = unknown
      self.notApplicable = notApplicable
      self.score = score
      self.severity = severity
    }

    /// The checks that apply.
    public var total: Int { passed + failed + unknown }
  }

  /// A check of a policy that is not passed.
  public struct Finding: Sendable, Equatable {
    public var check: String
    public var title: String
    /// False where it is unknown.
    public var isFailed: Bool
    /// What was found.
    public var why: String

    public init(check: String, title: String, isFailed: Bool, why: String) {
      self.check = check
      self.title = title
      self.isFailed = isFailed
      self.why = why
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
  public var announcements: [Announcement] = []
  public var troubles: [Shown.Trouble] = []
  public var hosts: [Host] = []
  public var services: [Service] = []
  public var events: [Shown.Event] = []
  /// What is another thing than before, newest first.
  public var changes: [Shown.Event] = []
  public var incidents: [Shown.Incident] = []
  public var figures: [Shown.Figure] = []
  /// The score of all services in percent; nil without services.
  public var score: Double?
  public var scores: [(time: Timestamp, value: Double)] = []
  public var scopes: [Scope] = []
  /// The results of policies, by host in the order of hosts.
  public var policies: [Policy] = []
  /// The mean score of each policy over 7 days.
  public var policyScores: [(policy: String, values: [(time: Timestamp, value: Double)])] = []

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
  var counts: Shown.Count {
    var all = Shown.Count()
    for service in services { all.add(service.severity, isUp: service.isUp) }
    return all
  }

  func has(_ part: Part) -> Bool { !hidden.contains(part) }
  /// Whether there is a page of scores, and one of policies.
  var hasScores: Bool { has(.scores) && !scopes.isEmpty }
  var hasPolicies: Bool { has(.policies) && !policies.isEmpty }
}

/// What the page of one host shows beside its part of `PageModel`.
public struct HostModel: Sendable {
  /// A line of a chart.
  public struct Line: Sendable {
    public var name: String
    public var values: [(time: Timestamp, value: Double)]
    /// The greatest values where `values` are means; else empty.
    public var peaks: [(time: Timestamp, value: Double)] = []

    public init(_ name: String, _ values: [(time: Timestamp, value: Double)]) {
      self.name = name
      self.values = values
    }
  }

  /// A value from which on a rule sees a state.
  public struct Threshold: Sendable, Equatable {
    public var value: Double
    public var severity: Severity
    public var isBadAbove: Bool
    /// The name of the rule.
    public var rule: String

    public init(_ value: Double, _ severity: Severity, isBadAbove: Bool, rule: String) {
      self.value = value
      self.severity = severity
      self.isBadAbove = isBadAbove
      self.rule = rule
    }
  }

  /// A figure over time, of which some have several lines.
  public struct Graph: Sendable {
    public var title: String
    public var unit: String
    /// The latest value in words; nil where it is not known.
    public var latest: String?
    /// Of the last hour, and of the last day with means of ten minutes; the same lines in the same order.
    public var lines: [Line]
    public var day: [Line] = []
    public var thresholds: [Threshold] = []
    /// The number of lines that are left out.
    public var hiddenLines = 0

    public init(title: String, unit: String, latest: String?, lines: [Line]) {
      self.title = title
      self.unit = unit
      self.latest = latest
      self.lines = lines
    }
  }

  /// A row of a list, with a bar where it has a share.
  public struct Row: Sendable, Equatable {
    public var text: String
    public var value: String?
    /// From 0 to 1.
    public var share: Double?

    public init(_ text: String, _ value: String? = nil, share: Double? = nil) {
      self.text = text
      self.value = value
      self.share = share
    }
  }

  public struct List: Sendable {
    public var title: String
    public var rows: [Row]

    public init(_ title: String, _ rows: [Row]) {
      self.title = title
      self.rows = rows
    }
  }

  public var name: String
  /// `Ubuntu 22.04.4`, `up 12 d 3 h`.
  public var facts: [String] = []
  /// The hour of the charts.
  public var from: Timestamp
  public var to: Timestamp
  public var graphs: [Graph] = []
  /// Who is logged in, the greatest processes.
  public var lists: [List] = []
  /// Newest first.
  public var events: [Shown.Event] = []
  /// The checks that are not passed, by policy.
  public var findings: [String: [PageModel.Finding]] = [:]
  /// How old the page may be before it says so, in seconds; the pages of hosts take turns.
  public var patience: Int64 = 0

  public init(name: String, from: Timestamp, to: Timestamp) {
    self.name = name
    self.from = from
    self.to = to
  }
}
