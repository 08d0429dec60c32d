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

/// `scrape ack`: acknowledges open alerts; reminders stop.
enum AckCommand: Subcommand {
  static let name = "ack"
  static let summary =
    "Acknowledges open alerts of matching hosts; lists acknowledgements without operands."
  static let operands = "[PATTERN]"
  static let options =
    Site.options + [
      Option("--why", "TEXT", "The reason, or what is being done."),
      Option("--check", "GLOB", "Only checks of that name: ssh, https, \"rule disk*\"."),
      Option("--end", "Removes the acknowledgements of these hosts."),
    ]
  static let discussion = """
    An acknowledgement covers current alerts. It ends when a check is ok again or becomes worse.
    `scrape status` and `scrape alerts` show it at once; sent messages show it after the next pass.
    A second acknowledgement replaces the reason. PATTERN is as for --limit, or "(services)" for the
    services of scrape.yml.
    """
  static let examples: [Example] = [
    ("scrape ack esx3 --why 'PSU is on its way'", "stops reminders of esx3"),
    ("scrape ack 'web*' --check https", "acknowledges one check only"),
    ("scrape ack", "lists acknowledgements: check, author, begin"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    let site = try Site(arguments, checkingKeys: false)
    let store = site.store()
    try await site.check(store)
    let isEnd = arguments.has("--end")
    guard let pattern = arguments.operands.first else {
      guard !isEnd, arguments["--why"] == nil, arguments["--check"] == nil else {
        throw UsageError(message: "which hosts? scrape ack PATTERN --why TEXT")
      }
      return try await list(site, store)
    }
    if isEnd {
      let names = Set(try site.namesWithChecks(pattern))
      let ended = try await store.acknowledgements().filter { word in
        names.contains(word.host)
          && arguments["--check"].map { CheckName(word.check).matches($0) } != false
      }
      guard !ended.isEmpty else {
        Terminal.note("scrape ack: nothing is acknowledged there; `scrape ack` lists what is")
        return ExitCode.notOK
      }
      try await store.remove(ended, by: Account.person, at: .now)
      for word in ended { Terminal.show("\(word.host)  \(word.check) not acknowledged".visible) }
      return ExitCode.ok
    }
    let words = try await site.acknowledge(
      pattern, check: arguments["--check"], who: Account.person, why: arguments["--why"] ?? "",
      in: store)
    guard !words.isEmpty else {
      Terminal.note("scrape ack: nothing is wrong there; `scrape status` shows what is")
      return ExitCode.notOK
    }
    for word in words {
      Terminal.show("\(word.host)  \(word.check) \(word.severity.rawValue)".visible)
    }
    return ExitCode.ok
  }

  /// Lists acknowledgements, one line per check, author and reason.
  private static func list(_ site: Site, _ store: Store) async throws -> Int32 {
    struct Kind: Hashable {
      var check: String
      var severity: Severity
      var who: String
      var why: String
    }
    let feed = try await AlertFeed(now: .now, of: site, store)
    let alerts = Dictionary(
      feed.alerts.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    var kinds: [Kind: [Store.Acknowledgement]] = [:]
    for word in try await store.acknowledgements()
    where alerts[Alert.Key(word.host, word.check)]?.acknowledgement != nil {
      let kind = Kind(
        check: word.check, severity: word.severity, who: word.who, why: word.why)
      kinds[kind, default: []].append(word)
    }
    let lines = kinds.sorted {
      ($1.value[0].time, $0.key.check, $0.value[0].host)
        < ($0.value[0].time, $1.key.check, $1.value[0].host)
    }
    for (kind, words) in lines {
      let since = words.map(\.time).min() ?? words[0].time
      let why = kind.why.isEmpty ? "" : ": \(kind.why)"
      Terminal.show(
        "\(fold(words.map(\.host)))  \(kind.check) \(kind.severity.rawValue)  ".visible
          + "since \(Format.moment(since)), \(kind.who)\(why)".visible)
    }
    if lines.isEmpty { Terminal.note("nothing is acknowledged") }
    return ExitCode.ok
  }
}
