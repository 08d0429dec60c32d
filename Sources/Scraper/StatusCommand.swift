internal import Configuration
internal import Metrics
internal import Sinks
internal import Targets

/// `scrape status`: the last pass and all that is not well, from the store.
enum StatusCommand: Subcommand {
  static let name = "status"
  static let summary = "Shows the last pass and all that is not well, without asking anybody."
  static let operands = "[HOST]"
  static let options =
    Site.options + [
      Option("--json", "One JSON object a host."),
      Option("--verbose", short: "-v", "The hosts that are well, too."),
    ]
  static let discussion = """
    Exit code 0 if the last pass found every host well, 1 if not.
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
    var hosts = Set(site.inventory.hosts.map(\.name))
    if let pattern = arguments.operands.first {
      hosts = Set(try site.inventory.select(pattern).map(\.name))
    }
    var services: [String: Set<String>] = [:]
    for turn in Plan(
      site.inventory.hosts, settings: site.settings, states: [:], at: .now,
      only: [ServiceReading.name]
    ).probes {
      services[turn.host.name] = Set(turn.plans.map(\.service))
    }
    let statuses = try await store.status().filter { status in
      // A service that is no longer asked says nothing any more.
      let service = ServiceReading.service(status.outcome.target)
      return hosts.contains(status.host)
        && service.map { services[status.host]?.contains($0) == true } != false
    }
    let all = try await store.problems()
    // Each target's problems beside that target.
    func problems(_ status: TargetStatus) -> [CollectorProblem] {
      guard ServiceReading.service(status.outcome.target) == nil else { return [] }
      let isBMC = status.outcome.target == BMCReading.name
      return (all[status.host] ?? []).filter { BMCReading.isPart($0.collector) == isBMC }
    }
    let queues = try await store.queues()
    let pass = try await store.passes(1).first
    let asked = Set(statuses.map(\.host))
    let never = hosts.subtracting(asked)
    let troubled = statuses.filter {
      arguments.has("--verbose") || !$0.outcome.up || !problems($0).isEmpty
    }
    if arguments.has("--json") {
      for status in statuses { Terminal.print(json(status, problems(status)).text) }
    } else {
      if let pass {
        Terminal.print(
          "last pass \(Figure.time(pass.start)), "
            + "\(Figure.duration(.nanoseconds(pass.end.nanoseconds &- pass.start.nanoseconds))): "
            + "\(Figure.count(pass.up)) of \(Figure.count(pass.hosts)) hosts up, "
            + "\(Figure.count(pass.points)) points")
      }
      let width = troubled.map(\.host.count).max() ?? 0
      for status in troubled { show(status, problems(status), width: width) }
      if !never.isEmpty { Terminal.print("never asked  \(fold(never.sorted()))") }
      for queue in queues where queue.lines > 0 || queue.dropped > 0 {
        var line = "\(queue.sink): \(Figure.count(queue.lines)) points wait"
        if let oldest = queue.oldest { line += " since \(Figure.time(oldest))" }
        if queue.dropped > 0 { line += ", \(Figure.count(queue.dropped)) dropped at the bound" }
        if let trouble = queue.trouble {
          line += "; failed since \(Figure.time(trouble.since)): \(trouble.message)"
        }
        Terminal.print(line.visible)
      }
    }
    let well =
      never.isEmpty
      && statuses.allSatisfy { $0.outcome.up && problems($0).isEmpty }
    return well ? ExitCode.ok : ExitCode.notOK
  }

  private static func show(_ status: TargetStatus, _ problems: [CollectorProblem], width: Int) {
    let host = Figure.pad(status.host, width)
    let time = Figure.time(status.since)
    if status.outcome.up {
      let word = problems.isEmpty ? ("ok      ", Terminal.Colour.green) : ("unknown ", .yellow)
      Terminal.print(
        "\(Terminal.paint(word.0, word.1, on: 1))  \(host)  \(status.outcome.target.visible) up "
          + "since \(time)")
    } else {
      // A service may be up and not well: an expiring certificate, an open display.
      let isService = ServiceReading.service(status.outcome.target) != nil
      let (up, down) = isService ? ("ok", "not ok") : ("up", "down")
      let severity =
        isService ? "not ok  " : status.outcome.target == BMCReading.name ? "major   " : "critical"
      let last = status.lastUp.map { "last \(up) \(Figure.time($0))" } ?? "never \(up)"
      Terminal.print(
        "\(Terminal.paint(severity, .red, on: 1))  \(host)  \(status.outcome.target.visible) "
          + "\(down) since \(time), \(last): \(status.outcome.reason ?? "?"): "
          + (status.outcome.message ?? "").visible)
    }
    for problem in problems {
      Terminal.print(
        "          \(Figure.pad("", width))  \(problem.collector) \(problem.reason): "
          + problem.detail.visible)
    }
  }

  private static func json(_ status: TargetStatus, _ problems: [CollectorProblem]) -> JSON {
    var members: [(String, JSON)] = [
      ("host", .string(status.host)), ("target", .string(status.outcome.target)),
      ("up", .boolean(status.outcome.up)), ("time", .integer(status.time.nanoseconds)),
      ("since", .integer(status.since.nanoseconds)),
    ]
    if let last = status.lastUp { members.append(("last_up", .integer(last.nanoseconds))) }
    if let reason = status.outcome.reason { members.append(("reason", .string(reason))) }
    if let message = status.outcome.message { members.append(("message", .string(message))) }
    if !problems.isEmpty {
      members.append(
        (
          "problems",
          .array(
            problems.map {
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
