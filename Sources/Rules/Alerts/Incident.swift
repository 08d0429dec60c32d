public import Metrics

/// What one contact is told of as one thing: alerts that began together, or share a host or a cause.
public struct Incident: Sendable, Equatable {
  /// One check in it, now or at any time.
  public struct Member: Sendable, Equatable {
    public var alert: Alert
    /// The worst that it was.
    public var worst: Severity
    /// When it was well again; nil while it is not.
    public var until: Timestamp?
    /// Whether nobody looks at it any more: that is not to be well.
    public var isGone = false
    /// Until when it is silenced; nil where it is not.
    public var silenced: Timestamp?
    /// The incident's revision at which it became, or became worse: news after that.
    public var revision: Int
    /// How often it was well, and then not again.
    public var returns = 0

    public var isActive: Bool { until == nil }
  }

  /// What a notifier told of it.
  public struct DeliveryState: Sendable, Equatable {
    /// The notifier's own words for what is there.
    public var sent = ""
    /// When people were last made to notice; nil before the first time.
    public var noticed: Timestamp?
    /// The incident's revision, and the worst of it, that they noticed.
    public var revision = 0
    public var severity = Severity.ok
    /// The text that is there, as a number.
    public var digest: UInt64 = 0
    /// Whether its end was told, and whether that was the last that people noticed.
    public var isClosed = false
    public var noticedEnd = false
    /// Why the last attempt failed; nil where it went well.
    public var failure: String?

    public init() {}
  }

  /// Its number in the store; 0 before it is there.
  public var id: Int64 = 0
  public let contact: String
  public internal(set) var route: String
  public let key: String
  public let opened: Timestamp
  /// When the last of it was well; nil while anything is not.
  public var closed: Timestamp?
  /// When something last joined it.
  public var joined: Timestamp
  public var revision = 0
  /// Whether it was taken from the contact before it was over.
  public internal(set) var isDropped = false
  public private(set) var members: [Member] = []
  /// How many that are over were too many to be remembered.
  public internal(set) var forgotten = 0
  /// Where each stands in `members`.
  private var places: [Alert.Key: Int] = [:]
  /// By the notifier's name.
  public var deliveries: [String: DeliveryState] = [:]

  public init(contact: String, route: String, key: String, opened: Timestamp) {
    self.contact = contact
    self.route = route
    self.key = key
    self.opened = opened
    joined = opened
  }

  public init(contact: String, route: String, key: String, opened: Timestamp, members: [Member]) {
    self.init(contact: contact, route: route, key: key, opened: opened)
    for member in members where places[member.alert.key] == nil { add(member) }
  }

  private mutating func add(_ member: Member) {
    places[member.alert.key] = members.count
    members.append(member)
  }

  public func member(_ key: Alert.Key) -> Member? { places[key].map { members[$0] } }

  public var active: [Member] { members.filter(\.isActive) }

  /// The worst of what is wrong now; of what was, where all is over.
  public var severity: Severity {
    active.map(\.alert.severity).max() ?? members.map(\.worst).max() ?? .ok
  }

  /// What people should hear of: what is silenced, known, or the effect of what is told as well
  /// disturbs nobody.
  public var loud: [Member] {
    active.filter {
      $0.silenced == nil && $0.alert.acknowledgement == nil && cause(of: $0) == nil
    }
  }

  /// The worst of what disturbs people now; of what was, where all is over.
  public var loudness: Severity {
    closed == nil ? loud.map(\.alert.severity).max() ?? severity : severity
  }

  /// What an alert is the effect of, where that is in the incident too.
  public func cause(of member: Member) -> Alert.Key? {
    guard let cause = member.alert.cause, self.member(cause)?.isActive == true else { return nil }
    return cause
  }

  // MARK: Changes

  /// Takes an alert in, or what became of one that is in it.
  mutating func take(_ alert: Alert, silenced: Timestamp?, at now: Timestamp) {
    var alert = alert
    // Of no use any more: it would make each pass a change.
    alert.wasOK = false
    guard let index = places[alert.key] else {
      revision += 1
      add(
        Member(
          alert: alert, worst: alert.severity, until: nil, silenced: silenced, revision: revision))
      joined = now
      return
    }
    var member = members[index]
    let isBack = member.until != nil
    // Well or not: it is as bad as it was until it has calmed down.
    if alert.isFlapping, !isBack { alert.severity = max(alert.severity, member.alert.severity) }
    let isWorse = alert.severity > member.alert.severity
    let isLoud = member.silenced != nil && silenced == nil
    let flaps = alert.isFlapping && !member.alert.isFlapping
    if isWorse || isBack || isLoud || flaps {
      revision += 1
      member.revision = revision
    }
    if isBack {
      joined = now
      member.returns += 1
    }
    // The words are those of its change: a number that moves in each pass is no news.
    if !isWorse, !isBack, alert.severity == member.alert.severity {
      var kept = alert
      kept.message = member.alert.message
      kept.from = member.alert.from
      kept.since = min(alert.since, member.alert.since)
      member.alert = kept
    } else {
      var kept = alert
      if !isBack { kept.since = min(alert.since, member.alert.since) }
      member.alert = kept
    }
    member.worst = max(member.worst, alert.severity)
    member.until = nil
    member.isGone = false
    member.silenced = silenced
    members[index] = member
  }

  /// So many that are over are remembered.
  private static let most = 5000

  /// Forgets what has been over for longest, first what nobody looks at any more: a host may have ever
  /// new disks.
  mutating func forget() {
    let over = members.indices.filter { !members[$0].isActive }
    guard over.count > Self.most else { return }
    let order = over.sorted { a, b in
      let (a, b) = (members[a], members[b])
      if a.isGone != b.isGone { return a.isGone }
      return (a.until?.nanoseconds ?? 0, a.revision) < (b.until?.nanoseconds ?? 0, b.revision)
    }
    let gone = Set(order.prefix(over.count - Self.most))
    let kept = members.indices.filter { !gone.contains($0) }.map { members[$0] }
    members = []
    places = [:]
    for member in kept { add(member) }
    forgotten += gone.count
  }

  /// The incident with what was acknowledged and silenced since the last pass.
  public func marked(
    _ marks: (Alert.Key) -> (acknowledgement: String?, silenced: Timestamp?)
  ) -> Incident {
    var incident = self
    for index in members.indices where members[index].isActive {
      (incident.members[index].alert.acknowledgement, incident.members[index].silenced) = marks(
        members[index].alert.key)
    }
    return incident
  }

  /// It was over for a moment only.
  mutating func reopen() {
    closed = nil
    for name in deliveries.keys { deliveries[name]?.isClosed = false }
  }

  /// Nobody is to hear of it any more, not even that it is over.
  mutating func drop(at time: Timestamp) {
    closed = time
    for index in members.indices where members[index].isActive {
      members[index].until = time
      members[index].isGone = true
    }
    isDropped = true
  }

  /// A check of it is well again, or watched no more.
  mutating func end(_ key: Alert.Key, at time: Timestamp, isGone: Bool = false) {
    guard let index = places[key], members[index].isActive else { return }
    members[index].until = time
    members[index].isGone = isGone
    members[index].alert.isFlapping = false
    members[index].alert.acknowledgement = nil
  }
}
