public import Engine
public import Inventory
public import Metrics
public import Notifiers
public import Passes
public import Sinks
public import Store

/// Makes a readiness sheet: asks all hosts once, and checks the monitor.
///
/// It takes no lock, and stores the sheet and refused log-ins: no state, no point.
public struct Preflight: Sendable {
  private let site: Site
  private let store: Store
  private let hosts: [Host]
  private let hours: Int

  public init(of hosts: [Host], at site: Site, _ store: Store, hours: Int) {
    self.hosts = hosts
    self.site = site
    self.store = store
    self.hours = hours
  }

  /// The sheet, the changes since an earlier one, and what else is to be said.
  public struct Outcome: Sendable {
    public var sheet: Sheet
    public var changes: Sheet.Changes?
    public var notes: [String] = []
    public var isInterrupted = false
  }

  /// `notice` makes a test message, where contacts are to be sent one; `since` asks for the changes.
  public func run(
    sinks: [any Sink], notice: (@Sendable (Contact) -> Notice)?, since: Timestamp?,
    watchdog: PassWatchdog, by deadline: Deadline, progress: any PassProgress
  ) async -> Outcome {
    let gatherer = await Gatherer(site, logins: site.logins())
    let reactor = gatherer.reactors[0]
    async let local = DoctorChecks(site: site, gatherer: gatherer, deadline: deadline).checks()
    async let tried = SinkChecks(sinks, on: reactor, by: deadline)
    async let reached = reach(notice, on: reactor, by: deadline)
    let survey = await Survey(
      of: hosts, at: site, knownFrom: store, fanout: site.settings.fanout, watchdog: watchdog,
      by: deadline, progress: progress)
    let records = (try? await store.policyRecords()) ?? [:]
    let ofHosts = HostFindings(survey, at: site, policies: records)
    var findings = hosts.flatMap { ofHosts.all(of: $0) }
    let centre = CentreFindings(site: site, hours: hours)
    let sinkChecks = await tried
    // The point of the check made the database, where there was none.
    let kept = await SinkChecks.retention(
      of: sinks, atLeast: .seconds(Int64(hours) * 3600), on: reactor, by: deadline)
    findings += CentreFindings.of(await local.finished(with: sinkChecks.clocks))
    findings.append(await centre.disk(store))
    findings += CentreFindings.of(sinkChecks.checks + kept + (await reached))
    findings += CentreFindings.jumps(of: survey, besides: Set(hosts.map(\.name)))
    findings += centre.services(survey)
    let tag = teamTag
    let sheet = Sheet(
      time: survey.report.start, hours: hours, teamTag: tag,
      members: hosts.map { host in
        Sheet.Member(
          name: host.name, group: host.group,
          team: host.tags.first { $0.name == tag && !$0.value.isEmpty }?.value)
      }, findings: findings)
    var outcome = Outcome(sheet: sheet, notes: survey.report.warnings)
    outcome.isInterrupted = survey.report.interrupted
    await keep(&outcome, since: since)
    return outcome
  }

  private func reach(
    _ notice: (@Sendable (Contact) -> Notice)?, on reactor: Reactor, by deadline: Deadline
  ) async -> [Check] {
    guard let notice else {
      return await ContactChecks.asking(site.contacts, on: reactor, by: deadline)
    }
    return await ContactChecks.sending(notice, to: site.contacts, on: reactor, by: deadline)
  }

  /// The tag that names teams: the first of `scores: {by: […]}` that a host has, else `team`.
  private var teamTag: String {
    site.rules.tags.first { name in
      site.inventory.hosts.contains { $0.tags.contains { $0.name == name } }
    } ?? "team"
  }

  /// Compares with an earlier sheet, and stores this one unless it was interrupted.
  private func keep(_ outcome: inout Outcome, since: Timestamp?) async {
    do throws(StoreError) {
      if let since {
        if let (time, body) = try await store.readiness(since: since),
          let earlier = Sheet(body, at: time)
        {
          outcome.changes = outcome.sheet.changes(since: earlier)
        } else {
          outcome.notes.append("there is no earlier sheet to compare with")
        }
      }
      guard !outcome.isInterrupted else { return }
      try await store.keepReadiness(outcome.sheet.body, at: outcome.sheet.time)
    } catch {
      outcome.notes.append("the sheet is not kept: \(error)")
    }
  }
}
