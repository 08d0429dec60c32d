internal import Configuration
internal import Console
internal import Facts
internal import Inventory
internal import Metrics
internal import Passes

/// `scrape facts`: what is installed and set up on hosts, from the store.
enum FactsCommand: Subcommand {
  static let name = "facts"
  static let summary =
    "Shows packages, accounts and services of hosts, and what changed, from the store."
  static let operands = "[PATTERN]"
  static let options: [Option] =
    Site.options + [
      Option("--diff", "What changed on each host."),
      Option("--since", "TIME", "With --diff: the begin (12h, 7d); default: all that is kept."),
      Option("--compare", "Entries that the hosts do not have alike."),
      Option("--only", "AREA", "One area, such as packages."),
      Option("--list", "All entries of each host; for one host, or with --only, the default."),
      Option("--json", "Prints one JSON object per host."),
    ]
  static let discussion = """
    Facts are read where scrape.yml has `facts:`, in the session of the collectors, once an hour by default.
    `scrape run --only facts` reads them now. A change is an event. Contacts no host.

    Areas: \(words.joined(separator: ", ")).
    """
  static let examples: [Example] = [
    ("scrape facts", "counts of all hosts"),
    ("scrape facts 'web*' --diff", "what changed"),
    ("scrape facts 'web*' --compare --only packages", "which of them differ"),
    ("scrape facts web1 --only sockets", "who listens"),
  ]

  private static var words: [String] { Facts.Kind.allCases.map(\.rawValue) }

  static func run(_ arguments: Arguments) async throws -> Int32 {
    let site = try Site(arguments, checkingKeys: false)
    let pattern = arguments.operands.first
    let hosts = try site.inventory.hosts(matching: pattern)
    var kind: Facts.Kind?
    if let word = arguments["--only"] {
      guard let known = Facts.Kind(rawValue: word) else {
        let hint = didYouMean(word, among: words).map { "; \($0)" } ?? ""
        throw UsageError(message: "--only takes one of \(words.joined(separator: ", "))\(hint)")
      }
      kind = known
    }
    guard site.hasStore else {
      Terminal.note("scrape facts: no pass has run yet (\(site.storePath) is not there)")
      return ExitCode.notOK
    }
    let store = site.storeToRead()
    try await site.check(store)
    let isDiff = arguments.has("--diff")
    let since = try arguments.duration("--since").map { Timestamp.now.before($0) }
    let histories = try await FactHistory.all(
      of: hosts.map(\.name), in: store,
      changesSince: isDiff ? since ?? Timestamp(nanoseconds: 0) : nil)
    guard !histories.isEmpty else {
      Terminal.note(
        site.facts == nil
          ? "scrape facts: scrape.yml has no `facts:`; see docs/facts.md"
          : "scrape facts: nothing was read yet; `scrape run --only facts` does it now")
      return ExitCode.ok
    }
    let isList = arguments.has("--list") || kind != nil || histories.count == 1
    let view: FactLines.View =
      arguments.has("--json")
      ? .json
      : arguments.has("--compare")
        ? .differences : isDiff ? .changes : isList ? .entries : .summary
    FactLines.show(histories, as: view, only: kind)
    return ExitCode.ok
  }
}
