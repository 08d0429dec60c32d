internal import Configuration
internal import Metrics
internal import Rules
internal import Sinks
internal import Targets

/// `scrape ack`: somebody knows, and nobody is reminded any more.
enum AckCommand: Subcommand {
  static let name = "ack"
  static let summary = "Says that what is wrong with some hosts is known."
  static let operands = "PATTERN"
  static let options =
    Site.options + [
      Option("--why", "TEXT", "What is being done about it."),
      Option("--check", "GLOB", "Only checks of that name: ssh, https, \"rule disk*\"."),
    ]
  static let discussion = """
    It holds for what is wrong now, until that is well again or becomes worse. The messages that were
    sent say who knows and why. PATTERN is as for --limit, or "(services)" for those of scrape.yml.
    """
  static let examples: [Example] = [
    ("scrape ack esx3 --why 'PSU is on its way'", "no reminders of esx3"),
    ("scrape ack 'web*' --check https", "only of one check"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    let site = try Site(arguments)
    guard let pattern = arguments.operands.first else {
      throw UsageError(message: "which hosts? scrape ack PATTERN --why TEXT")
    }
    let store = site.store()
    try await site.check(store)
    let names =
      Pseudo.all.contains(pattern)
      ? [pattern] : Set(try site.inventory.select(pattern).map(\.name))
    let watch = Watch(site)
    var words: [Store.Acknowledgement] = []
    for (host, checks) in try await store.states() where names.contains(host) {
      for (check, state) in checks where watch.has(check, of: host) {
        guard state.severity != .ok || state.isFlapping else { continue }
        if let glob = arguments["--check"], !Glob.matches(check, glob) { continue }
        words.append(
          Store.Acknowledgement(
            host: host, check: check,
            // What is flapping may be well at the moment.
            severity: state.isFlapping ? .critical : state.severity, time: .now, who: Account.user,
            why: arguments["--why"] ?? ""))
      }
    }
    guard !words.isEmpty else {
      Terminal.note("scrape ack: nothing is wrong there; `scrape status` shows what is")
      return ExitCode.notOK
    }
    try await store.add(words)
    for word in words.sorted(by: { ($0.host, $0.check) < ($1.host, $1.check) }) {
      Terminal.print("\(word.host)  \(word.check) \(word.severity.rawValue)".visible)
    }
    return ExitCode.ok
  }
}
