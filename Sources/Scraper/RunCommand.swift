internal import Collectors
internal import Configuration
internal import Console
internal import Engine
internal import Facts
internal import Metrics
internal import Passes
internal import Sinks
internal import Store
internal import Inventory
internal import Probes

/// `scrape run`: one pass over the inventory, for cron and timers.
enum RunCommand: Subcommand {
  static let name = "run"
  static let summary =
    "Runs one pass: scrapes all hosts, stores the points, writes them to sinks, sends alerts."
  static let operands = ""
  static let options =
    Site.options + Site.hostOptions + [
      Option("--only", "NAMES", "Only these collectors, due or not: cpu,mem,bmc,probes."),
      Option("--deadline", "SECONDS", "Time limit of the pass; default: scrape.yml, else 60."),
      Option("--stdout", "Prints line protocol instead of writing to the sinks."),
      Option("--json", "Prints one JSON object per point instead of writing to the sinks."),
    ] + Site.storeOptions + [
      Option("--now", "Asks accounts, too, that rest after refused log-ins."),
      Option("--dry-run", "Prints what would run; contacts no host."),
      Option("--quiet", short: "-q", "Prints only new troubles and errors."),
      Option(
        "--verbose", short: "-v",
        "Prints a table of all hosts with their main figures, and all names in full."),
    ]
  static let discussion = """
    A collector runs when its interval is due: a timer may start a pass every 15 s while disks are read
    once a minute. A second pass exits with a message while one runs. Points that a sink did not accept
    stay in the store and are sent again by the next pass.

    After three refused log-ins in a row an account rests 5, 10, 20, 40, then 60 minutes, so that the
    host does not lock it: `resting`, not ok. A changed key, password file, user or address ends the
    rest; --now logs in at once.
    """
  static let examples: [Example] = [
    ("scrape run", "one pass over ./inventory or /etc/scrape"),
    ("scrape run --limit 'ctf*,!ctf07' --stdout", "some hosts, as line protocol for Telegraf"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    // The command line first: its faults need no inventory.
    let only = try names(arguments["--only"])
    let wantedFanout = try arguments.integer("--fanout", in: 1...10_000)
    let wantedLength = try arguments.duration("--deadline")
    let spool = try OwnSpool(arguments)
    // The watchdog starts here: a disk that hangs may block anything below.
    let watchdog = try PassWatchdog(by: .after(wantedLength ?? .seconds(60)))
    let needsSecrets = !arguments.has("--dry-run")
    let site = try Site(arguments, secretsOf: { _ in needsSecrets })
    let hosts = try site.hosts(arguments)
    let fanout = wantedFanout ?? site.settings.fanout
    let length = wantedLength ?? site.settings.deadline
    watchdog.expect(by: .after(length), nil)
    var findings = Findings()
    var sinks = Sinks.sinks(from: site.settings.sinks, secrets: needsSecrets, &findings)
    try findings.finish()
    if arguments.has("--stdout") { sinks = [StandardOutput(.lineProtocol)] }
    if arguments.has("--json") { sinks = [StandardOutput(.json)] }
    if arguments.has("--dry-run") {
      return try await dryRun(site, hosts, only: only)
    }
    let quiet = arguments.has("--quiet")
    let warnings = site.inventory.warnings.count
    // A count suffices: cron would mail the full text every time.
    if warnings > 0, Terminal.isLively(2), !quiet {
      Terminal.note("\(Format.count(warnings, "warning")) about the inventory: `scrape lint`")
    }
    if !quiet { for old in site.renamed { Terminal.note("scrape: \(old.oneLine)".visible) } }

    let store = site.store()
    do {
      try await store.open()
      if let group = site.settings.store.group { try store.share(with: group) }
      for note in await store.notes() { Terminal.note("scrape: \(note.visible)") }
    } catch  where error.reason == .foreign {
      Terminal.note("scrape run: \(error)")
      return ExitCode.usage
    } catch {
      // Without the store there are no rates and no queues, but scraping still works.
      Terminal.note("scrape: \("\(error)".visible)")
    }
    let begun = Deadline.now
    let deadline = begun.advanced(by: length)
    var lock: Lock?
    do {
      lock = try await Lock.take(beside: site.storePath, until: deadline)
    } catch let error as SystemError {
      Terminal.note("scrape: no lock: \(error.description.visible)")
      lock = nil
    } catch let held as Lock.Held {
      Terminal.note("scrape: \(held.text.visible)")
      return ExitCode.notOK
    }
    watchdog.expect(by: deadline, lock?.note)
    let unfinished = lock?.unfinished
    do {
      try await site.claim(store, adopting: arguments.has("--adopt-store"))
    } catch is StoreError {
      // The pass reports it, and scrapes all the same.
    }
    let pass = Pass(
      site: site, store: store, hosts: hosts, sinks: sinks, fanout: fanout,
      watchdog: watchdog, askBy: begun.advanced(by: length - min(length / 5, .seconds(5))),
      deadline: deadline, unfinished: unfinished, only: only, isByHand: Terminal.isAttended,
      ignoresRests: arguments.has("--now"), spool: spool)
    let progress = Progress(shown: !quiet)
    let report = await watchdog.activities.run("pass") { await pass.run(progress) }
    lock?.release()
    let summary = Summary(report, verbose: arguments.has("--verbose"))
    // The table must not mix with points on standard output.
    if arguments.has("--verbose") {
      let isData = arguments.has("--stdout") || arguments.has("--json")
      Terminal.writeText(summary.table + "\n", to: isData ? 2 : 1)
    }
    if quiet {
      for line in (report.news?.lines ?? []) + summary.errors { Terminal.note(line) }
    } else {
      Terminal.note(summary.text)
    }
    // What it holds goes with the process, which ends now: giving back each point costs 1 % of a pass.
    _ = Unmanaged.passRetained(Leftover(summary: summary))
    return summary.exitCode
  }

  private final class Leftover {
    let summary: Summary
    init(summary: Summary) { self.summary = summary }
  }

  /// The collectors that `--only` names.
  static func names(_ text: String?) throws(UsageError) -> Set<String>? {
    guard let text else { return nil }
    let known =
      Collectors.collectors.map { $0.name } + [
        BMCReading.name, ServiceReading.name, PolicyReading.name, FactScript.name,
      ]
    let names = text.split(separator: ",").map(String.init)
    for name in names where !known.contains(name) {
      let hint = didYouMean(name, among: known).map { "; \($0)" } ?? ""
      throw UsageError(message: "unknown collector \"\(name)\"\(hint)")
    }
    return Set(names)
  }

  private static func dryRun(
    _ site: Site, _ hosts: [Host], only: Set<String>?
  ) async throws -> Int32 {
    let states = try await site.knownStates(of: hosts)
    let plan = Plan(
      hosts.filter { site.inventory.spool(of: $0.name) == nil }, settings: site.settings,
      probes: site.probes, states: states, at: .now, only: only)
    let width =
      (plan.turns.map(\.host) + plan.bmcs.map(\.host) + plan.probes.map(\.host)).map(\.name.count)
      .max() ?? 0
    for turn in plan.turns {
      let how =
        turn.host.connection == .local
        ? "local"
        : "ssh \(turn.host.user.map { "\($0)@" } ?? "")\(turn.host.address):\(turn.host.port)"
      let what = turn.tasks.map(\.collector).joined(separator: " ")
      Terminal.print("\(Format.pad(turn.host.name, width))  \(how)  \(what)")
    }
    for turn in plan.bmcs {
      let user = turn.settings.user.map { "\($0)@" } ?? ""
      Terminal.print(
        "\(Format.pad(turn.host.name, width))  bmc \(user)\(turn.settings.address)"
          + ":\(turn.settings.port)")
    }
    for turn in plan.probes {
      let what = turn.plans.map(\.service).joined(separator: " ")
      Terminal.print("\(Format.pad(turn.host.name, width))  probes \(what)".visible)
    }
    let asked = Set(plan.turns.map(\.host.name) + plan.probes.map(\.host.name)).count
    let bmcs = plan.bmcs.isEmpty ? "" : " and \(Format.count(plan.bmcs.count, "BMC"))"
    Terminal.note(
      "\(Format.count(asked, "host"))\(bmcs) would be asked, \(plan.idle) with nothing "
        + "due; no host was contacted"
    )
    return ExitCode.ok
  }
}
