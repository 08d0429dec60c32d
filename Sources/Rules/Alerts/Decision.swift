public import Metrics

/// What a notifier does about an incident after a pass.
public enum Decision: Sendable, Equatable {
  /// Nothing to send, or not yet.
  case nothing
  /// The first notification.
  case first
  /// The sent message is edited, without a sound.
  case change
  /// A new notification: the incident became worse, or lasts.
  case again
  /// The incident is resolved.
  case end
  /// Resolved before the first notification: one line in a summary.
  case missed

  /// Decides. `digest` is that of the current text; `quiet` is whether quiet hours hold back this
  /// severity now.
  public init(
    _ incident: Incident, for notifier: String, living: Bool, route: Route, digest: UInt64,
    quiet: Bool, at now: Timestamp
  ) {
    let state = incident.deliveries[notifier] ?? Incident.DeliveryState()
    let change: Decision = living && state.digest != digest ? .change : .nothing
    func hasPassed(_ length: Duration, since time: Timestamp) -> Bool {
      let (age, overflow) = now.nanoseconds.subtractingReportingOverflow(time.nanoseconds)
      // A clock that was set back must not delay notifications for days.
      return overflow || age < 0 || age >= length.components.seconds &* 1_000_000_000
    }
    if incident.isDropped {
      self = .nothing
      return
    }
    guard let noticed = state.noticed else {
      if state.isClosed || quiet {
        self = .nothing
      } else if incident.closed != nil {
        // Shorter than `wait:`: nothing is sent.
        let isSilenced = incident.members.allSatisfy { $0.silenced != nil }
        self = isSilenced || incident.wasBlip(route) ? .nothing : .missed
      } else if let since = incident.loud.map(\.alert.since).min(),
        // Only after the clock was set back is `since` in the future by more than a pass.
        now.nanoseconds.subtractingReportingOverflow(since.nanoseconds).partialValue.magnitude
          >= route.wait.components.seconds.magnitude &* 1_000_000_000
      {
        self = .first
      } else {
        self = .nothing
      }
      return
    }
    if incident.closed != nil {
      // One recovery is enough.
      let isKnown = state.isClosed || state.noticedEnd || !route.sendsRecovery
      self = isKnown ? change : .end
      return
    }
    if quiet {
      self = change
      return
    }
    let loud = incident.loud
    let news = loud.filter { $0.revision > state.revision }
    let worst = news.map(\.alert.severity).max() ?? .ok
    // An alert that comes and goes is sent at growing intervals.
    let interval = route.interval * (1 << min(news.map(\.returns).min() ?? 0, 2))
    if !news.isEmpty, worst > state.severity || hasPassed(interval, since: noticed) {
      self = .again
    } else if route.repeat > .zero, !loud.isEmpty,
      hasPassed(route.repeat, since: noticed)
    {
      self = .again
    } else {
      self = change
    }
  }
}

extension Incident {
  /// Whether all members lasted less than `wait:`.
  fileprivate func wasBlip(_ route: Route) -> Bool {
    guard route.wait > .zero else { return false }
    return members.allSatisfy { member in
      guard let until = member.until else { return false }
      let since = member.alert.since.nanoseconds
      let (length, overflow) = until.nanoseconds.subtractingReportingOverflow(since)
      return !overflow && length < route.wait.components.seconds &* 1_000_000_000
    }
  }
}
