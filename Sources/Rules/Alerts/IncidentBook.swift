internal import Configuration
public import Metrics

/// All incidents, and how a pass changes them. It reads no store and sends nothing.
public struct IncidentBook: Sendable {
  public private(set) var incidents: [Incident]
  /// The indices of incidents that this pass changed or opened.
  public private(set) var changed: Set<Int> = []
  private let routes: [Route]
  private let chosen: @Sendable (Route, Alert) -> Bool

  /// `chosen` says whether a route's hosts and groups hold the alert's host.
  public init(
    _ incidents: [Incident], routes: [Route], chosen: @escaping @Sendable (Route, Alert) -> Bool
  ) {
    self.incidents = incidents
    self.routes = routes
    self.chosen = chosen
  }

  /// Updates the incidents by the alerts after a pass: all checks that are not ok, or flapping. `okSince`
  /// gives the begin of ok of another check, nil if it is no longer monitored; `silenced` gives the end
  /// of an alert's silence.
  public mutating func update(
    _ alerts: [Alert], at now: Timestamp, okSince: (Alert.Key) -> Timestamp?,
    silenced: (Alert) -> Timestamp?
  ) {
    let byKey = Dictionary(alerts.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    followUp(byKey, now, okSince, silenced)
    // Causes before effects, so that effects find their causes.
    let order = alerts.map { (alert: $0, rank: $0.rank) }
      .sorted { ($0.rank, $0.alert.key) < ($1.rank, $1.alert.key) }
    for contact in contacts {
      var known: Set<Alert.Key> = []
      for incident in incidents where incident.contact == contact && incident.closed == nil {
        known.formUnion(incident.active.map(\.alert.key))
      }
      var hosts = Set(known.map(\.host))
      // A flapping check that is ok now opens no incident.
      for (alert, _) in order where alert.severity != .ok && !known.contains(alert.key) {
        // The alert of a host that is down covers its services.
        let isHidden = alert.cause.map(known.contains) ?? false && hosts.contains(alert.key.host)
        if !isHidden, join(alert, contact, now, silenced) {
          known.insert(alert.key)
          hosts.insert(alert.key.host)
        }
      }
    }
    close(now)
  }

  private var contacts: [String] {
    var seen: Set<String> = []
    return routes.flatMap(\.contacts).filter { seen.insert($0).inserted }
  }

  /// Updates the members of open incidents.
  private mutating func followUp(
    _ alerts: [Alert.Key: Alert], _ now: Timestamp, _ okSince: (Alert.Key) -> Timestamp?,
    _ silenced: (Alert) -> Timestamp?
  ) {
    for index in incidents.indices where incidents[index].closed == nil {
      var incident = incidents[index]
      // Routes may have been renumbered: fall back to the contact's first route.
      let own = routes.filter { $0.contacts.contains(incident.contact) }
      guard let route = own.first(where: { $0.name == incident.route }) ?? own.first else {
        incident.drop(at: now)
        replace(index, with: incident)
        continue
      }
      incident.route = route.name
      incident.forget()
      for member in incident.active {
        let key = member.alert.key
        if let alert = alerts[key] {
          incident.take(alert, silenced: silenced(alert), at: now)
        } else if let since = okSince(key) {
          incident.end(key, at: max(since, member.alert.since))
        } else {
          incident.end(key, at: now, isGone: true)
        }
      }
      replace(index, with: incident)
    }
  }

  /// Adds an alert to an incident of the contact; false if no route takes the alert or it is silenced.
  private mutating func join(
    _ alert: Alert, _ contact: String, _ now: Timestamp, _ silenced: (Alert) -> Timestamp?
  ) -> Bool {
    guard silenced(alert) == nil,
      let route = routes.first(where: { route in
        route.contacts.contains(contact) && route.takes(alert, isChosen: chosen(route, alert))
          && route.hours?.contains(now) != false
      })
    else { return false }
    let key = route.key(of: alert)
    let known = incidents.indices.last { index in
      let incident = incidents[index]
      guard incident.contact == contact, incident.route == route.name, incident.key == key else {
        return false
      }
      return incident.belongs(alert, at: now, interval: route.interval)
    }
    let index = known ?? incidents.count
    if known == nil {
      incidents.append(Incident(contact: contact, route: route.name, key: key, opened: now))
    }
    if incidents[index].closed != nil { incidents[index].reopen() }
    incidents[index].take(alert, silenced: nil, at: now)
    changed.insert(index)
    return true
  }

  /// Closes incidents without active members.
  private mutating func close(_ now: Timestamp) {
    for index in incidents.indices
    where incidents[index].closed == nil && incidents[index].active.isEmpty {
      incidents[index].closed = incidents[index].members.compactMap(\.until).max() ?? now
      changed.insert(index)
    }
  }

  private mutating func replace(_ index: Int, with incident: Incident) {
    guard incidents[index] != incident else { return }
    incidents[index] = incident
    changed.insert(index)
  }
}

extension Alert {
  fileprivate var rank: Int { cause == nil ? 0 : key.check == CheckName.ssh.text ? 1 : 2 }
}

extension Incident {
  /// How long after a critical alert another one on an unrelated host is taken for part of the same
  /// outage: two passes of a timer of a minute, or several of a shorter one.
  private static let outage = Duration.seconds(90)

  /// Whether an alert that begins now is part of it.
  fileprivate func belongs(_ alert: Alert, at now: Timestamp, interval: Duration) -> Bool {
    // A silenced or dropped incident must not absorb alerts that are still to be sent.
    if isDropped { return false }
    // The message that the scraper is cut off stands alone.
    if alert.isCutOff || member(Alert.Key.cutOff) != nil { return false }
    func isRecent(_ time: Timestamp, _ length: Duration) -> Bool {
      let (age, overflow) = now.nanoseconds.subtractingReportingOverflow(time.nanoseconds)
      // On a clock that was set back for days not all is of one incident until then.
      return !overflow
        && age.magnitude <= (length.components.seconds &* 1_000_000_000).magnitude
    }
    if let closed {
      // It was over for a moment only: the same check again.
      return isRecent(closed, interval) && member(alert.key) != nil
    }
    // Members are searched last: an incident may have thousands, and a pass as many alerts.
    let isCritical = alert.severity == .critical
    // Nothing of an incident that this pass opened has been sent yet.
    if isCritical ? opened == now : isRecent(joined, interval) { return true }
    let places = Set([alert.key.place, alert.cause?.place].compactMap { $0 })
    let isRelated = members.contains { member in
      member.isActive
        && (places.contains(member.alert.key.place)
          || (member.alert.cause.map { places.contains($0.place) } ?? false))
    }
    guard !isRelated, isCritical else { return isRelated }
    // An edit of a message makes no sound: a critical alert joins an unrelated one only where that is
    // critical as well and began with it, so that an outage of many hosts is one message.
    return loud.contains { member in
      member.alert.severity == .critical
        && isRecent(member.alert.since, min(interval, Self.outage))
    }
  }
}
