internal import Boards
internal import Configuration
internal import Console
internal import Engine
internal import Inventory
internal import Metrics
internal import Passes
internal import Sinks

/// `scrape dashboards`: writes Grafana's boards, or checks them on a real database.
enum DashboardsCommand: Subcommand {
  static let name = "dashboards"
  static let summary = "Writes boards, data sources and providers for Grafana, from the inventory."
  static let operands = "[DIR]"
  static let options =
    Site.options + [
      Option(
        "--path", "PATH", "Where Grafana finds the boards; default: DIR/dashboards, in full."),
      Option(
        "--check", "URL",
        "Runs every statement of every board on this InfluxDB; writes nothing."),
      Option("--database", "NAME", "The database of --check; default: that of the first sink."),
      Option("--range", "LENGTH", "The range of --check; default: 6h."),
      Option("--json", "Prints the result of --check as one JSON object per statement."),
      Option("--verbose", short: "-v", "Prints the statements that have rows, too."),
    ]
  static let discussion = """
    Writes DIR/dashboards/FOLDER/NAME.json and DIR/provisioning/{datasources,dashboards}/scrape.yml.
    Grafana loads them at its start. Boards of an earlier run that no longer apply are removed.
    Secrets are not copied: the data source names the file or variable that Grafana reads itself.
    With --check, exit code 1 if a statement is refused, has no rows where some are expected,
    or has rows without a column that its panel needs; 3 if the database cannot be asked, does not
    exist or is empty.
    """
  static let examples: [Example] = [
    ("scrape dashboards /etc/grafana/scrape", "writes the files for this inventory"),
    ("scrape dashboards --check http://127.0.0.1:8086", "which panels would be empty, and why"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    let site = try Site(arguments, checkingKeys: false)
    let source = BoardSite(site)
    let boards = Boards.of(source)
    if let url = arguments["--check"] {
      return try await check(boards, source, site, url: url, arguments)
    }
    guard let folder = arguments.operands.first, arguments.operands.count == 1 else {
      throw UsageError(
        message: "name one folder: scrape dashboards DIR; or --check URL to check the boards")
    }
    let files = BoardFiles(boards, of: source)
    do throws(SystemError) {
      try files.write(to: folder, seenAt: arguments["--path"])
    } catch {
      throw UsageError(message: "\(folder): \(error)")
    }
    Terminal.note("\(Format.count(boards.count, "board")) written to \(folder.visible)")
    if source.sources.isEmpty {
      Terminal.note(
        "scrape.yml has no sink influxdb or influxdb2: the data source is a guess; correct it there, "
          + "or add the sink")
    }
    return ExitCode.ok
  }

  private static func check(
    _ boards: [Board], _ source: BoardSite, _ site: Site, url: String, _ arguments: Arguments
  ) async throws -> Int32 {
    guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
      throw UsageError(message: "--check takes a URL: http://127.0.0.1:8086")
    }
    var findings = Findings()
    let credentials = Sinks.sinks(from: site.settings.sinks, &findings)
      .compactMap { ($0 as? any Sink & DatabaseAccess)?.access }.first
    try findings.finish()
    var database = BoardCheck.Database(
      url: url.hasSuffix("/") ? String(url.dropLast()) : url,
      name: arguments["--database"] ?? source.sources.first?.database ?? "scrape")
    database.username = credentials?.username
    database.password = credentials?.password
    database.token = credentials?.token
    let range = arguments["--range"] ?? "6h"
    guard Duration(text: range) != nil else {
      throw UsageError(message: "--range takes a length of time such as 6h, not \"\(range)\"")
    }
    let check = BoardCheck(database, range: range)
    let result = await Reactor().open {
      reactor -> Result<[BoardCheck.Finding], BoardCheck.Failure> in
      do throws(BoardCheck.Failure) {
        return .success(try await check.run(boards, on: reactor, by: .after(.seconds(300))))
      } catch { return .failure(error) }
    }
    let found: [BoardCheck.Finding]
    switch result {
    case .success(let all): found = all
    case .failure(let error):
      Terminal.note("scrape dashboards: \(error.description.visible)")
      return ExitCode.undelivered
    }
    show(found, arguments)
    return found.allSatisfy(\.isGood) ? ExitCode.ok : ExitCode.notOK
  }

  private static func show(_ found: [BoardCheck.Finding], _ arguments: Arguments) {
    for finding in found {
      let (word, detail, colour): (String, String, Terminal.Colour) =
        switch finding.outcome {
        case .rows(let count): ("ok", Format.count(count, "row"), .green)
        case .empty(let why, let isFine): (isFine ? "none" : "empty", why, isFine ? .dim : .red)
        case .incomplete(let column): ("part", column, .red)
        case .refused(let error): ("refused", error, .red)
        }
      if arguments.has("--json") {
        Terminal.print(
          Printable(
            JSON.object([
              ("board", .string(finding.board)), ("panel", .string(finding.panel)),
              ("result", .string(word)), ("detail", .string(detail)),
              ("statement", .string(finding.statement)),
            ])))
      } else if !finding.isGood || arguments.has("--verbose") {
        let mark = Terminal.paint(Printable(Format.pad(word, 7)), colour, on: 1)
        Terminal.print("\(mark)  \(finding.board) / \(finding.panel): \(detail)")
        if !finding.isGood { Terminal.print("         \(finding.statement)".visible) }
      }
    }
    let bad = found.count { !$0.isGood }
    Terminal.note(
      "\(Format.count(found.count, "statement")), "
        + (bad == 0 ? "all as expected" : "\(bad) not as expected"))
  }
}
