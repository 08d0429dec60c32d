internal import Alerts
internal import Configuration
public import Engine
public import Metrics
internal import Notifiers
internal import Rules
public import Sinks
public import Store
internal import Hosts
public import Inventory
internal import Probes

/// One walk of the inventory: plan, gather, keep, deliver.
public struct Pass: Sendable {
  let site: Site
  /// The store, which the pass closes at its end.
  let store: Store
  let hosts: [Host]
  let sinks: [any Sink]
  let fanout: Int
  let watchdog: PassWatchdog
  /// The deadline of scraping; storing and delivering follow.
  let askBy: Deadline
  /// The deadline of the whole pass.
  let deadline: Deadline
  /// The last pass if it did not end in order.
  let unfinished: Lock.Unfinished?
  var only: Set<String>?
  /// Whether a person started it.
  var isByHand = false
  /// Whether accounts that rest are asked all the same.
  var ignoresRests = false
  /// The spool that it writes; nil for none.
  var spool: OwnSpool?

  public init(
    site: Site,
    store: Store,
    hosts: [Host],
    sinks: [any Sink],
    fanout: Int,
    watchdog: PassWatchdog,
    askBy: Deadline,
    deadline: Deadline,
    unfinished: Lock.Unfinished?,
    only: Set<String>? = nil,
    isByHand: Bool = false,
    ignoresRests: Bool = false,
    spool: OwnSpool? = nil
  ) {
    self.spool = spool
    self.site = site
    self.store = store
    self.hosts = hosts
    self.sinks = sinks
    self.fanout = fanout
    self.watchdog = watchdog
    self.askBy = askBy
    self.deadline = deadline
    self.unfinished = unfinished
    self.only = only
    self.isByHand = isByHand
    self.ignoresRests = ignoresRests
  }

  /// The result of a pass.
  public struct Report: Sendable {
    public var start: Timestamp
    public var took: Duration = .zero
    public var readings: [HostReading] = []
    public var bmcs: [BMCReading] = []
    public var services: [ServiceReading] = []
    /// What was collected for policies, and facts.
    public var collections: [CollectionReading] = []
    /// What other targets answered a moment ago: the watch asks a few at a time.
    var context: [HostResult] = []
    /// Spools, and hosts behind them, that are not ok.
    public var spoolTroubles: [(host: String, severity: Severity, outcome: TargetOutcome)] = []
    /// What was fetched from spools.
    var pulls: [SpoolPull] = []
    /// Jump hosts that were not scraped themselves.
    public var jumps: [JumpReading] = []
    /// Rules that are crossed, by host: the check's name and its state.
    public var crossed: [(host: String, check: String, state: CheckState)] = []
    /// Services whose answers on several ways disagree.
    public var disagreeing:
      [(host: String, check: String, state: CheckState, services: Set<String>)] = []
    /// Hosts that are down, each with its effects.
    public var causes: [(cause: String, effects: [String])] = []
    /// For hosts that are not down, or have no check of their own, the cause of what fails behind a jump host.
    public var ways = Ways()
    /// The self-checks.
    public var own: SelfReading?
    /// The services of scrape.yml that are not ok.
    public var broken: [(name: String, state: GroupState)] = []
    /// The new troubles.
    public var news: NewTroubles?
    /// The number of hosts with nothing due.
    public var idle = 0
    public var points = 0
    public var deliveries: [(sink: String, delivery: Delivery)] = []
    /// Points that wait in the store for a sink, by sink.
    public var queued: [String: Int] = [:]
    public var warnings: [String] = []
    public var interrupted = false
    /// The store could not be written.
    public var storeFailure: String?

    /// Jump hosts that are down, by the names of hosts behind them.
    public struct Ways: Sendable {
      public var services: [String: String] = [:]
      public var bmcs: [String: String] = [:]
    }

    /// The results of all hosts, services and BMCs, and of the self-checks.
    var results: [HostResult] {
      get {
        readings.map(\.result) + bmcs.map(\.result) + services.map(\.result)
          + collections.map(\.result) + jumps.map(\.result) + (own.map { [$0.result] } ?? [])
      }
      set {
        var rest = newValue[...]
        for index in readings.indices { rest.popFirst().map { readings[index].result = $0 } }
        for index in bmcs.indices { rest.popFirst().map { bmcs[index].result = $0 } }
        for index in services.indices { rest.popFirst().map { services[index].result = $0 } }
        for index in collections.indices { rest.popFirst().map { collections[index].result = $0 } }
        for index in jumps.indices { rest.popFirst().map { jumps[index].result = $0 } }
        rest.popFirst().map { own?.result = $0 }
      }
    }
  }

  public func run(_ progress: any PassProgress) async -> Report {
    var report = Report(start: .now)
    let begun = Deadline.now
    let cpu = PassPoints.cpuSeconds
    let clock = OwnClock()
    var states: [String: HostState] = [:]
    Activity.step("loading the store")
    do {
      states = try await store.load(hosts.map(\.name) + [SelfReading.host])
    } catch {
      report.storeFailure = "\(error)"
    }
    // Hosts that come through a spool are asked by the monitor there.
    let own = hosts.filter { site.inventory.spool(of: $0.name) == nil }
    var plan = Plan(
      own, settings: site.settings, probes: site.probes, states: states, at: report.start,
      only: only)
    plan.collections = await collectionTurns(own, states, into: &report)
    report.idle = plan.idle
    let late = plan.turns.filter { $0.lateness > site.settings.lateness }
    if let worst = late.map(\.lateness).max() {
      report.warnings.append(
        "\(fold(late.map(\.host.name))): asked \(Format.duration(worst)) later than due; "
          + "is the timer running, or the last pass too slow?")
    }
    let logins = LoginBook((try? await store.rests()) ?? [:], ignoringRests: ignoresRests)
    let limits = await SharedLimits(Governor.known(in: store, site.settings))
    var gatherer = await Gatherer(site, logins: logins, limits: limits)
    let jobs = Job.all(of: plan, site.inventory, &gatherer)
    let spools = only == nil ? spoolJobs(&gatherer) : []
    for turn in plan.bmcs { gatherer.prepare(bmcOf: turn.host) }
    report.warnings += gatherer.warnings
    let questions = SelfQuestions(site.own, jobs, plan.bmcs, jumps: gatherer.jumps)
    Activity.step("asking hosts")
    var answers = await questions.ask(on: gatherer.reactors[0]) {
      await gatherer.serving {
        await gather(
          jobs, plan.bmcs, spools, with: gatherer, into: &report, progress: progress)
      }
      report.jumps = await jumps(gatherer.jumps, in: report)
      await noteLosses(of: gatherer.jumps, in: &report)
      return report.isInDoubt(questions)
    }
    let known = states[SelfReading.host] ?? HostState()
    Activity.step("asking once more")
    answers = await questions.lookAgain(answers, report, known, on: gatherer.reactors[0])
    progress.end()
    report.own = SelfReading(questions, answers, clock: clock, known: known, in: &report)
    if report.own?.jump != .zero {
      for index in report.readings.indices { report.readings[index].result.dropClockEvents() }
    }
    report.own?.note(unfinished, known: known)
    if let unfinished { report.warnings.append(unfinished.text) }
    (report.causes, report.ways) = causes(report)
    // A manual or partial pass does not show that the timer runs.
    let isWhole = isWhole
    let ping = DeadManPing(
      site.own.deadMan, due: known.due[DeadManPing.name], at: report.start)
    let pings = isWhole && report.isGood && ping != nil
    if pings { report.own?.result.due[DeadManPing.name] = ping?.next }
    Activity.step("evaluating and storing")
    await keep(&report, logins, limits, on: gatherer.reactors[0], begun: begun, cpuSeconds: cpu)
    if pings, report.storeFailure == nil, let trouble = await ping?.send(on: gatherer.reactors[0]) {
      report.warnings.append(trouble)
    }
    if report.storeFailure == nil, !report.interrupted, !site.pages.isEmpty {
      Activity.step("writing pages")
      for folder in await PageWriter(site, store).write(at: .now) {
        if let failure = folder.failure {
          report.warnings.append("pages in \(folder.folder): \(failure)")
        }
      }
    }
    Activity.step("closing the store")
    await store.close()
    return report
  }

  /// The due policies and facts. A file with faults costs its own policy.
  private func collectionTurns(
    _ hosts: [Host], _ states: [String: HostState], into report: inout Report
  ) async -> [Plan.CollectionTurn] {
    let hasPolicies = !site.policies.isEmpty && only?.contains(PolicyReading.name) != false
    guard hasPolicies || site.facts != nil else { return [] }
    var findings = Findings()
    let book = hasPolicies ? PolicyBook(site.policies, &findings) : PolicyBook()
    do throws(ConfigurationErrors) { try findings.finish() } catch {
      report.warnings += error.errors.prefix(3).map { "policies: \($0.oneLine)" }
    }
    var turns = Plan.collectionTurns(
      hosts, of: site, book, store, states: states, at: report.start, only: only)
    guard hasPolicies, !turns.isEmpty, let records = try? await store.policyRecords() else {
      return turns
    }
    for index in turns.indices {
      for record in records[turns[index].host.name] ?? []
      where turns[index].work.entries.contains(where: { $0.name == record.policy }) {
        turns[index].earlier[record.policy] = PolicyOutcome(record)
      }
    }
    return turns
  }

  /// Whether the pass covers all hosts and all due collectors.
  var isWhole: Bool { only == nil && hosts.count == site.inventory.hosts.count }

  func scope(_ report: Report) -> PassScope {
    !isWhole || report.interrupted ? .part : isByHand ? .hand : .timer
  }
}
