internal import Transfer
internal import Charts
public import Engine
public import Metrics
public import Notifiers
internal import Rules
public import Store
internal import Synchronization

/// Turns the states of a pass into incidents and notifications.
///
/// `update` runs before the pass is stored; its incidents go into the same transaction. `send` runs
/// after it. A later pass sends what could not be sent, with the state of that time.
public struct Alerting: Sendable {
  private let setup: AlertSetup
  private let store: Store
  private let contacts: [Contact]
  private let now: Timestamp
  private var incidents: [Incident] = []
  private var effects: [Alert.Key: Int] = [:]
  public internal(set) var warnings: [String] = []

  /// `contacts` must hold their secrets: without them no notifier can send.
  public init(_ setup: AlertSetup, _ store: Store, contacts: [Contact], at now: Timestamp) {
    self.setup = setup
    self.store = store
    self.contacts = contacts
    self.now = now
  }

  // MARK: What changes

  /// Updates the incidents by the current states; returns those to store with the pass.
  public mutating func update(
    _ states: [String: [String: CheckState]], changes: [String: [CheckTransition]]
  ) async -> [Store.KeptIncident] {
    guard !contacts.isEmpty else {
      await forgetOutdated(states)
      return []
    }
    do {
      let isAsked = setup.alerts.routes.contains { !$0.transitions.isEmpty }
      let feed = AlertFeed(
        states, of: setup, changes: changes,
        before: isAsked ? try await store.severitiesBefore() : [:],
        acknowledgements: try await store.acknowledgements(),
        silences: try await store.silences(), at: now)
      effects = feed.effects
      if !feed.outdated.isEmpty { try await store.remove(feed.outdated) }
      let known = try await store.incidents().compactMap { kept in
        Incident(kept.body).map { incident in
          var incident = incident
          incident.id = kept.id
          return incident
        }
      }
      let alerts = setup.alerts
      var book = IncidentBook(known, routes: alerts.routes) { alerts.isChosen($0, $1) }
      book.update(
        feed.alerts, at: now, okSince: { states[$0.host]?[$0.check]?.since },
        silenced: feed.silenced)
      incidents = book.incidents
      var next = try await store.nextIncident()
      for index in incidents.indices where incidents[index].id == 0 {
        incidents[index].id = next
        next += 1
      }
      return book.changed.sorted().map { Self.kept(incidents[$0]) }
    } catch {
      warnings.append("alerts: \("\(error)".visible); no notifications in this pass")
      incidents = []
      return []
    }
  }

  /// Removes outdated acknowledgements: `scrape status` shows them even without contacts.
  private func forgetOutdated(_ states: [String: [String: CheckState]]) async {
    guard let words = try? await store.acknowledgements(), !words.isEmpty else { return }
    let feed = AlertFeed(
      states, of: setup, changes: [:], before: [:], acknowledgements: words, silences: [], at: now)
    if !feed.outdated.isEmpty { try? await store.remove(feed.outdated) }
  }

  private static func kept(_ incident: Incident, isOpen: Bool = true) -> Store.KeptIncident {
    Store.KeptIncident(
      id: incident.id, contact: incident.contact, isOpen: isOpen, body: incident.json)
  }

  // MARK: Notifications

  /// One notification, and the incidents that it covers.
  private struct Job {
    var notification: NotificationJob
    var incidents: [Int]
    /// What the notification is for these incidents.
    var decision: Decision
    var digests: [UInt64]
    /// The report that the notification carries instead of incidents.
    var report: Reports.Due?
  }

  /// Sends all notifications that are due, and stores the outcomes.
  public mutating func send(on reactor: Reactor, by deadline: Deadline) async {
    var all: [Job] = []
    var memories: [String: NotifierMemory] = [:]
    let reports = contacts.isEmpty ? [] : await setup.reports.due(at: now, in: store)
    for contact in contacts {
      for notifier in contact.notifiers {
        let hold = await BackOff.hold(notifier, at: now, in: store)
        if hold == .all { continue }
        // A refused notification does not hold back incidents without an attempt.
        let jobs = self.jobs(for: notifier, of: contact).filter { job in
          hold == .none
            || job.incidents.contains { incidents[$0].deliveries[notifier.name] == nil }
        }
        let due = hold == .none ? reports : []
        let own =
          jobs
          + due.filter { $0.notice.contact == contact.name }.map { report in
            Job(
              notification: NotificationJob(notifier, report.notice, .first), incidents: [],
              decision: .first,
              digests: [], report: report)
          }
        guard !own.isEmpty else { continue }
        for (index, job) in own.enumerated() {
          all.append(index < Self.charts ? await withChart(job) : job)
        }
        memories[notifier.name] = NotifierMemory(
          (try? await store.notifierMemory(notifier.name)) ?? [:])
      }
    }
    let ledger = Ledger(incidents)
    if !all.isEmpty {
      let (all, store, now, start) = (all, store, now, Deadline.now)
      let outcomes = await NotificationJob.send(
        all.map(\.notification), memories: &memories, on: reactor, by: deadline
      ) { index, outcome, memory in
        let job = all[index]
        let changed = ledger.note(job, outcome, at: now)
        try? await store.keep(
          changed.map { Self.kept($0) }, log: Self.logged(job, outcome).map { [$0] } ?? [])
        let notifier = job.notification.notifier
        try? await store.remember(memory.values, of: notifier.name)
        await BackOff.note(
          outcome.error, of: notifier, took: Deadline.now.since(start), at: now, in: store)
      }
      // A report without a delivery is due again at the next pass, with newer figures.
      for (job, outcome) in zip(all, outcomes) where outcome.error == nil {
        if let report = job.report { await setup.reports.remember(report, in: store) }
      }
      var reported: Set<String> = []
      for outcome in outcomes {
        guard let error = outcome.error, reported.insert("\(error)").inserted, outcome.wasTried
        else {
          continue
        }
        warnings.append("delivery failed: \(error)".visible)
      }
    }
    incidents = ledger.incidents
    await settle()
  }

  /// The line of the log for an attempt; nil where nothing was tried, and for an edit that worked.
  private static func logged(_ job: Job, _ outcome: NotificationJob.Outcome) -> LogLine? {
    let (notice, notifier) = (job.notification.notice, job.notification.notifier)
    guard outcome.wasTried, outcome.error != nil || job.decision != .change else { return nil }
    let occasion = job.report == nil ? "\(job.notification.occasion.rawValue)" : "report"
    return .notification(
      of: notice.contact, by: notifier.name, occasion,
      incident: notice.incident, subject: notice.subject,
      hosts: Set(notice.alerts.map(\.host)).sorted(), failure: outcome.error.map { "\($0)" },
      at: .now)
  }

  /// Closes incidents in the store that no later pass needs.
  private func settle() async {
    for incident in incidents {
      guard let closed = incident.closed else { continue }
      let route = setup.alerts.route(named: incident.route)
      let interval = route?.interval ?? .zero
      let age = now.nanoseconds.subtractingReportingOverflow(closed.nanoseconds)
      // Delivery ends after a day without success; quiet hours may last for a weekend.
      let days: Int64 = setup.alerts.hasQuiet(incident.contact) ? 7 : 1
      let isLost = age.overflow || age.partialValue > days * 86_400 * 1_000_000_000
      let isOld = age.overflow || age.partialValue > interval.components.seconds &* 1_000_000_000
      let notifiers = contacts.first { $0.name == incident.contact }?.notifiers ?? []
      let isDelivered = notifiers.allSatisfy { notifier in
        guard let route else { return true }
        // A message that still looks open must be changed first.
        if let state = incident.deliveries[notifier.name], notifier.isLiving, !state.sent.isEmpty,
          !state.isClosed, !incident.isDropped
        {
          return false
        }
        let isQuiet = setup.alerts.isQuiet(incident.contact, incident.severity, at: now)
        return !isQuiet
          && Decision(
            incident, for: notifier.name, living: false, route: route, digest: 0, quiet: false,
            at: now) == .nothing
      }
      if isOld && isDelivered || isLost {
        try? await store.keep(Self.kept(incident, isOpen: false))
      }
    }
  }

  /// The notifications of one notifier in this pass.
  private func jobs(for notifier: any Notifier, of contact: Contact) -> [Job] {
    var jobs: [Job] = []
    var late: [Int] = []
    var first: [Job] = []
    for (index, incident) in incidents.enumerated() where incident.contact == contact.name {
      guard let route = setup.alerts.route(named: incident.route) else { continue }
      let text = AlertText(incident: incident, effects: effects)
      let digest = Self.digest(text.text)
      let isQuiet = setup.alerts.isQuiet(contact.name, incident.loudness, at: now)
      let decision = Decision(
        incident, for: notifier.name, living: notifier.isLiving, route: route, digest: digest,
        quiet: isQuiet, at: now)
      guard decision != .nothing else { continue }
      let isCutOff = incident.members.contains(where: \.alert.isCutOff)
      if decision == .missed {
        guard isCutOff else {
          late.append(index)
          continue
        }
        // Resolved before it could be sent: the network of the notifier was cut off, too.
        let notice = notice(of: incident, text, decision, for: contact, isQuiet: false)
        jobs.append(
          Job(
            notification: NotificationJob(notifier, notice, .first), incidents: [index],
            decision: decision,
            digests: [digest]))
        continue
      }
      let sent = incident.deliveries[notifier.name]?.sent ?? ""
      // An incident sent in a summary has no message of its own to change.
      if decision == .change, sent.isEmpty { continue }
      let notice = notice(of: incident, text, decision, for: contact, isQuiet: isQuiet)
      let occasion: Occasion =
        switch decision {
        case .change: .change
        case .again: sent.isEmpty ? .first : .again
        case .end: sent.isEmpty ? .first : .end
        default: .first
        }
      let job = Job(
        notification: NotificationJob(notifier, notice, occasion, sent: SentMessage(sent)),
        incidents: [index],
        decision: decision, digests: [digest])
      if decision == .first { first.append(job) } else { jobs.append(job) }
    }
    // More than three incidents that waited for long go into one summary.
    let stale = first.filter { job in
      let incident = incidents[job.incidents[0]]
      return now.since(incident.opened) > setup.alerts.stale
        && !incident.members.contains(where: \.alert.isCutOff)
    }
    if stale.count > 3 {
      late += stale.flatMap(\.incidents)
      first.removeAll { job in late.contains(job.incidents[0]) }
    }
    jobs += first
    if !late.isEmpty { jobs.append(summary(late.sorted(), notifier, contact)) }
    // Changes go last: the rate of a bot is limited.
    return jobs.filter { $0.decision != .change } + jobs.filter { $0.decision == .change }
  }

  private func notice(
    of incident: Incident, _ text: AlertText, _ decision: Decision, for contact: Contact,
    isQuiet: Bool
  ) -> Notice {
    let isOver = incident.closed != nil
    var notice = Notice(
      isOver ? .recovery : .problem, incident: "\(incident.id)", severity: incident.severity,
      subject: text.subject, text: text.text, alerts: incident.members.map(Notice.Alert.init),
      opened: incident.opened, closed: incident.closed, contact: contact.name)
    // Minor alerts are silent, and so are all recoveries in quiet hours.
    let worst = isOver ? incident.members.map(\.worst).max() ?? .ok : incident.loudness
    notice.isSilent = isQuiet || worst <= .minor
    return notice
  }

  /// A summary shows at most this many incidents in full, and only the hosts of the others.
  private static let whole = 40

  /// One message for incidents that were resolved before delivery, and for those that waited for long.
  private func summary(_ late: [Int], _ notifier: any Notifier, _ contact: Contact) -> Job {
    let all = late.map { incidents[$0] }
    let texts = all.map { AlertText(incident: $0, effects: effects) }
    let open = all.count { $0.closed == nil }
    let from = all.map(\.opened).min() ?? now
    let severity = all.map(\.severity).max() ?? .ok
    let subject =
      "\(open == 0 ? "🟢" : "🔴") \(Format.count(all.count, "incident")) since "
      + "\(AlertText.clock(from)) not sent until now: \(open) open, \(all.count - open) resolved"
    var text = StyledText()
    text.add(.init(subject, .bold))
    let lasting = texts.filter { $0.incident.closed == nil }
    for one in lasting.prefix(Self.whole) { text.lines += one.text.lines }
    if let rest = AlertText.names(lasting.dropFirst(Self.whole)) {
      text.add(.init("🔴 and \(Format.count(lasting.count - Self.whole)) more, open: \(rest)"))
    }
    let over = texts.filter { $0.incident.closed != nil }
    for one in over.prefix(Self.whole) { text.lines.append(one.missed) }
    if let rest = AlertText.names(over.dropFirst(Self.whole)) {
      text.add(.init("🟢 and \(Format.count(over.count - Self.whole)) more, resolved: \(rest)"))
    }
    var notice = Notice(
      .summary, severity: severity, subject: subject, text: text,
      alerts: all.flatMap { $0.members.map(Notice.Alert.init) }, opened: from,
      contact: contact.name)
    notice.isSilent = open == 0 || severity <= .minor
    return Job(
      notification: NotificationJob(notifier, notice, .first), incidents: late, decision: .missed,
      digests: texts.map { Self.digest($0.text) })
  }

  /// The number of charts drawn for one notifier in one pass.
  private static let charts = 20

  /// Adds the chart of the value that crossed its threshold, if the notification makes a sound.
  private func withChart(_ job: Job) async -> Job {
    guard job.decision == .first || job.decision == .again, let first = job.incidents.first else {
      return job
    }
    let loud = incidents[first].loud.map(\.alert)
    // A target that does not answer has no value to draw.
    let worst = loud.filter { CheckName($0.key.check).rule != nil || $0.severity < .critical }
      .max { ($0.severity, $1.key) < ($1.severity, $0.key) }
    guard let worst, worst.severity == loud.map(\.severity).max() else { return job }
    var job = job
    job.notification.notice.chart = await AlertChart.make(
      for: worst.key.check, host: worst.key.host, tags: worst.tags,
      rules: setup.rules(worst.key.host), in: store, now: .now)
    return job
  }

  /// A hash that shows whether a text has changed.
  private static func digest(_ text: StyledText) -> UInt64 { text.plain.utf8.fnv1a }

  /// The incidents, shared by lanes that send in parallel.
  private final class Ledger: Sendable {
    private let list: Mutex<[Incident]>

    init(_ incidents: [Incident]) { list = Mutex(incidents) }

    var incidents: [Incident] { list.withLock { $0 } }

    /// Records the outcome of a job; returns its incidents after the change.
    func note(_ job: Job, _ outcome: NotificationJob.Outcome, at now: Timestamp) -> [Incident] {
      let name = job.notification.notifier.name
      return list.withLock { incidents in
        for (index, digest) in zip(job.incidents, job.digests) {
          var state = incidents[index].deliveries[name] ?? Incident.DeliveryState()
          if job.decision != .missed { state.sent = outcome.sent.text }
          state.failure = outcome.error.map { $0.message.visible }
          if outcome.error == nil {
            state.digest = digest
            if job.decision != .change {
              state.noticed = now
              state.revision = incidents[index].revision
              state.severity = incidents[index].severity
            }
            state.isClosed = incidents[index].closed != nil
            if job.decision != .change { state.noticedEnd = state.isClosed }
          }
          incidents[index].deliveries[name] = state
        }
        return job.incidents.map { incidents[$0] }
      }
    }
  }
}

/// The time without attempts after a failed delivery.
private enum BackOff {
  private static let longest = Duration.seconds(900)

  /// Which notifications are held back in the meantime.
  enum Hold { case all, known, none }

  private static func name(_ notifier: any Notifier) -> String { "back-off \(notifier.name)" }

  static func hold(_ notifier: any Notifier, at now: Timestamp, in store: Store) async -> Hold {
    let values = try? await store.notifierMemory(name(notifier))
    guard let until = values?["until"].flatMap({ Int64($0) }) else { return .none }
    let (left, overflow) = until.subtractingReportingOverflow(now.nanoseconds)
    // A time too far in the future comes from a clock that was set back.
    guard !overflow && left > 0 && left <= longest.nanoseconds else { return .none }
    // A notifier that refused one message may take another.
    let reason = values?["reason"].flatMap { DeliveryError.Reason(rawValue: $0) }
    return reason == .refused || reason == .failed ? .known : .all
  }

  /// Backs off after errors that the next pass cannot cure, and after those that took long.
  static func note(
    _ error: DeliveryError?, of notifier: any Notifier, took: Duration, at now: Timestamp,
    in store: Store
  ) async {
    let known = (try? await store.notifierMemory(name(notifier))) ?? [:]
    guard let error else {
      if !known.isEmpty { try? await store.remember([:], of: name(notifier)) }
      return
    }
    // Several failures in one pass count as one.
    let isNext = known["at"] != "\(now.nanoseconds)"
    let failures = (known["failures"].flatMap { Int($0) } ?? 0) + (isNext ? 1 : 0)
    let wait: Duration
    switch error.reason {
    case .unreachable, .timeout, .protocolError, .closed:
      wait = took < .seconds(1) ? .zero : min(.seconds(300), took * (1 << min(failures, 5)))
    case .busy, .unavailable, .cancelled: wait = .zero
    case .unauthorized, .forbidden, .missing, .refused, .failed:
      wait = min(longest, .seconds(15) * (1 << min(max(failures, 1) - 1, 6)))
    }
    let until = now.nanoseconds &+ wait.nanoseconds
    try? await store.remember(
      [
        "failures": "\(failures)", "until": "\(until)", "at": "\(now.nanoseconds)",
        "reason": error.reason.rawValue,
      ], of: name(notifier))
  }
}

extension Notice.Alert {
  fileprivate init(_ member: Incident.Member) {
    let alert = member.alert
    self.init(
      host: alert.key.host, group: alert.group, check: alert.key.check, severity: alert.severity,
      from: alert.from, message: alert.text, since: alert.since, until: member.until,
      cause: alert.cause?.host, tags: alert.tags)
  }
}
