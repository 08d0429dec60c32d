internal import Collectors
internal import Configuration
public import Engine
internal import Metrics
internal import Hosts
internal import IPMI
public import Inventory
internal import Probes
internal import Store

/// The checks of `scrape doctor` on hosts and their BMCs.
public enum HostChecks: Sendable {
  public static func all(
    of hosts: [Host], at site: Site, with gatherer: Gatherer, by deadline: Deadline
  ) async -> [Check] {
    var gatherer = gatherer
    let jobs = hosts.map { ($0, Reach($0, &gatherer)) }
    for host in hosts { gatherer.prepare(bmcOf: host) }
    let ready = gatherer
    let states = (try? await site.knownStates(of: hosts.filter { $0.bmc != nil })) ?? [:]
    var found: [Int: [Check]] = [:]
    await ready.serving {
      await check(jobs, states, at: site, with: ready, by: deadline) { found[$0] = $1 }
    }
    return jobs.indices.flatMap { found[$0] ?? [] }
  }

  private static func check(
    _ jobs: [(Host, Reach)], _ states: [String: HostState], at site: Site, with ready: Gatherer,
    by deadline: Deadline,
    _ keep: (Int, [Check]) -> Void
  ) async {
    await withTaskGroup(of: (Int, [Check]).self) { group in
      var next = 0
      func start() {
        guard next < jobs.count else { return }
        let index = next
        let (host, reach) = jobs[index]
        next += 1
        group.addTask {
          async let host = ask(
            host, reach, at: site, ready.kit, on: ready.reactors[0], by: deadline)
          let kept = states[jobs[index].0.name]?.memory[BMCReading.name]?.values ?? [:]
          async let bmc = askBMC(of: jobs[index].0, kept, with: ready, by: deadline)
          return (index, await host + bmc)
        }
      }
      for _ in 0..<min(site.settings.fanout, 64) { start() }
      for await (index, checks) in group {
        keep(index, checks)
        start()
      }
    }
  }

  private static func ask(
    _ host: Host, _ reach: Reach, at site: Site, _ kit: ProbeKit, on reactor: Reactor,
    by deadline: Deadline
  ) async -> [Check] {
    guard let profile = site.settings.profiles[host.profile] else { return [] }
    let collectors = Batch(of: profile.tasks).items
    let request = HostRequest(
      host: host, reach: reach, batch: Batch(collectors + [Batch.Item(HostClock.self)]))
    let limit = min(deadline, .after(.seconds(20)))
    let begun = Timestamp.now
    let response = await request.send(kit, on: reactor, by: limit, probesBy: limit)
    let ended = Timestamp.now
    guard let answer = response.answers.first else { return [] }
    if let failure = answer.failure {
      return [Check(.host, host.name, false, "\(failure)", reason: failure.reason)]
    }
    var wrong: [String] = []
    var reason: Reason?
    var absent: [String] = []
    var there: Int64?
    for part in answer.collect(response.batch) {
      if part.name == HostClock.name {
        there = part.sample.facts[HostClock.name].flatMap { Int64($0) }
      } else if let error = part.error, error.reason == .notApplicable {
        absent.append("\(part.name) (\(error.detail))")
      } else if let error = part.error {
        wrong.append("\(part.name) \(error)")
        reason = reason ?? error.reason
      }
    }
    // Passes do not report it; only this command does.
    let notes =
      absent.isEmpty
      ? []
      : [
        Check(
          .host, "\(host.name) collectors", nil,
          "not applicable there, which passes leave out: \(absent.joined(separator: ", "))")
      ]
    // Whole seconds, read between our request and the end of the answer.
    let ahead = there.map { there in
      there > ended.seconds + 1
        ? there - ended.seconds : there < begun.seconds - 1 ? there - begun.seconds : 0
    }
    if let ahead, ahead != 0 {
      wrong.append(
        "its clock is \(ahead.magnitude) s \(ahead < 0 ? "behind" : "ahead of") ours; run chrony or "
          + "systemd-timesyncd there")
    }
    guard wrong.isEmpty else {
      return [Check(.host, host.name, false, wrong.joined(separator: "; "), reason: reason)] + notes
    }
    let login = answer.steps.filter { $0.name != "batch" }.reduce(.zero) { $0 + $1.took }
    let how = host.connection == .local ? "local" : "ssh \(Format.duration(login))"
    let time = ahead == nil ? "" : ", same clock"
    return [
      Check(
        .host, host.name, true,
        "\(how), \(Format.count(collectors.count - absent.count, "collector"))\(time)")
    ] + notes
  }

  private static func askBMC(
    of host: Host, _ kept: [String: [UInt64]], with gatherer: Gatherer, by deadline: Deadline
  ) async -> [Check] {
    guard let settings = host.bmc else { return [] }
    let name = "\(host.name) bmc"
    let begun = Deadline.now
    let answer = await gatherer.ask(
      settings, of: host, remembering: BMCTarget.restMemory(of: kept),
      on: gatherer.reactors[0], by: deadline)
    if let failure = answer.failure {
      return [Check(.host, name, false, "\(failure)", reason: failure.reason)]
    }
    if let problem = answer.problems.first {
      return [
        Check(
          .host, name, false, "\(problem.part) \(problem.reason.rawValue): \(problem.detail)",
          reason: problem.reason)
      ]
    }
    let took = Format.duration(Deadline.now.since(begun))
    return [
      Check(.host, name, true, "\(took), \(Format.count(answer.sensors.count, "sensor"))")
    ]
  }
}
