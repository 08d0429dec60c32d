internal import Collectors
internal import Configuration
public import Engine
internal import Metrics
internal import Hosts
internal import IPMI
public import Inventory

/// The checks of `scrape doctor` on hosts and their BMCs.
public enum HostChecks: Sendable {
  public static func all(
    of hosts: [Host], at site: Site, with gatherer: Gatherer, by deadline: Deadline
  ) async -> [Check] {
    var gatherer = gatherer
    let jobs = hosts.map { ($0, Reach($0, &gatherer)) }
    let ready = gatherer
    var found: [Int: [Check]] = [:]
    await withTaskGroup(of: (Int, [Check]).self) { group in
      var next = 0
      func start() {
        guard next < jobs.count else { return }
        let index = next
        let (host, reach) = jobs[index]
        next += 1
        group.addTask {
          async let host = ask(host, reach, at: site, on: ready.reactors[0], by: deadline)
          async let bmc = askBMC(of: jobs[index].0, with: ready, by: deadline)
          return (index, await host + bmc)
        }
      }
      for _ in 0..<min(site.settings.fanout, 64) { start() }
      for await (index, checks) in group {
        found[index] = checks
        start()
      }
    }
    return jobs.indices.flatMap { found[$0] ?? [] }
  }

  private static func ask(
    _ host: Host, _ reach: Reach, at site: Site, on reactor: Reactor, by deadline: Deadline
  ) async -> [Check] {
    guard let profile = site.settings.profiles[host.profile] else { return [] }
    let collectors = Batch(of: profile.tasks).items
    let clock = Batch.Item(HostClock.self)
    let begun = Timestamp.now
    let answer = await reach.ask(
      [Batch(collectors + [clock])], on: reactor, by: min(deadline, .after(.seconds(20))))[0]
    let ended = Timestamp.now
    if let failure = answer.failure {
      return [Check(.host, host.name, false, "\(failure)")]
    }
    var wrong: [String] = []
    var absent: [String] = []
    for item in collectors {
      let (_, error) = answer.sample(item, previous: nil)
      guard let error else { continue }
      if error.reason == .notApplicable {
        absent.append("\(item.collector.name) (\(error.detail))")
      } else {
        wrong.append("\(item.collector.name) \(error)")
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
    let there = answer.sample(clock, previous: nil).sample.facts[HostClock.name]
      .flatMap { Int64($0) }
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
      return [Check(.host, host.name, false, wrong.joined(separator: "; "))] + notes
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
    of host: Host, with gatherer: Gatherer, by deadline: Deadline
  ) async -> [Check] {
    guard let settings = host.bmc else { return [] }
    let name = "\(host.name) bmc"
    let target: BMCTarget
    do throws(TargetError) { target = try gatherer.bmc(settings, of: host) } catch {
      return [Check(.host, name, false, "\(error)")]
    }
    let begun = Deadline.now
    let answer = await gatherer.reactors[0].open { reactor in
      await target.ask(remembering: [:], byHand: true, on: reactor, by: deadline)
    }
    if let failure = answer.failure { return [Check(.host, name, false, "\(failure)")] }
    if let problem = answer.problems.first {
      return [
        Check(
          .host, name, false, "\(problem.part) \(problem.reason.rawValue): \(problem.detail)")
      ]
    }
    let took = Format.duration(Deadline.now.since(begun))
    return [
      Check(.host, name, true, "\(took), \(Format.count(answer.sensors.count, "sensor"))")
    ]
  }
}

/// The clock of a host in whole seconds since 1970: the fact `doctor_clock`.
private enum HostClock: Collector {
  static let name = "doctor_clock"
  static let summary = "what time it is there"
  static let measurements: [Measurement] = []

  static func script(_ options: CollectorOptions) -> String? { "date +%s" }

  static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError) {
    guard let output = host.output?.standardOutput else { return }
    let digits = output.prefix { $0 >= 0x30 && $0 <= 0x39 }
    if !digits.isEmpty, digits.count < 15 {
      sample.facts[name] = String(decoding: digits, as: UTF8.self)
    }
  }
}
