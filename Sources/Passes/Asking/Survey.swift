internal import Collectors
internal import Configuration
public import Engine
internal import Hosts
internal import IPMI
public import Inventory
internal import Metrics
internal import Probes
public import Store

/// All that the inventory names, asked once, due or not: nothing is evaluated, stored, delivered or notified.
///
/// It asks as a pass does (`Gathering.swift`), with the same fan-outs and learned limits. It takes no lock, so
/// that it can run beside `scrape watch`, and stores neither states nor points; refused log-ins count.
public struct Survey: Sendable {
  public private(set) var report: Pass.Report
  /// By how many seconds the clocks of hosts are certainly ahead of ours, or, less than zero, behind; a host
  /// that did not say its time is left out.
  public private(set) var clocks: [String: Int64] = [:]
  /// Ways to hosts that no probe asks: the services that ask for them here, by host and the address's name.
  public private(set) var ways: [String: [String: String]] = [:]

  /// `deadline` is that of all answers. Hosts that come through a spool are asked by the monitor there.
  public init(
    of hosts: [Host], at site: Site, knownFrom store: Store, fanout: Int, watchdog: PassWatchdog,
    by deadline: Deadline, progress: any PassProgress
  ) async {
    report = Pass.Report(start: .now)
    let begun = Deadline.now
    let own = hosts.filter { site.inventory.spool(of: $0.name) == nil }
    let states = (try? await store.load(own.map(\.name))) ?? [:]
    let all = Collectors.collectors.map { $0.name } + [BMCReading.name, ServiceReading.name]
    var plan = Plan(
      own, settings: site.settings, probes: site.probes, states: states, at: report.start,
      only: Set(all))
    addClocks(to: &plan)
    addWays(of: own, at: site, to: &plan)
    let pass = Pass(
      site: site, store: store, hosts: own, sinks: [], fanout: fanout, watchdog: watchdog,
      askBy: deadline, deadline: deadline, unfinished: nil)
    let limits = await SharedLimits(Governor.known(in: store, site.settings))
    let logins = LoginBook((try? await store.rests()) ?? [:])
    var gatherer = await Gatherer(site, logins: logins, limits: limits)
    gatherer.findsPrivilege = true
    let jobs = Pass.Job.all(of: plan, site.inventory, &gatherer)
    for turn in plan.bmcs { gatherer.prepare(bmcOf: turn.host) }
    let ready = gatherer
    await ready.serving {
      await pass.gather(jobs, plan.bmcs, [], with: ready, into: &report, progress: progress)
    }
    progress.end()
    report.warnings = ready.warnings
    report.jumps = await pass.jumps(ready.jumps, in: report)
    await pass.noteLosses(of: ready.jumps, in: &report)
    (report.causes, report.ways) = pass.causes(report)
    report.took = Deadline.now.since(begun)
    for reading in report.readings { note(clockOf: reading) }
    await keepRefusals(logins, states, in: store)
  }

  /// Counts refused log-ins of accounts and BMCs as a pass does: what asks again and again with a wrong password
  /// must not lock them.
  private func keepRefusals(
    _ logins: LoginBook, _ states: [String: HostState], in store: Store
  ) async {
    let results = report.bmcs.compactMap { reading -> HostResult? in
      let name = BMCReading.name
      let host = reading.result.batch.host
      guard let now = reading.result.memory[name] else { return nil }
      var kept = states[host]?.memory[name] ?? Memory(time: now.time)
      let (before, after) = (BMCBackOff.part(of: kept.values), BMCBackOff.part(of: now.values))
      guard before != after else { return nil }
      for key in before.keys { kept.values[key] = nil }
      kept.values.merge(after) { $1 }
      // Nothing else of what was read: events that it has seen are still those of the next pass.
      var result = HostResult(
        batch: PointBatch(
          host: host, tags: reading.result.batch.tags, time: reading.result.batch.time))
      result.isOfBoot = false
      result.memory[name] = kept
      return result
    }
    guard !results.isEmpty || !logins.changes.isEmpty else { return }
    try? await store.keepRefusals(logins.changes, results, at: .now)
  }

  /// Adds `date` to each batch. Hosts of one profile share one, as in a pass.
  private func addClocks(to plan: inout Plan) {
    var made: [String: Batch] = [:]
    for index in plan.turns.indices {
      let profile = plan.turns[index].host.profile
      let batch =
        made[profile] ?? Batch(plan.turns[index].batch.items + [Batch.Item(HostClock.self)])
      made[profile] = batch
      plan.turns[index].batch = batch
    }
  }

  /// Adds a connection to the port of SSH at each address of a host that no probe asks.
  private mutating func addWays(of hosts: [Host], at site: Site, to plan: inout Plan) {
    for host in hosts where !host.addresses.isEmpty {
      let asked = Set(site.probes[host.name].filter { $0.reaches(host) }.compactMap(\.path))
      var plans: [ProbePlan] = []
      for name in host.addresses.keys.sorted() where !asked.contains(name) {
        var findings = Findings()
        let mark = Source("preflight", text: "").mark(atByte: 0)
        let node = Node(.scalar("tcp@\(name):\(host.port)", .plain), mark: mark, end: mark)
        guard let found = site.probes.reader.plan(node, &findings)?.on(host), found.reaches(host)
        else { continue }
        plans.append(found)
        ways[host.name, default: [:]][name] = found.service
      }
      guard !plans.isEmpty else { continue }
      if let index = plan.probes.firstIndex(where: { $0.host.name == host.name }) {
        plan.probes[index].plans += plans
      } else {
        plan.probes.append(Plan.ProbeTurn(host: host, plans: plans, due: [:]))
      }
    }
  }

  /// The host's whole second was read between our request and the end of its answer.
  private mutating func note(clockOf reading: HostReading) {
    let result = reading.result
    guard let there = result.facts[HostClock.name].flatMap({ Int64($0) }) else { return }
    let begun = result.batch.time
    let length = result.outcomes.first?.milliseconds ?? 0
    let ended = begun.after(.milliseconds(Int64(min(max(length, 0), 1e9))))
    clocks[result.batch.host] =
      there > ended.seconds + 1
      ? there - ended.seconds : there < begun.seconds - 1 ? there - begun.seconds : 0
  }
}
