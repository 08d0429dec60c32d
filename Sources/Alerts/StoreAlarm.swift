public import Engine
internal import Glibc
public import Metrics
public import Notifiers

/// Notifies all contacts that the store cannot be written: states and alerts then no longer change.
///
/// The store cannot hold the time of that notification. The modification time of an empty file beside
/// the store does, which even a full disk takes. If the file cannot be made, nothing is sent, because
/// every pass would send it again.
public struct StoreAlarm: Sendable {
  /// Seconds between two notifications.
  private static let interval: Int64 = 3600
  private let mark: String
  private let now: Timestamp

  public init(beside store: String, at now: Timestamp) {
    mark = store + ".failed"
    self.now = now
  }

  /// Removes the mark: the store can be written.
  public func clear() {
    if access(mark, F_OK) == 0 { unlink(mark) }
  }

  /// Notifies all contacts at most once an hour; returns the delivery errors.
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
    return outcomes.compactMap(\.error).map { "delivery failed: \($0)".visible }
  }

  /// Whether a notification is due; sets the mark if so.
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
