internal import CLinux
internal import Glibc
internal import Synchronization

/// A thread that ends the process at a deadline, whatever the other threads do.
///
/// It backs up deadlines and cancellation and depends on neither: it waits in poll(2) and takes no
/// lock that another thread holds for long. It also handles SIGINT, SIGTERM and SIGHUP.
public final class Watchdog: Sendable {
  /// Why the watchdog ends the process.
  public enum Cause: Sendable, Equatable {
    case overdue
    /// A signal arrived, and the process did not end within the grace period.
    case signal
  }

  private struct State {
    var deadline: Deadline
    var signalled = false
  }

  private let state: Mutex<State>
  private let bell: FileDescriptor
  private let signals: Signals
  private let grace: Duration

  /// Starts the thread. It calls `noticed` as soon as a signal arrives, and `end` at the deadline
  /// or `grace` after a signal.
  public init(
    by deadline: Deadline, signals: Signals, grace: Duration,
    noticed: @escaping @Sendable () -> Void, end: @escaping @Sendable (Cause) -> Never
  ) throws(SystemError) {
    state = Mutex(State(deadline: deadline))
    self.signals = signals
    self.grace = grace
    bell = FileDescriptor(owning: eventfd(0, scrape_eventfd_flags))
    guard bell.number >= 0 else { throw SystemError("eventfd") }
    startThread("watchdog") { [self] in run(noticed, end) }
  }

  /// Runs the body on its own thread; at the deadline returns without it.
  public static func attempt(within timeout: Duration, _ body: @escaping @Sendable () -> Void) {
    let bell = eventfd(0, scrape_eventfd_flags)
    guard bell >= 0 else { return }
    startThread("watchdog") {
      body()
      var one: UInt64 = 1
      _ = write(bell, &one, 8)
    }
    var done = pollfd(fd: bell, events: Int16(POLLIN), revents: 0)
    poll(&done, 1, Int32(clamping: Int64(timeout / .milliseconds(1))))
  }

  /// Moves the deadline.
  public func expect(by deadline: Deadline) {
    // After a signal there is only the grace period left.
    state.withLock { $0.deadline = $0.signalled ? min($0.deadline, deadline) : deadline }
    var one: UInt64 = 1
    _ = write(bell.number, &one, 8)
  }

  private func run(_ noticed: () -> Void, _ end: (Cause) -> Never) {
    while true {
      let (deadline, signalled) = state.withLock { ($0.deadline, $0.signalled) }
      if deadline.isPast { end(signalled ? .signal : .overdue) }
      var descriptors = [
        pollfd(fd: bell.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: signalled ? -1 : signals.watched.number, events: Int16(POLLIN), revents: 0),
      ]
      let left = deadline == .never ? -1 : deadline.remaining / .milliseconds(1) + 1
      poll(&descriptors, 2, Int32(max(-1, min(left, 60_000))))
      var value: UInt64 = 0
      if descriptors[0].revents != 0 { _ = read(bell.number, &value, 8) }
      if descriptors[1].revents != 0, read(signals.watched.number, &value, 8) == 8 {
        state.withLock { state in
          state.signalled = true
          state.deadline = min(state.deadline, .after(grace))
        }
        noticed()
      }
    }
  }
}
