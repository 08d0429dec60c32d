internal import Configuration
internal import Console
internal import Engine
internal import Inventory
internal import Metrics
internal import Notifiers
internal import Passes
internal import Readiness
internal import Sinks
internal import Store

/// `scrape preflight`: the readiness sheet of an exercise.
enum PreflightCommand: Subcommand {
  static let name = "preflight"
  static let summary = "Asks everything once, and says per team and group whether it is ready."
  static let operands = "[PATTERN]"
  static let options =
    Site.options + [
      Option("--hours", "N", "Length of the exercise: disk and retention must last; default 48."),
      Option("--send", "Sends each contact a test message; otherwise only their APIs are asked."),
      Option("--since", "TIME", "What changed since an earlier sheet: yesterday, 14:05, 2h."),
      Option("--page", "FILE", "Writes the sheet as one HTML file, to print and sign."),
      Option("--title", "TEXT", "Title of that page; default: Readiness."),
      Option("--json", "Prints JSON objects: the sheet, teams, groups, and each line."),
      Option("--deadline", "SECONDS", "Time limit; default 60."),
    ]
  static let discussion = """
    Hosts: reached at each address, key and account, tools of the collectors, clock, BMC and the privilege
    of its user, GPU driver, each probe, a first result of each policy. The monitor: what `scrape doctor`
    checks, disk and retention for the hours to come, contacts, services of scrape.yml. It runs beside
    `scrape watch` and changes no state; each sink gets the point of `scrape doctor`. Sheets stay in the
    store for --since. Exit code 1 if anything is not ready.
    """
  static let examples: [Example] = [
    ("scrape preflight --page sheet.html", "the evening before, to be signed"),
    ("scrape preflight --since yesterday --send", "the morning of, with a message to each contact"),
    ("scrape preflight 'blue1' --hours 8", "one team, after it was repaired"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    let now = Timestamp.now
    let hours = try arguments.integer("--hours", in: 1...8760) ?? 48
    let since = try arguments["--since"].map { text throws(UsageError) in
      try SinceTime.parse(text, at: now)
    }
    let length = try arguments.duration("--deadline") ?? .seconds(60)
    let watchdog = try PassWatchdog(by: .after(length))
    let site = try Site(arguments, secretsOf: { _ in true })
    let hosts = try site.inventory.hosts(matching: arguments.operands.first)
    var findings = Findings()
    let sinks = Sinks.sinks(from: site.settings.sinks, &findings)
    try findings.finish()
    let store = site.store()
    // A store that cannot be opened is a line of the sheet.
    try? await store.open()
    if site.hasStore { try await site.check(store) }
    let preflight = Preflight(of: hosts, at: site, store, hours: hours)
    let progress = Progress(shown: !arguments.has("--json"))
    let notice: (@Sendable (Contact) -> Notice)? =
      arguments.has("--send") ? { @Sendable in NotifyCommand.notice(for: $0, at: now) } : nil
    let outcome = await watchdog.activities.run("preflight") {
      await preflight.run(
        sinks: sinks, notice: notice, since: since, watchdog: watchdog, by: .after(length),
        progress: progress)
    }
    let sheet = outcome.sheet
    if arguments.has("--json") {
      for object in sheet.json(outcome.changes) { Terminal.print(Printable(object)) }
    } else {
      for line in SheetTable(sheet, outcome.changes, try Screen()).lines { Terminal.show(line) }
    }
    if let path = arguments["--page"] {
      let page = sheet.page(title: arguments["--title"] ?? "Readiness", outcome.changes) {
        fold($0)
      }
      try SmallFile.replace(path, with: page, mode: 0o644)
    }
    for note in outcome.notes { Terminal.note("scrape: \(note.visible)") }
    Terminal.note(Printable(sheet.verdict))
    if outcome.isInterrupted { return ExitCode.interrupted }
    return sheet.isReady ? ExitCode.ok : ExitCode.notOK
  }
}
