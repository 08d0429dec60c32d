internal import Alerts
internal import Configuration
internal import Metrics
internal import Notifiers
internal import Passes
internal import Rules
internal import Sinks
internal import Store
internal import Probes

/// `scrape alerts`: who was told what, and what could not be told.
enum AlertsCommand: Subcommand {
  static let name = "alerts"
  static let summary = "Shows incidents, whom they were told, and what could not be."
  static let operands = ""
  static let options =
    Site.options + [
      Option("--all", "Those that are over, too: the latest hundred."),
      Option("--json", "One JSON object an incident."),
    ]
  static let discussion = """
    An incident is what a contact is told of as one thing. Shown are those that are open, and those
    whose end could not be told yet. Exit code 0 if none is open, 1 if any is.
    """
  static let examples: [Example] = [
    ("scrape alerts", "what is open, and who knows of it"),
    ("scrape alerts --all --json", "for a report after the exercise"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    let site = try Site(arguments, checkingKeys: false)
    guard site.hasStore else {
      Terminal.note("scrape alerts: no pass has run yet (\(site.storePath.visible) is not there)")
      return ExitCode.notOK
    }
    let store = site.storeToRead()
    try await site.check(store)
    let kept = try await store.incidents(all: arguments.has("--all") ? 100 : nil)
    let feed = try await AlertFeed(now: .now, of: site, store)
    let alerts = Dictionary(
      feed.alerts.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    var isOpen = false
    for one in kept {
      guard var incident = Incident(one.body) else { continue }
      incident.id = one.id
      let waits = one.isOpen && incident.deliveries.values.contains { $0.failure != nil }
      if incident.closed == nil {
        isOpen = true
      } else if !waits, !arguments.has("--all") {
        continue
      }
      if arguments.has("--json") {
        Terminal.print(Printable(incident.shown))
      } else {
        show(
          incident.marked { key in
            let alert = alerts[key]
            return (alert?.acknowledgement, alert.flatMap { feed.silenced($0) })
          })
      }
    }
    return isOpen ? ExitCode.notOK : ExitCode.ok
  }

  private static func show(_ incident: Incident) {
    let text = AlertText(incident: incident, effects: [:])
    let end = incident.closed.map { "–\(AlertText.clock($0))" } ?? ""
    Terminal.show(
      "\(incident.id)  \(AlertText.clock(incident.opened))\(end)  \(incident.contact)".visible)
    for line in text.text.plain.split(separator: "\n") { Terminal.show("    \(line)".visible) }
    for (name, delivery) in incident.deliveries.sorted(by: { $0.key < $1.key }) {
      var line = "    \(name): "
      line += delivery.noticed.map { "told \(AlertText.clock($0))" } ?? "not told"
      if let failure = delivery.failure { line += "; \(failure)" }
      Terminal.show(line.visible)
    }
    if incident.isDropped { Terminal.show("    no route leads there any more") }
    if incident.deliveries.isEmpty { Terminal.show("    nobody was told yet") }
  }
}
