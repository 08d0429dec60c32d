internal import Alerts
internal import Charts
internal import Configuration
internal import Engine
internal import Glibc
internal import Metrics
internal import Notifiers
internal import Passes

/// `scrape notify`: who is told where, and whether it arrives.
enum NotifyCommand: Subcommand {
  static let name = "notify"
  static let summary = "Shows the contacts of scrape.yml, or sends one of them a real test."
  static let operands = "list|test [CONTACT]"
  static let options = Site.options
  static let discussion = """
    `test` sends one message with a small chart to each place of the contact, at once and whatever its
    quiet hours, and says of each whether it was taken, or what to do. It exits with 1 where one was
    not. That it was taken is not that somebody reads it: look there.
    """
  static let examples: [Example] = [
    ("scrape notify list", "contacts and their places"),
    ("scrape notify test ops", "a real message to each place of ops"),
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
    let site = try Site(arguments)
    return await test(try site.contact(wanted, secrets: true))
  }

  // MARK: list

  private static func list(_ site: Site) throws -> Int32 {
    let contacts = try site.contacts(secrets: false)
    if contacts.isEmpty { Terminal.note("scrape notify: scrape.yml has no contacts") }
    for contact in contacts {
      Terminal.print(contact.name.visible)
      for notifier in contact.notifiers { Terminal.print("  \(notifier.name.visible)") }
      if contact.notifiers.isEmpty { Terminal.print("  (told nowhere)") }
    }
    return ExitCode.ok
  }

  // MARK: test

  private static func test(_ contact: Contact) async -> Int32 {
    let isDelivered = await send(notice(for: contact, at: .now), to: contact)
    for notifier in contact.notifiers { notifier.close() }
    return isDelivered ? ExitCode.ok : ExitCode.notOK
  }

  /// Tells it at all places of the contact at once, and prints of each whether it was taken.
  static func send(_ notice: Notice, to contact: Contact) async -> Bool {
    guard !contact.notifiers.isEmpty else {
      Terminal.note("scrape: \(contact.name.visible) has no place to be told at")
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

  /// What says of itself that it is a test, in all that a real one has.
  static func notice(for contact: Contact, at now: Timestamp) -> Notice {
    let host = machine
    var text = StyledText()
    text.add(.init("This is a test", .bold), .init(" of scrape on "), .init(host, .code))
    text.add(.init("Nothing is wrong. So it looks when \(contact.name) is told."))
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

  /// An hour of a number that climbs over its threshold.
  private static func chart(until now: Timestamp) -> Chart {
    let minute: Int64 = 60_000_000_000
    let values = (0...60).map { index in
      let phase = Double(index % 12) - 6
      return (
        time: Timestamp(nanoseconds: now.nanoseconds - Int64(60 - index) * minute),
        value: 40 + Double(index) * 0.8 + phase * phase / 6
      )
    }
    return Chart(
      title: "An example, not a measurement", unit: "%", series: [.init("example", values)],
      thresholds: [.init(80, .minor)],
      from: Timestamp(nanoseconds: now.nanoseconds - 60 * minute), to: now)
  }
}
