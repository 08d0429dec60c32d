public import Metrics

/// Alerts that one contact gets in one notification: they began together, or share a host or a cause.
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

  /// What a notifier has sent of the incident.
  public struct DeliveryState: Sendable, Equatable {
    /// What the notifier remembers of its messages; see `SentMessage`.
    public var sent = ""
    /// The time of the last notification with a sound; nil before the first.
    public var noticed: Timestamp?
    /// The revision and the severity of the incident at that time.
    public var revision = 0
    public var severity = Severity.ok
    /// The hash of the text that was sent last.
    public var digest: UInt64 = 0
    /// Whether the recovery was sent, and whether it was the last notification.
    public var isClosed = false
    public var noticedEnd = false
    /// Why the last attempt failed; nil after a success.
    public var failure: String?

    public init() {}
  }

  /// The number in the store; 0 before it is stored.
  public var id: Int64 = 0
  public let contact: String
  public internal(set) var route: String
  public let key: String
  public let opened: Timestamp
  /// When the last alert was resolved; nil while one is active.
  public var closed: Timestamp?
  /// When the last alert joined.
  public var joined: Timestamp
  public var revision = 0
  /// Whether the contact lost its route to the incident before the incident was resolved.
  public internal(set) var isDropped = false
  public private(set) var members: [Member] = []
  /// The number of resolved members that were dropped.
  public internal(set) var forgotten = 0
  /// The index of each member in `members`.
  private var places: [Alert.Key: Int] = [:]
  /// The deliveries by the notifier's name.
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

  /// The worst active severity; the worst of all members once resolved.
  public var severity: Severity {
    active.map(\.alert.severity).max() ?? members.map(\.worst).max() ?? .ok
  }

  /// The active members that cause notifications: not silenced, not acknowledged, and no effect of
  /// another member.
  public var loud: [Member] {
    active.filter {
      $0.silenced == nil && $0.alert.acknowledgement == nil && cause(of: $0) == nil
    }
  }

  /// The worst severity of `loud`; that of the incident once resolved.
  public var loudness: Severity {
    closed == nil ? loud.map(\.alert.severity).max() ?? severity : severity
  }

  /// The cause of a member, if the cause is an active member, too.
  public func cause(of member: Member) -> Alert.Key? {
    guard let cause = member.alert.cause, self.member(cause)?.isActive == true else { return nil }
    return cause
  }

  // MARK: Changes

  /// Adds an alert, or updates the member of the same key.
  mutating func take(_ alert: Alert, silenced: Timestamp?, at now: Timestamp) {
    var alert = alert
    // Only routes need it; kept, it would make each pass a change.
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
    // A flapping check keeps its worst severity until it calms down.
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
    // Keep the message of the transition: a value that moves in each pass is no news.
    if !isWorse, !isBack, alert.severity == member.alert.severity {
      var kept = alert
      kept.reason = member.alert.reason
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

  /// The maximum number of resolved members.
  private static let most = 5000

  /// Drops the oldest resolved members beyond the limit, first those no longer monitored.
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

  /// The incident with acknowledgements and silences made since the last pass.
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

  /// Opens a closed incident again.
  mutating func reopen() {
    closed = nil
    for name in deliveries.keys { deliveries[name]?.isClosed = false }
  }

  /// Closes the incident without any further notification.
  mutating func drop(at time: Timestamp) {
    closed = time
    for index in members.indices where members[index].isActive {
      members[index].until = time
      members[index].isGone = true
    }
    isDropped = true
  }

  /// Resolves a member: its check is ok, or no longer monitored.
  mutating func end(_ key: Alert.Key, at time: Timestamp, isGone: Bool = false) {
    guard let index = places[key], members[index].isActive else { return }
    members[index].until = time
    members[index].isGone = isGone
    members[index].alert.isFlapping = false
    members[index].alert.acknowledgement = nil
  }
}
