internal import Configuration
internal import Console
internal import Engine
internal import Metrics
internal import Passes
internal import Rules
internal import Sinks
internal import Store
internal import IPMI
internal import Probes

/// `scrape status`: the last pass and all current troubles, from the store.
enum StatusCommand: Subcommand {
  static let name = "status"
  static let summary = "Shows the last pass and all current troubles, from the store."
  static let operands = "[PATTERN]"
  static let options =
    Site.options + [
      Option(
        "--severity", "WORD", "Minimum severity: unknown, minor, major or critical."),
      Option(
        "--sort", "WORD", "Order: severity (worst first), since (newest first), host or check."),
      Option("--watch", "SECONDS", "Repeats at this interval until interrupted."),
      Option("--json", "Prints one JSON object per check and per service of scrape.yml."),
      Option("--history", "Shows transitions, newest first, instead of states."),
      Option(
        "--limits", "Shows how much shared servers are asked at once, and accounts that rest."),
      Option("--verbose", short: "-v", "Includes checks that are ok."),
      Option("--color", "WHEN", "auto (on a terminal, unless NO_COLOR is set), always or never."),
    ]
  static let discussion = """
    The first line is the age of the last pass over all hosts. A pass with --limit or --only, or from
    a terminal, does not count if a timer runs passes. The line is in capitals if the age exceeds three
    intervals. The interval is the median of earlier passes; without enough of them the limit is 1 hour.

    Each trouble has one line: severity, hosts, check, begin, age, message. Effects are below their
    cause. Acknowledged and silenced troubles are marked and come last. Lines are cut to the width of the
    terminal. Exit code 0 if all is ok and passes run, else 1; with PATTERN or --severity only the shown
    troubles count.

    With faulty files it shows what the store knows of the last day, names the first fault, and says whether
    a watch goes on with the files of before; exit code 2.

    --limits: sessions with a jump host, channels at once through it and handshakes per second behind it,
    hosts at once of a hypervisor (`on:`), BMCs at once of a subnet. Passes raise a limit while requests
    wait for it and are answered, and halve it when a server refuses.
    """
  static let examples: [Example] = [
    ("scrape status", "shows troubles and since when they last"),
    ("scrape status --severity major --watch 5", "for a wall screen"),
    ("scrape status gpu2 --json", "one host, for scripts"),
    ("scrape status --limits", "why hosts behind a jump host wait"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    let screen = try Screen(color: arguments["--color"])
    let least = try severity(arguments["--severity"])
    let order = try order(arguments["--sort"])
    guard let pause = try arguments.duration("--watch") else {
      return try await show(arguments, screen, least, order, rows: nil)
    }
    guard !arguments.has("--json"), !arguments.has("--history"), !arguments.has("--limits") else {
      throw UsageError(message: "--watch shows neither --json nor --history nor --limits")
    }
    let reactor = Reactor()
    while true {
      // The size of the window may have changed.
      let screen = try Screen(color: arguments["--color"])
      if screen.height != nil { Terminal.write(home, to: 1) }
      let code = try await show(arguments, screen, least, order, rows: screen.height)
      if screen.height == nil { Terminal.show("") }
      let isOver = await reactor.open { reactor in
        (try? await reactor.sleep(until: .after(pause))) == nil
      }
      if isOver { return code }
    }
  }

  /// Moves the cursor to the top left and clears the screen.
  private static let home = Printable("").between("\u{1b}[H\u{1b}[2J", "")

  private static func severity(_ word: String?) throws(UsageError) -> Severity? {
    guard let word else { return nil }
    guard let severity = Severity(rawValue: word), severity != .ok else {
      let words = ["unknown", "minor", "major", "critical"]
      let hint = didYouMean(word, among: words).map { "; \($0)" } ?? ""
      throw UsageError(message: "--severity takes \(list(words)), not \"\(word)\"\(hint)")
    }
    return severity
  }

  private static func order(_ word: String?) throws(UsageError) -> Trouble.Order {
    guard let word else { return .severity }
    guard let order = Trouble.Order(rawValue: word) else {
      let words = Trouble.Order.allCases.map(\.rawValue)
      let hint = didYouMean(word, among: words).map { "; \($0)" } ?? ""
      throw UsageError(message: "--sort takes \(list(words)), not \"\(word)\"\(hint)")
    }
    return order
  }

  private static func list(_ words: [String]) -> String {
    "\(words.dropLast().joined(separator: ", ")) or \(words.last ?? "")"
  }

  /// Shows the status once, in at most that many rows.
  private static func show(
    _ arguments: Arguments, _ screen: Screen, _ least: Severity?, _ order: Trouble.Order,
    rows: Int?
  ) async throws -> Int32 {
    var faults = Findings()
    let site = try Site(arguments, checkingKeys: false, &faults)
    let faulty = FaultyFiles(faults)
    // Without the right store there is nothing to show but the faults.
    if faulty != nil, !site.hasStore { try faults.finish() }
    guard site.hasStore else {
      Terminal.note("scrape status: no pass has run yet (\(site.storePath.visible) is not there)")
      return ExitCode.notOK
    }
    let store = site.storeToRead()
    do { try await site.check(store) } catch {
      try faults.finish()
      throw error
    }
    let pattern = arguments.operands.first
    let (isJSON, isHistory) = (arguments.has("--json"), arguments.has("--history"))
    let now = Timestamp.now
    let watch = await WatchStatus(in: store, at: now)
    if let faulty, isJSON || isHistory || arguments.has("--limits") {
      for line in faulty.lines(beside: watch) { Terminal.note("scrape status: \(line.visible)") }
    }
    let faultCode = faulty.map { _ in ExitCode.usage }
    if arguments.has("--limits") {
      let list = try await LimitList(store)
      if arguments.has("--json") {
        for object in list.json { Terminal.print(Printable(object)) }
      } else {
        for line in list.lines { Terminal.show(Printable(line)) }
      }
      return faultCode ?? ExitCode.ok
    }
    if isHistory {
      try await StatusHistory(site: site, store: store, screen: screen)
        .show(of: pattern, json: isJSON)
      return faultCode ?? ExitCode.ok
    }
    let view = try await StatusView(
      site, store, of: pattern, isPartial: faulty != nil, at: now)
    let isWell = !view.last.isLate && view.isWell(from: least)
    if isJSON {
      for object in StatusJSON.objects(view, watch, faulty: faulty, from: least) {
        Terminal.print(Printable(object))
      }
      return faultCode ?? (isWell ? ExitCode.ok : ExitCode.notOK)
    }
    let counts =
      view.sessions == 0
      ? "" : ": \(Format.count(view.up)) of \(Format.count(view.sessions, "host")) up"
    // A warning is not cut: it says what to do.
    let head =
      view.last.isLate
      ? screen.paint(Printable(view.last.words), .alarm)
      : Printable(
        screen.width.map { Screen.cut(view.last.words + counts, $0) } ?? view.last.words + counts)
    let troubles = view.troubles(from: least ?? .unknown, verbose: arguments.has("--verbose"))
    // Findings are no outages and come after them.
    let sorted = Trouble.sorted(troubles, by: order)
    let table = TroubleTable(screen, at: now)
    var lines = faulty?.lines(beside: watch).map { screen.paint(Printable($0), .alarm) } ?? []
    lines.append(head)
    if let watch {
      let line = watch.line(at: now)
      lines.append(Printable(screen.width.map { Screen.cut(line, $0) } ?? line))
    }
    lines += table.lines(sorted.filter { !$0.isFinding })
    let findings = table.lines(sorted.filter(\.isFinding))
    if !findings.isEmpty { lines += ["findings (these services are up):"] + findings }
    for line in try await DeliveryLines.lines(store) {
      lines.append(Printable(screen.width.map { Screen.cut(line, $0) } ?? line))
    }
    if let rows, lines.count > rows - 1 {
      let rest = lines.count - (rows - 2)
      lines = Array(lines.prefix(rows - 2)) + ["and \(rest) more lines"]
    }
    for line in lines { Terminal.show(line) }
    return faultCode ?? (isWell ? ExitCode.ok : ExitCode.notOK)
  }
}
