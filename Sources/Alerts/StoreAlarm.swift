public import Engine
internal import Glibc
public import Metrics
public import Notifiers

/// Tells people that nothing can be kept: states and alerts stand still then, and all seems quiet.
///
/// What was told cannot be kept in the store either. An empty file beside it remembers when it was, which
/// can be made on a disk that is full; where it cannot, nobody is told, for every pass would tell it again.
public struct StoreAlarm: Sendable {
  /// After so long people are reminded.
  private static let interval: Int64 = 3600
  private let mark: String
  private let now: Timestamp

  public init(beside store: String, at now: Timestamp) {
    mark = store + ".failed"
    self.now = now
  }

  /// The store is as it should be.
  public func clear() {
    if access(mark, F_OK) == 0 { unlink(mark) }
  }

  /// Tells all contacts, where they have not been told within the hour; returns what went wrong.
  public func send(
    _ failure: String, to contacts: [Contact], on reactor: Reactor, by deadline: Deadline
  ) async -> [String] {
    guard !contacts.isEmpty, isDue() else { return [] }
    let subject = "🔴 the scraper cannot keep what it sees"
    var text = StyledText()
    text.add(.init(subject, .bold), .init(" · \(AlertText.clock(now))"))
    text.add(.init(failure.visible))
    text.add(.init("States and alerts stand still meanwhile. First check: the scraper's disk; "))
    text.add(.init("scrape doctor", .code))
    let jobs = contacts.flatMap { contact in
      contact.notifiers.map { notifier in
        NotificationJob(
          notifier,
          Notice(
            .problem, severity: .critical, subject: subject, text: text, opened: now,
            contact: contact.name), .first)
      }
    }
    var memories: [String: NotifierMemory] = [:]
    let outcomes = await NotificationJob.send(jobs, memories: &memories, on: reactor, by: deadline)
    return outcomes.compactMap(\.error).map { "nobody was told by \($0)".visible }
  }

  /// Whether it is time to tell; from then on it was told.
  private func isDue() -> Bool {
    if let last = Timestamp(fileChanged: mark) {
      if (0..<Self.interval).contains(now.seconds - last.seconds) { return false }
      return utimensat(AT_FDCWD, mark, nil, 0) == 0
    }
    let file = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else { return false }
    close(file)
    return true
  }
}
