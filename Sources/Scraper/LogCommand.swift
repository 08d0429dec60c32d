internal import Console
internal import Metrics
internal import Passes
internal import Store

/// `scrape log`: what happened, in one time line.
enum LogCommand: Subcommand {
  static let name = "log"
  static let summary =
    "Shows passes, warnings, changes, notifications and actions of operators in one time line."
  static let operands = ""
  static let options =
    Site.options + [
      Option("--since", "TIME", "Begin: 2h, 18:00, yesterday, \"2026-11-20 18:00\"; default 24h."),
      Option("--host", "PATTERN", "Only what is of these hosts."),
      Option("--kind", "KIND", "Only pass, warning, change, event, notification or action."),
      Option("--all", "Each pass in a line of its own."),
      Option("--json", "Prints one JSON object per line of the log."),
      Option("--verify", "Computes all hashes again, and says which lines are missing or altered."),
      Option(
        "--head", "NUMBER:HASH", "With --verify: a line that was noted earlier must be the same."),
    ]
  static let discussion = """
    Passes that follow one another and say the same are shown as one line. Lines are kept as long as points
    (`keep:` of the store), 200,000 at most. Each line has a hash over itself and the line before, so that a
    line that was removed or altered is noticed by --verify. Who may write the store may compute all hashes
    anew: note what --verify prints as head elsewhere, and give it with --head later.
    """
  static let examples: [Example] = [
    ("scrape log --since 18:00", "what happened this evening"),
    ("scrape log --host web03 --since yesterday", "the story of one host"),
    ("scrape log --kind action --since 7d", "who acknowledged, silenced and trusted what"),
    ("scrape log --verify", "whether the log is whole"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    let site = try Site(arguments, checkingKeys: false)
    guard site.hasStore else {
      Terminal.note("scrape log: no pass has run yet (\(site.storePath.visible) is not there)")
      return ExitCode.notOK
    }
    let store = site.storeToRead()
    try await site.check(store)
    if arguments.has("--verify") { return try await verify(store, arguments) }
    guard arguments["--head"] == nil else {
      throw UsageError(message: "--head goes with --verify")
    }
    let since =
      try arguments["--since"].map { try SinceTime.parse($0, at: .now) }
      ?? Timestamp.now.before(.seconds(86_400))
    var lines = try await store.logLines(since: since)
    if let pattern = arguments["--host"] {
      let names = Set(try site.namesWithChecks(pattern))
      lines.removeAll { !$0.isAbout(names) }
    }
    if let word = arguments["--kind"] {
      guard let kind = LogLine.Kind(rawValue: word) else {
        let kinds = LogLine.Kind.allCases.map(\.rawValue).joined(separator: ", ")
        throw UsageError(message: "--kind takes one of \(kinds), not \"\(word)\"")
      }
      lines.removeAll { $0.kind != kind }
    }
    if arguments.has("--json") {
      for line in lines { Terminal.print(Printable(LogLines.json(line))) }
      return ExitCode.ok
    }
    var view = LogLines(lines, screen: try Screen(), isWhole: arguments.has("--all"))
    view.show(lines)
    if lines.isEmpty { Terminal.note("nothing since \(Format.moment(since))") }
    return ExitCode.ok
  }

  private static func verify(_ store: Store, _ arguments: Arguments) async throws -> Int32 {
    let mark = try arguments["--head"].map(mark)
    let verdict = try await store.verifyLog(against: mark)
    if arguments.has("--json") {
      Terminal.print(Printable(LogLines.json(verdict)))
    } else {
      for fault in verdict.faults { Terminal.show(fault.visible) }
      let since = verdict.since.map { ", since \(Format.moment($0))" } ?? ""
      Terminal.show(
        "\(Format.count(verdict.lines, "line")), \(verdict.first) to \(verdict.last)\(since); "
          .visible
          + (verdict.faults.isEmpty ? "none missing or altered" : "NOT WHOLE"))
      Terminal.show("head \(verdict.last):\(verdict.head)".visible)
    }
    return verdict.faults.isEmpty ? ExitCode.ok : ExitCode.notOK
  }

  private static func mark(_ text: String) throws(UsageError) -> Store.LogMark {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let number = Int64(parts[0]), (8...64).contains(parts[1].utf8.count)
    else {
      throw UsageError(message: "--head takes NUMBER:HASH as --verify prints it, not \"\(text)\"")
    }
    return Store.LogMark(number: number, hash: parts[1].lowercased())
  }
}
