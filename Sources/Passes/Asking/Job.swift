internal import Engine
internal import Hosts
internal import IPMI
internal import Inventory
internal import Metrics
internal import Probes

extension Pass {
  /// The work for one host: its batch and its probes.
  struct Job: Sendable {
    var host: Host
    var turn: Plan.Turn?
    var probes: Plan.ProbeTurn?
    var collection: Plan.CollectionTurn?
    var reach: Reach
    /// What probes share.
    var kit: ProbeKit
    /// Whether the host was slow at the last pass: see HostLanes.swift.
    var wasSlow = false
    /// The limits that it shares with others.
    var shares: [Governor.Key] = []
    /// Since when it waits, and how long it may; nil for as long as there is time.
    var due: Deadline?
    var patience: Duration?

    static func all(
      of plan: Plan, _ inventory: Inventory, _ gatherer: inout Gatherer
    ) -> [Job] {
      let kit = gatherer.kit
      let probes = Dictionary(
        plan.probes.map { ($0.host.name, $0) }, uniquingKeysWith: { first, _ in first })
      let collections = Dictionary(
        plan.collections.map { ($0.host.name, $0) }, uniquingKeysWith: { first, _ in first })
      var jobs = plan.turns.map { turn in
        Job(
          host: turn.host, turn: turn, probes: probes[turn.host.name],
          collection: collections[turn.host.name],
          reach: Reach(turn.host, &gatherer), kit: kit, wasSlow: plan.slow.contains(turn.host.name))
      }
      var asked = Set(jobs.map(\.host.name))
      for host in plan.probes.map(\.host) + plan.collections.map(\.host)
      where asked.insert(host.name).inserted {
        jobs.append(
          Job(
            host: host, probes: probes[host.name], collection: collections[host.name],
            reach: Reach(host, &gatherer), kit: kit, wasSlow: plan.slow.contains(host.name)))
      }
      for index in jobs.indices {
        let host = jobs[index].host
        let keys = host.shares(route: host.jumpHost == nil ? [] : inventory.route(to: host))
        // A host without a session makes no handshake.
        jobs[index].shares =
          jobs[index].turn == nil && jobs[index].collection == nil
          ? keys.filter { $0.kind != .handshakes } : keys
      }
      return jobs
    }

    /// Scrapes the host and its services in parallel; only the probe `ssh` waits for the session of the
    /// collectors, which is its result.
    func read(
      on reactor: Reactor, by deadline: Deadline
    ) async -> (HostReading?, ServiceReading?, CollectionReading?) {
      let begun = Deadline.now
      var (reading, services, collection) = await readings(on: reactor, by: deadline)
      let now = Timestamp.now
      if let until = HostLanes.verdict(Deadline.now.since(begun), before: wasSlow, at: now) {
        if reading != nil {
          reading?.result.due[HostLanes.name] = until
        } else {
          services?.result.due[HostLanes.name] = until
        }
      }
      return (reading, services, collection)
    }

    private func readings(
      on reactor: Reactor, by deadline: Deadline
    ) async -> (HostReading?, ServiceReading?, CollectionReading?) {
      let start = Timestamp.now
      let limit = turn?.profile.deadline.map { min(deadline, Deadline.now.advanced(by: $0)) }
      let request = HostRequest(
        host: host, reach: reach, batch: turn?.batch ?? Batch([]), policies: self.collection?.work,
        facts: self.collection?.facts?.script, plans: probes?.plans ?? [])
      let response = await request.send(
        kit, on: reactor, by: limit ?? deadline, probesBy: deadline)
      let reading = turn.flatMap { turn in
        response.answers.first.map {
          HostReading($0, to: response.batch, of: turn, took: response.took)
        }
      }
      var collection: CollectionReading?
      if let turn = self.collection {
        collection = await CollectionReading(
          response.answers.first, of: turn, at: start, on: reactor)
      }
      let services = probes.map { ServiceReading(response.services, of: $0, at: start) }
      return (reading, services, collection)
    }
  }
}
