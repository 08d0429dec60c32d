internal import Collectors
internal import Configuration
internal import Engine
internal import Metrics
internal import Sinks
internal import Targets

/// `scrape host`: one host, now, shown to a person.
enum HostCommand: Subcommand {
  static let name = "host"
  static let summary = "Asks one host now and shows a person what it said."
  static let operands = "NAME"
  static let options =
    Site.options + [
      Option("--only", "NAMES", "Only these collectors: cpu,mem."),
      Option("--explain", "Every step, the script that ran, its raw output, and how to repeat it."),
      Option("--json", "One JSON object with the same facts."),
      Option("--deadline", "SECONDS", "Gives up after this; else 30."),
    ]
  static let discussion = """
    The host is asked twice, a second apart, so that rates show at once. Nothing is written to the
    store or to any sink. Exit code 1 if the host could not be read, or not wholly.
    """
  static let examples: [Example] = [
    ("scrape host gpu2", "what the host says now"),
    ("scrape host gpu2 --only disk --explain", "why a collector has nothing to tell"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    guard let name = arguments.operands.first, arguments.operands.count == 1 else {
      throw UsageError(message: "name one host: scrape host NAME")
    }
    let site = try Site(arguments)
    guard let host = site.inventory.host(name) else {
      let hint = didYouMean(name, among: site.inventory.hosts.map(\.name)).map { "; \($0)" } ?? ""
      throw UsageError(message: "no host \"\(name)\" in the inventory\(hint)")
    }
    let only = try RunCommand.names(arguments["--only"])
    var plan = Plan(
      [host], settings: site.settings, states: [:], at: .now,
      only: only ?? Set(site.settings.profiles[host.profile]?.tasks.map(\.collector) ?? []))
    if let only {
      // What the profile leaves out can still be asked for by hand.
      for name in only.sorted()
      where plan.turns.first?.tasks.contains(where: { $0.collector == name }) != true {
        plan.add(name, for: host, settings: site.settings)
      }
    }
    guard let turn = plan.turns.first else {
      throw UsageError(message: "profile \(host.profile) asks nothing of \(name)")
    }
    var gatherer = await Gatherer(site)
    let reach = Reach(host, &gatherer)
    let deadline = Deadline.after(try arguments.duration("--deadline") ?? .seconds(30))
    let visit = await Visit(turn, reach, on: gatherer.reactors[0], by: deadline)
    let past = await History(of: name, in: site)
    let report = HostReport(visit, past: past)
    if arguments.has("--json") {
      Terminal.print(report.json.text)
    } else {
      Terminal.print(report.text)
      if arguments.has("--explain") {
        Terminal.print(Explanation(visit, site: site, reach: reach).text)
      }
    }
    for warning in gatherer.warnings { Terminal.note("scrape: \(warning.visible)") }
    return visit.isWhole ? ExitCode.ok : ExitCode.notOK
  }
}

/// One host asked twice: everything, and a second later what has counters.
struct Visit {
  let turn: Plan.Turn
  let answer: HostAnswer
  /// The points, with those of the second answer in place of the first's.
  private(set) var points: [Point] = []
  private(set) var facts: [String: String] = [:]
  private(set) var problems: [CollectorProblem] = []
  /// What each collector made of its text, for `--explain`.
  private(set) var made: [(collector: String, points: Int, error: CollectorError?)] = []

  init(_ turn: Plan.Turn, _ reach: Reach, on reactor: Reactor, by deadline: Deadline) async {
    self.turn = turn
    let batch = turn.batch
    // Users, log-ins, disks and GPUs do not change in a second and cost the host a process each.
    let again = Batch(
      batch.items.filter { !$0.collector.mayHang && !$0.collector.remembersAcrossBoots })
    let batches = again.items.isEmpty ? [batch] : [batch, again]
    let answers = await reach.ask(
      batches, pause: .seconds(1), on: reactor, by: deadline)
    answer = answers[0]
    let later = answers.count > 1 && answers[1].failure == nil ? answers[1] : nil
    for item in batch.items {
      let name = item.collector.name
      let (first, error) = answer.sample(item, previous: nil)
      var sample = first
      var problem = error
      if let later, again.items.contains(where: { $0.collector.name == name }), error == nil {
        let memory = Memory(time: answer.time, uptime: answer.uptime, values: first.memory)
        let (second, failure) = later.sample(item, previous: first.memory.isEmpty ? nil : memory)
        if failure == nil { sample = second }
        problem = failure
      }
      points += sample.points
      facts.merge(sample.facts) { $1 }
      made.append((name, sample.points.count, problem))
      if let problem, problem.reason != .notApplicable {
        problems.append(
          CollectorProblem(
            collector: name, reason: problem.reason.rawValue, detail: problem.detail))
      }
    }
  }

  var isWhole: Bool { answer.failure == nil && problems.isEmpty }
}

/// What the store remembers of a host, if there is a store.
struct History {
  /// `usage_active` of all CPUs, the last values.
  var cpu: [Double] = []
  var lastUp: Timestamp?

  init(of host: String, in site: Site) async {
    guard site.hasStore else { return }
    let store = site.store()
    let now = Timestamp.now
    let from = Timestamp(nanoseconds: now.nanoseconds &- 3_600_000_000_000)
    let values =
      (try? await store.history(
        host: host, measurement: "cpu", field: "usage_active", tags: [Tag("cpu", "cpu-total")],
        from: from, to: now)) ?? []
    cpu = values.suffix(8).compactMap { if case .float(let value) = $0.1 { value } else { nil } }
    lastUp = (try? await store.status())?.first { $0.host == host }?.lastUp
    await store.close()
  }
}

extension Plan {
  /// Adds a collector that the profile does not name, with its own defaults.
  mutating func add(_ name: String, for host: Host, settings: Settings) {
    guard Collectors.collectors.contains(where: { $0.name == name }),
      let profile = settings.profiles[host.profile]
    else { return }
    if turns.isEmpty {
      turns.append(
        Turn(
          host: host, profile: profile, tasks: [], due: [:], state: HostState(), lateness: .zero))
    }
    turns[0].tasks.append(Profile.Task(name, every: .zero))
    makeBatches()
  }
}
