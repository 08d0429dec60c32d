public import Engine
internal import Glibc
internal import Live
internal import Metrics
internal import Synchronization

/// Ends the process when a pass exceeds its deadline, and prints what it waited for.
///
/// It backs the deadlines of the single steps: a pass that hangs for any reason ends, and the next pass
/// runs.
public final class PassWatchdog: Sendable {
  /// The time between the deadline of a pass and its end by the watchdog.
  static let patience = Duration.seconds(10)
  /// The time to end in order after SIGINT, SIGTERM or SIGHUP: of a pass, and of the watch.
  static let grace = (pass: Duration.milliseconds(1_700), watch: Duration.milliseconds(4_500))

  /// Whether SIGHUP ends nothing, and the deadline is one of standing still.
  private let isWatch: Bool

  let signals: Signals
  public let activities = Activities()
  private let note = Mutex<Lock.Note?>(nil)
  private let dog = Mutex<Watchdog?>(nil)

  public init(by deadline: Deadline, isWatch: Bool = false) throws(SystemError) {
    self.isWatch = isWatch
    signals = try Signals(hangups: isWatch)
    let begun = Deadline.now
    let dog = try Watchdog(
      by: deadline.advanced(by: Self.patience), signals: signals,
      grace: isWatch ? Self.grace.watch : Self.grace.pass
    ) { [self] in
      write(.interrupted)
    } end: { [self] cause in
      end(cause, begun: begun)
    }
    self.dog.withLock { $0 = dog }
  }

  /// Sets the deadline of the pass, and the lock that records its end.
  public func expect(by deadline: Deadline, _ note: Lock.Note?) {
    self.note.withLock { $0 = note }
    dog.withLock { $0 }?.expect(by: deadline.advanced(by: Self.patience))
  }

  /// Moves the deadline of the watch: its loop goes on.
  func expect(by deadline: Deadline) {
    dog.withLock { $0 }?.expect(by: deadline.advanced(by: Self.patience))
  }

  /// Records the end of the pass in the lock, on another thread: the disk may hang.
  private func write(_ state: LockRecord.State, waits: [String] = []) {
    guard let note = note.withLockIfAvailable({ $0 }) ?? nil else { return }
    Watchdog.attempt(within: .milliseconds(500)) { note(state, waits: waits) }
  }

  private func end(_ cause: Watchdog.Cause, begun: Deadline) -> Never {
    LiveView.restoreTerminal()
    switch cause {
    case .signal:
      say(
        "scrape: ended by a signal; it did not come to its end in \(Format.duration(isWatch ? Self.grace.watch : Self.grace.pass))"
      )
      _exit(ExitCode.interrupted)
    case .overdue:
      let waits = activities.descriptions
      let age = Format.duration(Deadline.now.since(begun))
      say(
        isWatch
          ? "scrape: the watch stood still and is ended, \(age) after its start; what it waited for:"
          : "scrape: the pass is ended \(Format.duration(Self.patience)) after its deadline, "
            + "\(age) after its start; what it waited for:")
      for wait in waits.prefix(50) { say("  \(wait)") }
      if waits.isEmpty { say("  nothing that is known") }
      if waits.count > 50 { say("  and \(waits.count - 50) more") }
      say("What was stored is whole; the next pass goes on from there.")
      write(.overdue, waits: waits)
      _exit(ExitCode.overdue)
    }
  }

  /// Writes a line to standard error if that does not block.
  private func say(_ line: String) {
    let bytes = Array((line.visible + "\n").utf8.prefix(4_000))
    var ready = pollfd(fd: 2, events: Int16(POLLOUT), revents: 0)
    guard poll(&ready, 1, 200) == 1, ready.revents & Int16(POLLOUT) != 0 else { return }
    _ = Glibc.write(2, bytes, bytes.count)
  }
}
