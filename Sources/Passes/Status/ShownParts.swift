internal import Inventory
internal import Metrics
internal import Rules
internal import Store

/// The parts of the live view and of pages, from the states of `scrape status`.
extension StatusView {
  /// What is wrong, the worst first.
  var shownTroubles: [Shown.Trouble] {
    Trouble.sorted(troubles(from: .unknown, verbose: false), by: .severity).map { trouble in
      Shown.Trouble(
        severity: trouble.kind.severity, names: trouble.names, check: trouble.kind.check,
        message: trouble.message, since: trouble.since, effects: trouble.effects ?? "",
        mark: trouble.kind.mark ?? "", hosts: Array(Set(trouble.hosts)))
    }
  }
}

extension Shown.Event {
  init(_ kept: Store.KeptTransition, withMessage: Bool = true) {
    self.init(
      time: kept.transition.time, severity: kept.transition.to, host: kept.host,
      text: kept.transition.words(withMessage: withMessage))
  }

  /// Without its words only the kind is said.
  init(_ kept: Store.KeptHappening, withMessage: Bool = true) {
    let happening = kept.happening
    let words =
      switch happening.kind {
      case .login: "log-in or log-out"
      case .host: "reboot, or a clock that was set"
      case .sel: "entry in the log of the BMC"
      case .policy: "a check of a policy changed"
      case .spool: "passes are missing"
      }
    self.init(
      time: happening.time, severity: happening.severity, host: kept.host,
      text: withMessage ? happening.text : words)
  }
}

extension Shown.Incident {
  init(_ incident: Incident) { self.init(incident, of: incident.members) }

  /// An incident with some of its members only.
  init(_ incident: Incident, of members: [Incident.Member]) {
    self.init(
      severity: members.map(\.worst).max() ?? .unknown,
      names: fold(Set(members.map(\.alert.key.host)).sorted()), opened: incident.opened,
      closed: incident.closed,
      lines: members.map { member in
        Line(
          host: member.alert.key.host, check: CheckName(member.alert.key.check).label,
          worst: member.worst, from: member.alert.since, until: member.until,
          message: member.alert.message, acknowledgement: member.alert.acknowledgement)
      })
  }
}

extension Shown.Figure {
  /// What waits for a sink.
  init(_ queue: Store.QueueStatus) {
    self.init(
      queue.sink, queue.lines == 0 ? "ok" : "\(Format.count(queue.lines)) waiting",
      isBad: queue.trouble != nil)
  }
}
