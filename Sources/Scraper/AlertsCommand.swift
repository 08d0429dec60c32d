internal import Alerts
internal import Configuration
internal import Console
internal import Metrics
internal import Notifiers
internal import Passes
internal import Rules
internal import Sinks
internal import Store
internal import Probes

/// `scrape alerts`: incidents and their deliveries.
enum AlertsCommand: Subcommand {
  static let name = "alerts"
  static let summary = "Lists incidents with their deliveries and delivery errors."
  static let operands = ""
  static let options =
    Site.options + [
      Option("--all", "Includes resolved incidents: the latest hundred."),
      Option("--json", "Prints one JSON object per incident."),
    ]
  static let discussion = """
    An incident groups the alerts that a contact gets in one notification. The list has open incidents,
    and resolved ones whose recovery is not yet delivered. Exit code 0 if none is open, 1 if any is.
    """
  static let examples: [Example] = [
    ("scrape alerts", "lists open incidents and who was notified"),
    ("scrape alerts --all --json", "exports incidents for a review"),
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
      line += delivery.noticed.map { "sent \(AlertText.clock($0))" } ?? "not sent"
      if let failure = delivery.failure { line += "; \(failure)" }
      Terminal.show(line.visible)
    }
    if incident.isDropped { Terminal.show("    no route to this contact any more") }
    if incident.deliveries.isEmpty { Terminal.show("    not sent yet") }
  }
}
