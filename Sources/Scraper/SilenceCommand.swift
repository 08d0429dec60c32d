internal import Alerts
internal import Configuration
internal import Console
internal import Engine
internal import Metrics
internal import Passes
internal import Rules
internal import Sinks
internal import Store
internal import Inventory

/// `scrape silence`: silences notifications of matching hosts for a given time.
enum SilenceCommand: Subcommand {
  static let name = "silence"
  static let summary =
    "Silences notifications of matching hosts for a given time; lists silences without operands."
  static let operands = "[PATTERN] [DURATION | until TIME]"
  static let options =
    Site.options + [
      Option("--why", "TEXT", "The reason, for colleagues on call."),
      Option("--check", "GLOB", "Only checks of that name: ssh, https, \"rule disk*\"."),
      Option("--end", "NUMBER", "Ends a silence now."),
      Option(
        "--edit", "NUMBER",
        "Changes a silence: PATTERN, DURATION, --check or --why, as given."),
    ]
  static let discussion = """
    PATTERN is as for --limit, or host names as scrape prints them (web[02-06]). DURATION has a unit
    (30m, 2h, 1h30m, 3 days). TIME is local time: 18:00 (the next one), mon 08:00, tomorrow 08:00,
    2026-11-20 18:00.

    A silence suppresses notifications only: points are written and states are evaluated. Alerts that
    are still active when the silence ends are sent then. A silence of a switch or hypervisor includes
    all hosts behind or on it while it is down. Set recurring windows under
    `alerts: {maintenance: …}` in scrape.yml.
    """
  static let examples: [Example] = [
    ("scrape silence 'ctf*' 2h --why 'reset between rounds'", "silences for two hours"),
    ("scrape silence 'web[02-06]' until 18:00", "silences until this evening"),
    ("scrape silence --edit 3 4h", "silence 3 ends four hours from now"),
    ("scrape silence", "lists silences: hosts, end, author"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    let site = try Site(arguments, checkingKeys: false)
    let store = site.store()
    try await site.check(store)
    let now = Timestamp.now
    if let text = arguments["--end"] {
      guard arguments["--edit"] == nil, arguments.operands.isEmpty else {
        throw UsageError(message: "--end takes a silence's number and nothing else")
      }
      let number = try number(text, "--end")
      guard try await store.endSilence(number, by: Account.person, at: now) else {
        return none(number)
      }
      Terminal.show("silence \(number) ended")
      return ExitCode.ok
    }
    if let text = arguments["--edit"] {
      return try await edit(try number(text, "--edit"), arguments, site, store, at: now)
    }
    guard let pattern = arguments.operands.first else {
      guard arguments["--why"] == nil, arguments["--check"] == nil else {
        throw UsageError(message: "which hosts? scrape silence PATTERN 2h --why TEXT")
      }
      try await list(site, store, at: now)
      return ExitCode.ok
    }
    let until = try SilenceEnd.parse(Array(arguments.operands.dropFirst()), at: now)
    let (silence, names) = try await site.silence(
      pattern, check: arguments["--check"], until: until, who: Account.person,
      why: arguments["--why"] ?? "", in: store, at: now)
    show(silence, names, at: now)
    return ExitCode.ok
  }

  private static func edit(
    _ number: Int64, _ arguments: Arguments, _ site: Site, _ store: Store, at now: Timestamp
  ) async throws -> Int32 {
    guard
      var silence = try await store.silences().first(where: { $0.id == number && $0.until > now })
    else { return none(number) }
    var words = arguments.operands
    if let first = words.first, !SilenceEnd.isTime(first) {
      silence.hosts = first
      words.removeFirst()
    }
    if !words.isEmpty { silence.until = try SilenceEnd.parse(words, at: now) }
    if let check = arguments["--check"] { silence.check = check.isEmpty ? nil : check }
    if let why = arguments["--why"] { silence.why = why }
    guard !arguments.operands.isEmpty || arguments["--check"] != nil || arguments["--why"] != nil
    else { throw UsageError(message: "what is to change? scrape silence --edit \(number) 2h") }
    let names = try site.namesWithChecks(silence.hosts)
    try await store.change(silence, of: names, by: Account.person, at: now)
    show(silence, names, at: now)
    return ExitCode.ok
  }

  private static func number(_ text: String, _ option: String) throws(UsageError) -> Int64 {
    guard let number = Int64(text) else {
      throw UsageError(message: "\(option) takes a silence's number, not \"\(text)\"")
    }
    return number
  }

  private static func none(_ number: Int64) -> Int32 {
    Terminal.note(
      "scrape silence: there is no silence \(number), or it is over; `scrape silence` lists them")
    return ExitCode.notOK
  }

  private static func show(_ silence: Store.Silence, _ names: [String], at now: Timestamp) {
    Terminal.show(silence.words(names, at: now))
  }

  private static func list(_ site: Site, _ store: Store, at now: Timestamp) async throws {
    let silences = try await store.silences().filter { $0.until > now }
    for silence in silences {
      let checks = silence.check.map { " \($0)" } ?? ""
      let why = silence.why.isEmpty ? "" : ": \(silence.why)"
      let length = Format.age(silence.until.since(now))
      let isOfNone =
        !Pseudo.withChecks.union(site.inventory.strangers).contains(silence.hosts)
        && site.inventory.remaining(silence.hosts).isEmpty
      Terminal.show(
        "\(silence.id)  \(silence.hosts)\(checks)  until \(Format.moment(silence.until)) (\(length)), "
          .visible + "\(silence.who)\(why)".visible + (isOfNone ? " (no such host any more)" : ""))
    }
    let windows = site.alerts.maintenance.filter { $0.holds(now) }
    for window in windows {
      let hosts = window.hosts.map { fold($0.sorted()) } ?? "all"
      Terminal.show("–  \(hosts)  maintenance of scrape.yml: \(window.why)".visible)
    }
    if silences.isEmpty, windows.isEmpty { Terminal.note("nothing is silenced") }
  }
}
