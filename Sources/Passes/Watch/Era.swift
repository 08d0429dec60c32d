internal import Configuration
internal import Collectors
internal import Engine
internal import Hosts
internal import IPMI
internal import Inventory
internal import Metrics
internal import Probes
internal import Sinks
internal import Store

/// What the watch goes by from one reading of its files to the next: the hosts, the ways to them, and when
/// they are due.
struct Era: Sendable {
  let number: Int
  let setup: WatchSetup
  private let means: Means
  /// The pass whose steps the watch goes through again and again.
  let pass: Pass
  let pace: Pace
  let gatherer: Gatherer
  /// The hosts that are asked, by name.
  let hosts: [String: Host]
  /// The way to each host, and what it shares.
  private let templates: [String: Pass.Job]
  let questions: SelfQuestions
  let spools: [Pass.SpoolJob]
  private let policies: PolicyBook
  /// What is wrong with files of policies, each of which costs its own policy, and keys with an old name.
  let warnings: [String]
  let ticker: Ticker
  let files: WatchFiles

  var site: Site { setup.site }

  /// How long a host may take.
  var length: Duration {
    let length = site.settings.deadline
    return length - min(length / 5, .seconds(5))
  }

  /// What all eras of one watch share.
  struct Means: Sendable {
    var store: Store
    var watchdog: PassWatchdog
    var logins: LoginBook
    var limits: SharedLimits
    /// Reactors, and sessions with hosts, jump hosts and BMCs.
    var kept: Kept
    var batches = BatchBook()
    var spool: OwnSpool?

    var reactors: [Reactor] { kept.reactors }
  }

  init(_ number: Int, _ setup: WatchSetup, _ means: Means, at now: Timestamp) async {
    self.number = number
    self.setup = setup
    let site = setup.site
    pass = Pass(
      site: site, store: means.store, hosts: setup.hosts, sinks: setup.sinks, fanout: setup.fanout,
      watchdog: means.watchdog, askBy: .never, deadline: .never, unfinished: nil,
      spool: means.spool)
    let base = site.settings.watchEvery
    pace = .phases(base: base)
    self.means = means
    var gatherer = await Gatherer(site, logins: means.logins, kept: means.kept)
    // Hosts that come through a spool are asked by the monitor there.
    let own = setup.hosts.filter { site.inventory.spool(of: $0.name) == nil }
    let all = Set(Collectors.collectors.map { $0.name } + [BMCReading.name, ServiceReading.name])
    var findings = Findings()
    policies = PolicyBook(site.policies, &findings)
    var warnings = gatherer.warnings + site.renamed.map(\.oneLine)
    do throws(ConfigurationErrors) { try findings.finish() } catch {
      warnings += error.errors.prefix(3).map { "policies: \($0.oneLine)" }
    }
    self.warnings = warnings
    var plan = Plan(
      own, settings: site.settings, probes: site.probes, states: [:], at: now, only: all)
    plan.collections = Plan.collectionTurns(
      own, of: site, policies, means.store, states: [:], at: now,
      only: [PolicyReading.name, FactReading.name])
    let jobs = Pass.Job.all(of: plan, site.inventory, &gatherer)
    spools = pass.spoolJobs(&gatherer)
    for turn in plan.bmcs { gatherer.prepare(bmcOf: turn.host) }
    questions = SelfQuestions(site.own, jobs, plan.bmcs, jumps: gatherer.jumps)
    templates = Dictionary(
      jobs.map { job in
        var job = job
        job.turn = nil
        job.probes = nil
        job.collection = nil
        return (job.host.name, job)
      }, uniquingKeysWith: { first, _ in first })
    hosts = Dictionary(own.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    self.gatherer = gatherer
    ticker = Ticker(of: plan, pace: pace, every: base, facts: site.facts?.every, at: now)
    files = WatchFiles(of: site)
  }

  /// What is due of a host now, without its BMC; nil for nothing.
  func job(_ name: String, _ state: HostState, due: Deadline, at now: Timestamp) -> Pass.Job? {
    guard let host = hosts[name], var job = templates[name] else { return nil }
    let plan = Plan(
      [host], settings: site.settings, probes: site.probes, states: [name: state], at: now,
      pace: pace, batches: means.batches)
    job.collection =
      Plan.collectionTurns(
        [host], of: site, policies, means.store, states: [name: state], at: now, only: nil,
        pace: pace
      ).first
    guard !plan.turns.isEmpty || !plan.probes.isEmpty || job.collection != nil else { return nil }
    job.turn = plan.turns.first
    job.probes = plan.probes.first
    let hasLogin = job.turn != nil || job.collection != nil
    if !hasLogin || means.kept.holds(name) { job.shares.removeAll { $0.kind == .handshakes } }
    job.wasSlow = plan.slow.contains(name)
    job.due = due
    job.patience = site.settings.lateness
    return job
  }

  /// The BMC of a host, if it is due.
  func bmc(
    _ name: String, _ state: HostState, due: Deadline, at now: Timestamp
  ) -> Asking.BMCJob? {
    guard let host = hosts[name] else { return nil }
    let plan = Plan(
      [host], settings: site.settings, states: [name: state], at: now, pace: pace)
    return plan.bmcs.first.map {
      Asking.BMCJob(turn: $0, gatherer: gatherer, due: due, patience: site.settings.lateness)
    }
  }
}
