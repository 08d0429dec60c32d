internal import Configuration
internal import Metrics
internal import Rules
internal import Sinks
internal import Targets

/// `scrape status`: the last pass and all that is not well, from the store.
enum StatusCommand: Subcommand {
  static let name = "status"
  static let summary = "Shows the last pass and all that is not well, without asking anybody."
  static let operands = "[HOST]"
  static let options =
    Site.options + [
      Option("--json", "One JSON object a check, and one a service of scrape.yml."),
      Option("--history", "What changed, the newest first, instead of how it is."),
      Option("--verbose", short: "-v", "What is well, too."),
    ]
  static let discussion = """
    It begins with the age of the last pass over all hosts: one with --limit or --only, and one that
    somebody started from a terminal, does not count where there are a timer's. It is loud when that is
    older than three intervals, which are learnt from the passes before (an hour where there are too few).
    Exit code 0 if all is well and passes come, 1 if not.
    """
  static let examples: [Example] = [
    ("scrape status", "what was wrong at the last pass, and since when"),
    ("scrape status gpu2 --json", "one host, for scripts"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    let site = try Site(arguments)
    guard site.hasStore else {
      Terminal.note("scrape status: no pass has run yet (\(site.storePath.visible) is not there)")
      return ExitCode.notOK
    }
    let store = site.store()
    try await site.check(store)
    var hosts = Set(site.inventory.hosts.map(\.name))
    // Whether the scraper is cut off concerns all hosts, and none of them.
    var shown = hosts.union(Pseudo.all)
    if let pattern = arguments.operands.first {
      hosts = Set(try site.inventory.select(pattern).map(\.name))
      shown = hosts
    }
    if arguments.has("--history") {
      try await showHistory(of: shown, in: site, store, json: arguments.has("--json"))
      return ExitCode.ok
    }
    // What is no longer asked says nothing any more.
    let watch = Watch(site)
    func isAsked(_ host: String, _ check: String) -> Bool {
      shown.contains(host) && watch.has(check, of: host)
    }
    let statuses = try await store.status().filter { isAsked($0.host, $0.outcome.target) }
    let allProblems = try await store.problems()
    let allStates = try await store.states()
    let checks = checks(statuses, allProblems, allStates).filter { isAsked($0.host, $0.name) }
    let last = try await LastPass(in: store)
    if arguments.has("--json") {
      Terminal.print(Printable(last.json))
      for check in checks { Terminal.print(Printable(json(check))) }
    } else {
      let up = statuses.count { $0.outcome.target == "ssh" && $0.outcome.up }
      let sessions = hosts.count { watch.has("ssh", of: $0) }
      let counts =
        sessions == 0 ? "" : ": \(Figure.count(up)) of \(Figure.count(sessions, "host")) up"
      Terminal.print(
        last.isLate ? Terminal.paint(last.words, .red, on: 1) : Printable(last.words + counts))
      show(checks.filter { arguments.has("--verbose") || !$0.isWell })
    }
    let judge = Judge(site, store, watch, states: allStates)
    let broken = judge.services.filter { $0.state != .ok }
    let never = hosts.subtracting(statuses.map(\.host))
    if arguments.has("--json") {
      for (name, state) in judge.services {
        Terminal.print(
          Printable(
            JSON.object([("service", .string(name)), ("state", .string(state.rawValue))])))
      }
      for host in never.sorted() {
        Terminal.print(
          Printable(
            JSON.object([
              ("host", .string(host)), ("state", .string(Severity.unknown.rawValue)),
              ("message", .string("never asked")),
            ])))
      }
    } else {
      for (name, state) in broken {
        Terminal.print(
          "\(Terminal.paint(Figure.pad(state.rawValue, 8), .red, on: 1))  service \(name.visible)")
      }
      if !never.isEmpty { Terminal.print("never asked  \(fold(never.sorted()))") }
      for queue in try await store.queues() where queue.lines > 0 || queue.dropped > 0 {
        var line = "\(queue.sink): \(Figure.count(queue.lines, "point")) waiting"
        if let oldest = queue.oldest { line += " since \(Figure.time(oldest))" }
        if queue.dropped > 0 { line += ", \(Figure.count(queue.dropped)) dropped at the bound" }
        if let trouble = queue.trouble {
          line += "; failed since \(Figure.time(trouble.since)): \(trouble.message)"
        }
        Terminal.print(line.visible)
      }
      try await showUntold(store)
    }
    let isWell = !last.isLate && never.isEmpty && checks.allSatisfy(\.isWell) && broken.isEmpty
    return isWell ? ExitCode.ok : ExitCode.notOK
  }

  /// Places where people could not be told at the last attempt.
  private static func showUntold(_ store: Store) async throws {
    var failures: [String: String] = [:]
    for incident in try await store.incidents().compactMap({ Incident($0.body) }) {
      for (notifier, telling) in incident.tellings {
        failures[notifier] = telling.failure ?? failures[notifier]
      }
    }
    for (notifier, words) in failures.sorted(by: { $0.key < $1.key }) {
      Terminal.print("\(notifier): people could not be told: \(words)".visible)
    }
  }

  /// One thing that is watched, as it was at the last pass.
  private struct Check {
    var host: String
    /// `ssh`, `bmc`, `service https`, `rule disk full{path=/}`.
    var name: String
    var severity: Severity
    var since: Timestamp
    var lastOK: Timestamp?
    /// Of a rule the store knows only whether: what stays well is not written again.
    var wasOK = false
    /// What is seen and has not lasted long enough to count.
    var pending: Severity?
    var isFlapping = false
    var reason: String?
    var message: String
    var status: TargetStatus?
    var problems: [CollectorProblem] = []

    var isWell: Bool { severity == .ok && problems.isEmpty && pending == nil }
  }

  /// Targets with their problems, then what rules found, by host.
  private static func checks(
    _ statuses: [TargetStatus], _ problems: [String: [CollectorProblem]],
    _ states: [String: [String: CheckState]]
  ) -> [Check] {
    var checks = statuses.map { status in
      let name = status.outcome.target
      let state = states[status.host]?[name]
      let isBMC = name == BMCReading.name
      var check = Check(
        host: status.host, name: name,
        severity: state?.severity ?? (status.outcome.up ? .ok : .unknown),
        since: state?.since ?? status.since, lastOK: status.lastUp, pending: state?.pending,
        isFlapping: state?.isFlapping ?? false, reason: status.outcome.reason,
        message: status.outcome.message ?? "", status: status)
      if ServiceReading.service(name) == nil {
        check.problems = (problems[status.host] ?? []).filter {
          BMCReading.isPart($0.collector) == isBMC
        }
      }
      return check
    }
    for (host, all) in states {
      for (name, state) in all where Judge.rule(name) != nil {
        checks.append(
          Check(
            host: host, name: name, severity: state.severity, since: state.since,
            lastOK: nil, wasOK: state.lastOK != nil, pending: state.pending,
            isFlapping: state.isFlapping, message: state.message))
      }
    }
    return checks.sorted {
      ($1.severity, $0.name, $0.host) < ($0.severity, $1.name, $1.host)
    }
  }

  /// A line for each, but one for all hosts that have the same trouble where they are many.
  private static func show(_ checks: [Check]) {
    struct Kind: Hashable {
      var name: String
      var severity: Severity
      var reason: String?
    }
    let kinds = Dictionary(grouping: checks) {
      Kind(name: $0.name, severity: $0.severity, reason: $0.reason)
    }
    var told: Set<Kind> = []
    var lines: [(check: Check, hosts: String, since: Timestamp, example: String?)] = []
    for check in checks {
      let kind = Kind(name: check.name, severity: check.severity, reason: check.reason)
      let all = kinds[kind] ?? []
      if all.count > 1, check.problems.isEmpty {
        guard told.insert(kind).inserted else { continue }
        let since = Timestamp(nanoseconds: all.map(\.since.nanoseconds).min() ?? 0)
        let isSame = all.allSatisfy { $0.message == check.message }
        lines.append((check, fold(all.map(\.host)), since, isSame ? nil : check.host))
      } else {
        lines.append((check, check.host, check.since, nil))
      }
    }
    let width = min(32, lines.map(\.hosts.count).max() ?? 0)
    for line in lines {
      show(line.check, as: line.hosts, width: width, since: line.since, example: line.example)
    }
  }

  private static func show(
    _ check: Check, as hosts: String, width: Int, since: Timestamp, example: String?
  ) {
    let colour: Terminal.Colour =
      switch check.severity {
      case .ok: check.problems.isEmpty ? .green : .yellow
      case .critical, .major: .red
      case .minor, .unknown: .yellow
      }
    let word =
      check.severity == .ok && !check.problems.isEmpty ? "unknown" : check.severity.rawValue
    var line: Printable = "\(Terminal.paint(Figure.pad(word, 8), colour, on: 1))  "
    line += "\(Figure.pad(hosts, width))  \(check.name) "
    line += check.severity == .ok ? "ok since \(Figure.time(since))" : "since \(Figure.time(since))"
    if check.severity != .ok {
      line +=
        check.lastOK.map { ", last ok \(Figure.time($0))" as Printable }
        ?? (check.wasOK ? "" : ", never ok")
    }
    if check.isFlapping { line += ", flapping" }
    if let pending = check.pending { line += ", \(pending.rawValue) for a moment" }
    let words = [check.reason, check.message.isEmpty ? nil : check.message].compactMap { $0 }
    if check.severity != .ok || check.pending != nil, !words.isEmpty {
      let example = example.map { "for example \($0): " } ?? ""
      line += ": \(example)\(words.joined(separator: ": "))"
    }
    Terminal.print(line)
    for problem in check.problems {
      Terminal.print(
        "          \(Figure.pad("", width))  \(problem.collector) \(problem.reason): \(problem.detail)"
      )
    }
  }

  /// What changed: one line each, the newest first.
  private static func showHistory(
    of hosts: Set<String>, in site: Site, _ store: Store, json: Bool
  ) async throws {
    let one = hosts.count == 1 ? hosts.first : nil
    // All that are kept, where only some hosts' are wanted: theirs may be the oldest.
    let isPart = !site.inventory.hosts.allSatisfy { hosts.contains($0.name) } && one == nil
    let all = try await store.transitions(of: one, limit: isPart ? .max : 1000)
      .filter { hosts.contains($0.host) }.prefix(1000)
    let width = min(32, all.map(\.host.count).max() ?? 0)
    for kept in all {
      let change = kept.transition
      if json {
        var members: [(String, JSON)] = [
          ("time", .integer(change.time.nanoseconds)), ("host", .string(kept.host)),
          ("check", .string(change.name)), ("from", .string(change.from.rawValue)),
          ("to", .string(change.to.rawValue)), ("message", .string(change.message)),
          ("flapping", .boolean(change.isFlapping)),
        ]
        if let since = change.since { members.append(("since", .integer(since.nanoseconds))) }
        Terminal.print(Printable(JSON.object(members)))
        continue
      }
      let after = change.since.map { since in
        " after \(Figure.duration(.nanoseconds(change.time.nanoseconds &- since.nanoseconds)))"
      }
      let colour: Terminal.Colour =
        change.to == .ok ? .green : change.to >= .major ? .red : .yellow
      Terminal.print(
        "\(Figure.time(change.time))  \(Figure.pad(kept.host, width).visible)  "
          + "\(change.name.visible): \(change.from.rawValue) → "
          + "\(Terminal.paint(change.to.rawValue, colour, on: 1))\(after ?? "")"
          + "\(change.isFlapping ? ", flapping" : "")"
          + (change.message.isEmpty ? "" : "  \(change.message.visible)"))
    }
  }

  private static func json(_ check: Check) -> JSON {
    var members: [(String, JSON)] = [
      ("host", .string(check.host)), ("check", .string(check.name)),
      ("state", .string(check.severity.rawValue)), ("since", .integer(check.since.nanoseconds)),
    ]
    if let status = check.status {
      members.append(("target", .string(status.outcome.target)))
      if !status.outcome.isUnlearnt { members.append(("up", .boolean(status.outcome.up))) }
      members.append(("time", .integer(status.time.nanoseconds)))
      if let last = status.lastUp { members.append(("last_up", .integer(last.nanoseconds))) }
    }
    if let reason = check.reason { members.append(("reason", .string(reason))) }
    if !check.message.isEmpty { members.append(("message", .string(check.message))) }
    if let pending = check.pending { members.append(("pending", .string(pending.rawValue))) }
    if check.isFlapping { members.append(("flapping", .boolean(true))) }
    if !check.problems.isEmpty {
      members.append(
        (
          "problems",
          .array(
            check.problems.map {
              .object([
                ("collector", .string($0.collector)), ("reason", .string($0.reason)),
                ("detail", .string($0.detail)),
              ])
            })
        ))
    }
    return .object(members)
  }
}

extension TargetOutcome {
  /// Whether the last pass had no turn for it: how it is was told by an earlier one.
  fileprivate var isUnlearnt: Bool { reason == "cancelled" || reason == "not_reached" }
}
