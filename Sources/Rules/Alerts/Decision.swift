public import Metrics

/// What a contact's notifier is to do about an incident after a pass.
public enum Decision: Sendable, Equatable {
  /// Nothing is new, or its time has not come.
  case nothing
  /// It is told for the first time.
  case first
  /// What is there is changed; nobody is disturbed.
  case change
  /// People are to notice: it became worse, or lasts.
  case again
  /// It is over.
  case end
  /// It was over before it could be told: one line in a summary.
  case missed

  /// Decides. `digest` is of the text as it would be told now; `quiet` whether the contact wants no
  /// message of this severity at this time.
  public init(
    _ incident: Incident, for notifier: String, living: Bool, route: Route, digest: UInt64,
    quiet: Bool, at now: Timestamp
  ) {
    let state = incident.deliveries[notifier] ?? Incident.DeliveryState()
    let change: Decision = living && state.digest != digest ? .change : .nothing
    func hasPassed(_ length: Duration, since time: Timestamp) -> Bool {
      let (age, overflow) = now.nanoseconds.subtractingReportingOverflow(time.nanoseconds)
      // A clock that was set back must not keep people waiting for days.
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
        // Shorter than it was waited for: a blip, of which nobody wants to hear.
        let isSilenced = incident.members.allSatisfy { $0.silenced != nil }
        self = isSilenced || incident.wasBlip(route) ? .nothing : .missed
      } else if let since = incident.loud.map(\.alert.since).min(),
        // A pass sees things after it began: only on a clock that was set back are they further off.
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
      // People who last heard that it is over need not hear it twice.
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
    // What comes and goes is told of less and less often.
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
  /// Whether nothing of it lasted as long as is waited for.
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
