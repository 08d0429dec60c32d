internal import Engine
internal import Hosts
internal import Inventory
internal import Metrics
internal import Probes
internal import Sinks

/// Scrapes hosts, services and BMCs in parallel, each in its own task.
extension Pass {
  /// Scrapes all hosts and BMCs in random order, at most as many at once as their fan-outs allow.
  func gather(
    _ jobs: [Job], _ bmcs: [Plan.BMCTurn], _ spools: [SpoolJob], with gatherer: Gatherer,
    into report: inout Report, progress: any PassProgress
  ) async {
    let reactors = gatherer.reactors
    var asking = Asking(
      fanout: fanout, bmcFanout: site.settings.bmcFanout, until: askBy, reactors: reactors,
      limits: gatherer.limits ?? SharedLimits(Governor()), progress: progress)
    // By numbers, as above: a job is large.
    for index in jobs.indices.shuffled() { asking.append(jobs[index]) }
    for turn in bmcs.shuffled() { asking.append(Asking.BMCJob(turn: turn, gatherer: gatherer)) }
    for job in spools { asking.append(job, known: store) }
    progress.begin(jobs.count + bmcs.count + spools.count)
    let interrupt = Interrupt(signals: watchdog.signals)
    // The task of a host stays on its reactor, parsing included: parsing takes 0.1 ms per batch, as much
    // as two thread switches.
    // So does what takes their results: no thread is woken for each.
    await withTaskExecutorPreference(reactors[0].executor) {
      await withTaskGroup(of: PassEvent.self) { group in
        group.addTask { await interrupt.wait(on: reactors[0]) ? .signal : .nothing }
        group.addTask {
          await progress.tick(on: reactors[0])
          return .nothing
        }
        asking.start(in: &group)
        while !asking.isDone, let event = await group.next() {
          if case .signal = event {
            // Running tasks end at once with their error; results so far are kept.
            asking.isStopped = true
            group.cancelAll()
          }
          asking.take(event, into: &report, in: &group)
        }
        group.cancelAll()
      }
    }
    report.interrupted = asking.isStopped
    report.sort(like: hosts)
  }
}

extension Pass.Report {
  /// Puts the results in the order of the inventory.
  mutating func sort(like hosts: [Host]) {
    let places = Dictionary(
      hosts.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    // By numbers: results are too large to be moved at every comparison.
    func sorted<Reading>(_ all: [Reading], _ host: (Reading) -> String) -> [Reading] {
      let order = all.map { places[host($0)] ?? 0 }
      return all.indices.sorted { (order[$0], $0) < (order[$1], $1) }.map { all[$0] }
    }
    readings = sorted(readings) { $0.result.batch.host }
    bmcs = sorted(bmcs) { $0.result.batch.host }
    services = sorted(services) { $0.result.batch.host }
    collections = sorted(collections) { $0.result.batch.host }
  }
}
