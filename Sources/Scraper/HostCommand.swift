internal import Collectors
internal import Configuration
internal import Console
internal import Engine
internal import Metrics
internal import Passes
internal import Sinks
internal import Store
internal import Inventory

/// `scrape host`: scrapes one host and shows the result.
enum HostCommand: Subcommand {
  static let name = "host"
  static let summary = "Scrapes one host now and shows its facts and figures."
  static let operands = "NAME"
  static let options =
    Site.options + [
      Option("--only", "NAMES", "Only these collectors: cpu,mem,bmc,probes."),
      Option("--explain", "Shows every step, the script, its raw output, and how to repeat it."),
      Option("--json", "Prints one JSON object with the same facts."),
      Option("--now", "Logs in, too, where the account rests after refused log-ins."),
      Option("--deadline", "SECONDS", "Time limit; default 30."),
    ]
  static let discussion = """
    Scrapes the host twice, 1 s apart, to compute rates. Writes nothing to the store or to any sink.
    Exit code 1 if scraping failed or was incomplete. An account that rests after refused log-ins is
    asked with --now only; `scrape run --now --limit NAME` ends its rest.
    """
  static let examples: [Example] = [
    ("scrape host gpu2", "shows the host"),
    ("scrape host gpu2 --only disk --explain", "shows why a collector has no points"),
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
    if let spool = site.inventory.spool(of: name), spool.carrier.name != name {
      throw UsageError(
        message:
          "\(name) comes through the spool of \(spool.carrier.name): only the monitor there asks "
          + "it; `scrape status \(name)` shows what is known")
    }
    let only = try RunCommand.names(arguments["--only"])
    let tasks = site.settings.profiles[host.profile]?.tasks.map(\.collector) ?? []
    let store = site.hasStore ? site.storeToRead() : nil
    if let store { try await site.check(store) }
    let states = (try? await store?.load([name])) ?? [:]
    var plan = Plan(
      [host], settings: site.settings, probes: site.probes, states: states, at: .now,
      only: only ?? Set(tasks + [BMCReading.name, ServiceReading.name]))
    if let only {
      // `--only` may name collectors that the profile does not have.
      for name in only.sorted()
      where ![BMCReading.name, ServiceReading.name].contains(name)
        && plan.turns.first?.tasks.contains(where: { $0.collector == name }) != true
      {
        plan.add(name, for: host, settings: site.settings)
      }
    }
    let bmc = plan.bmcs.first
    if only?.contains(BMCReading.name) == true, bmc == nil {
      throw UsageError(message: "\(name) has no `bmc:` in the inventory")
    }
    let probes = plan.probes.first
    if only?.contains(ServiceReading.name) == true, probes == nil {
      throw UsageError(message: "\(name) has no `probes:` in the inventory")
    }
    if plan.turns.isEmpty, bmc != nil || probes != nil {
      plan.addEmpty(host, settings: site.settings)
    }
    guard let turn = plan.turns.first else {
      throw UsageError(message: "profile \(host.profile) asks nothing of \(name)")
    }
    let logins = await site.logins(ignoringRests: arguments.has("--now"))
    var gatherer = await Gatherer(site, logins: logins)
    let reach = Reach(host, &gatherer)
    gatherer.prepare(bmcOf: host)
    let deadline = Deadline.after(try arguments.duration("--deadline") ?? .seconds(30))
    let ready = gatherer
    let visit = await ready.serving {
      await HostVisit(turn, reach, bmc: bmc, probes: probes, with: ready, by: deadline)
    }
    let past = await HostHistory(of: name, policies: site.policies, in: store)
    let report = HostReport(visit, past: past)
    if arguments.has("--json") {
      Terminal.print(Printable(report.json))
    } else {
      Terminal.show(report.text)
      if arguments.has("--explain") {
        Terminal.show(Explanation(visit, site: site, reach: reach).text)
      }
    }
    for warning in gatherer.warnings { Terminal.note("scrape: \(warning.visible)") }
    return visit.isWhole ? ExitCode.ok : ExitCode.notOK
  }
}

extension Plan {
  /// Adds an entry without collectors.
  mutating func addEmpty(_ host: Host, settings: Settings) {
    guard let profile = settings.profiles[host.profile] else { return }
    turns.append(
      Turn(host: host, profile: profile, tasks: [], due: [:], state: HostState(), lateness: .zero))
  }

  /// Adds a collector that the profile does not name, with its own defaults.
  mutating func add(_ name: String, for host: Host, settings: Settings) {
    guard Collectors.collectors.contains(where: { $0.name == name }),
      settings.profiles[host.profile] != nil
    else { return }
    if turns.isEmpty { addEmpty(host, settings: settings) }
    turns[0].tasks.append(Profile.Task(name, every: .zero))
    makeBatches()
  }
}
