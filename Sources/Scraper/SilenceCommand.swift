internal import Configuration
internal import Metrics
internal import Rules
internal import Sinks
internal import Targets

/// `scrape silence`: nobody is told of some hosts for some time.
enum SilenceCommand: Subcommand {
  static let name = "silence"
  static let summary = "Tells nobody of some hosts for some time; lists silences without operands."
  static let operands = "[PATTERN] [DURATION]"
  static let options =
    Site.options + [
      Option("--why", "TEXT", "The reason, for those who wonder at night."),
      Option("--check", "GLOB", "Only checks of that name: ssh, https, \"rule disk*\"."),
      Option("--end", "NUMBER", "Ends a silence now."),
    ]
  static let discussion = """
    Points are written and states are judged as ever: suppressed are messages, never data. What is
    still wrong when the silence ends is told then. A silence of a switch or hypervisor is one of all
    that is behind or on it, while that is down. Windows that come again stand under
    `alerts: {maintenance: …}` in scrape.yml.
    """
  static let examples: [Example] = [
    ("scrape silence 'ctf*' 2h --why 'reset between rounds'", "two hours of quiet"),
    ("scrape silence", "what is silenced, until when, by whom"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    let site = try Site(arguments)
    let store = site.store()
    try await site.check(store)
    let now = Timestamp.now
    if let text = arguments["--end"] {
      guard let number = Int64(text) else {
        throw UsageError(message: "--end takes a silence's number, not \"\(text)\"")
      }
      guard try await store.endSilence(number, at: now) else {
        Terminal.note("scrape silence: there is no silence \(number) that could end")
        return ExitCode.notOK
      }
      Terminal.print("silence \(number) ended")
      return ExitCode.ok
    }
    guard let pattern = arguments.operands.first else {
      try await list(site, store, at: now)
      return ExitCode.ok
    }
    guard let text = arguments.operands.dropFirst().first, let length = Duration(text: text),
      length > .zero, length <= .seconds(90 * 86_400)
    else {
      throw UsageError(
        message: "for how long, at most 90d? scrape silence \(pattern) 2h --why TEXT")
    }
    let names =
      Pseudo.all.contains(pattern) ? [pattern] : try site.inventory.select(pattern).map(\.name)
    guard !names.isEmpty else { throw UsageError(message: "no host matches \"\(pattern)\"") }
    let until = Timestamp(nanoseconds: now.nanoseconds &+ length.nanoseconds)
    let number = try await store.add(
      Store.Silence(
        hosts: pattern, check: arguments["--check"], from: now, until: until, who: Account.user,
        why: arguments["--why"] ?? ""))
    let checks = arguments["--check"].map { ", \($0)" } ?? ""
    Terminal.print(
      "silence \(number): \(fold(names.sorted()))\(checks) until \(Figure.time(until))".visible)
    return ExitCode.ok
  }

  private static func list(_ site: Site, _ store: Store, at now: Timestamp) async throws {
    for silence in try await store.silences() where silence.until > now {
      let checks = silence.check.map { " \($0)" } ?? ""
      let why = silence.why.isEmpty ? "" : ": \(silence.why)"
      Terminal.print(
        "\(silence.id)  \(silence.hosts)\(checks)  until \(Figure.time(silence.until)), "
          .visible + "\(silence.who)\(why)".visible)
    }
    for window in site.alerts.maintenance where window.holds(now) {
      let hosts = window.hosts.map { fold($0.sorted()) } ?? "all"
      Terminal.print("–  \(hosts)  maintenance of scrape.yml: \(window.why)".visible)
    }
  }
}
