internal import Alerts
internal import Configuration
internal import Console
internal import Metrics
internal import Notifiers
internal import Passes
internal import Sinks
internal import Store

/// `scrape report`: shows or sends the reports of a contact.
enum ReportCommand: Subcommand {
  static let name = "report"
  static let summary = "Shows the periodic reports of a contact with current values."
  static let operands = "CONTACT [NAME]"
  static let options =
    Site.options + [Option("--send", "Also sends them to all places of the contact.")]
  static let discussion = """
    `scrape run` sends a report of scrape.yml when it is due. Here the report ends now, and the
    schedule stays as it is. Exit code 1 if a delivery failed.
    """
  static let examples: [Example] = [
    ("scrape report ops", "prints all reports of ops"),
    ("scrape report ops ping --send", "prints and sends one of them"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    guard let wanted = arguments.operands.first else {
      throw UsageError(message: "name the contact: report CONTACT")
    }
    let isSending = arguments.has("--send")
    let site = try Site(arguments, secretsOf: { isSending && $0 == wanted })
    let contact = try site.contact(wanted)
    var reports = site.reports.all.filter { $0.contact == contact.name }
    guard !reports.isEmpty else {
      throw UsageError(message: "contact \"\(wanted)\" has no reports in scrape.yml")
    }
    if let name = arguments.operands.dropFirst().first {
      let names = reports.map(\.name)
      reports = reports.filter { $0.name == name }
      guard !reports.isEmpty else {
        let hint =
          didYouMean(name, among: names) ?? "there are \(names.joined(separator: ", "))"
        throw UsageError(message: "\(wanted) has no report \"\(name)\"; \(hint)")
      }
    }
    guard site.hasStore else {
      Terminal.note("scrape report: no pass has run yet (\(site.storePath.visible) is not there)")
      return ExitCode.notOK
    }
    let store = site.store()
    // Fails with the error of the store instead of an empty report.
    try await store.open()
    try await site.check(store)
    for note in await store.notes() { Terminal.note("scrape report: \(note.visible)") }
    var isDelivered = true
    for (index, report) in reports.enumerated() {
      let text = await ReportText(report, until: .now, in: store)
      if index > 0 { Terminal.print() }
      for line in text.lines { Terminal.print(line.visible) }
      if isSending {
        let isTaken = await NotifyCommand.send(text.notice, to: contact)
        isDelivered = isDelivered && isTaken
      }
    }
    for notifier in contact.notifiers { notifier.close() }
    return isDelivered ? ExitCode.ok : ExitCode.notOK
  }
}
