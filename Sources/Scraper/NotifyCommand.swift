internal import Transfer
internal import Alerts
internal import Charts
internal import Configuration
internal import Console
internal import Engine
internal import Glibc
internal import Metrics
internal import Notifiers
internal import Passes

/// `scrape notify`: lists contacts, and sends test notifications.
enum NotifyCommand: Subcommand {
  static let name = "notify"
  static let summary =
    "Lists the contacts of scrape.yml, or sends a test notification to one of them."
  static let operands = "list|test [CONTACT]"
  static let options = Site.options
  static let discussion = """
    `test` sends one message with a small chart to each place of the contact. It ignores quiet hours.
    It prints the result for each place, with what to do after an error. Exit code 1 if a delivery
    failed. A place may accept a message and not show it: look there.
    """
  static let examples: [Example] = [
    ("scrape notify list", "lists contacts and their places"),
    ("scrape notify test ops", "sends a test message to each place of ops"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    let actions = ["list", "test"]
    guard let action = arguments.operands.first else {
      throw UsageError(message: "say what: list, or test CONTACT")
    }
    guard actions.contains(action) else {
      let hint = didYouMean(action, among: actions).map { "; \($0)" } ?? ""
      throw UsageError(message: "unknown \"\(action)\"\(hint): list, or test CONTACT")
    }
    let wanted = arguments.operands.dropFirst().first
    if action == "list" {
      if let wanted {
        throw UsageError(message: "unexpected \"\(wanted)\"; did you mean test \(wanted)?")
      }
      return try list(Site(arguments))
    }
    guard let wanted else { throw UsageError(message: "name the contact: test CONTACT") }
    let site = try Site(arguments, secretsOf: { $0 == wanted })
    return await test(try site.contact(wanted))
  }

  // MARK: list

  private static func list(_ site: Site) throws -> Int32 {
    if site.contacts.isEmpty { Terminal.note("scrape notify: scrape.yml has no contacts") }
    for contact in site.contacts {
      Terminal.print(contact.name.visible)
      for notifier in contact.notifiers { Terminal.print("  \(notifier.name.visible)") }
      if contact.notifiers.isEmpty { Terminal.print("  (no places)") }
    }
    return ExitCode.ok
  }

  // MARK: test

  private static func test(_ contact: Contact) async -> Int32 {
    let isDelivered = await send(notice(for: contact, at: .now), to: contact)
    for notifier in contact.notifiers { notifier.close() }
    return isDelivered ? ExitCode.ok : ExitCode.notOK
  }

  /// Sends a notice to all places of the contact in parallel, and prints the result of each.
  static func send(_ notice: Notice, to contact: Contact) async -> Bool {
    guard !contact.notifiers.isEmpty else {
      Terminal.note(
        "scrape: \(contact.name.visible) has no place to send to; give it one in scrape.yml")
      return false
    }
    let jobs = contact.notifiers.map { NotificationJob($0, notice, .first) }
    var memories: [String: NotifierMemory] = [:]
    let outcomes = await NotificationJob.send(
      jobs, memories: &memories, on: Reactor(), by: .after(.seconds(60)))
    var failed = false
    for (notifier, outcome) in zip(contact.notifiers, outcomes) {
      var state = Terminal.paint("ok", .green, on: 1)
      if let error = outcome.error {
        failed = true
        let word = Terminal.paint(error.reason.rawValue, .red, on: 1)
        state = "\(word): \(error.message.visible)\(outcome.wasTried ? "" : " (not tried)")"
      }
      Terminal.print("\(notifier.name.visible)  \(state)")
    }
    return !failed
  }

  /// A test notice with all parts of a real one.
  static func notice(for contact: Contact, at now: Timestamp) -> Notice {
    let host = machine
    var text = StyledText()
    text.add(.init("This is a test", .bold), .init(" of scrape on "), .init(host, .code))
    text.add(.init("Nothing is wrong. Notifications to \(contact.name) look like this."))
    text.add(.init("scrape notify test \(contact.name)", .code))
    let alert = Notice.Alert(
      host: host, group: "scrape", check: "test", severity: .minor,
      message: "This is a test; nothing is wrong", since: now)
    return Notice(
      .test, severity: .minor, subject: "🔔 Test of scrape on \(host)", text: text,
      alerts: [alert], opened: now, chart: chart(until: now), contact: contact.name)
  }

  private static var machine: String {
    var names = utsname()
    guard uname(&names) == 0 else { return "this machine" }
    return withUnsafeBytes(of: &names.nodename) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  /// One hour of a value that crosses its threshold.
  private static func chart(until now: Timestamp) -> Chart {
    let values = (0...60).map { index in
      let phase = Double(index % 12) - 6
      return (
        time: now.before(.seconds(60 * (60 - index))),
        value: 40 + Double(index) * 0.8 + phase * phase / 6
      )
    }
    return Chart(
      title: "An example, not a measurement", unit: "%", series: [.init("example", values)],
      thresholds: [.init(80, .minor)],
      from: now.before(.seconds(3600)), to: now)
  }
}
