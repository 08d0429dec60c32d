internal import Alerts
internal import Configuration
internal import Metrics
internal import Notifiers
internal import Passes
internal import Sinks
internal import Store

/// `scrape report`: what a contact is told again and again, now.
enum ReportCommand: Subcommand {
  static let name = "report"
  static let summary = "Shows the periodic reports of a contact as they are now."
  static let operands = "CONTACT [NAME]"
  static let options =
    Site.options + [Option("--send", "Tells it at all places of the contact, too.")]
  static let discussion = """
    A report of scrape.yml is told by `scrape run` when its time has come; here it goes back from this
    moment, and it does not count. Exit code 1 if a place did not take it.
    """
  static let examples: [Example] = [
    ("scrape report ops", "all reports of ops, printed only"),
    ("scrape report ops ping --send", "one of them, really told"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    guard let wanted = arguments.operands.first else {
      throw UsageError(message: "name the contact: report CONTACT")
    }
    let site = try Site(arguments)
    let isSending = arguments.has("--send")
    let contact = try site.contact(wanted, secrets: isSending)
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
    // Says what is wrong with it, where a report would only be empty.
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
