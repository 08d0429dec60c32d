internal import CSystemd
internal import Engine
internal import Metrics
internal import Synchronization

/// What a service tells systemd about itself, through the socket that `NOTIFY_SOCKET` names: see
/// sd_notify(3). Without it all of this does nothing.
struct ServiceManager: Sendable {
  /// How often a sign of life is due at least; nil where none is asked for.
  private let interval: Duration?
  private let last = LastSign()

  private final class LastSign: Sendable {
    let time = Mutex(Deadline(nanoseconds: 0))
  }

  init() {
    var microseconds: UInt64 = 0
    interval =
      sd_watchdog_enabled(0, &microseconds) > 0
      ? .microseconds(Int64(clamping: microseconds / 4)) : nil
  }

  func isReady() { send("READY=1") }
  func isStopping() { send("STOPPING=1") }

  /// A line that `systemctl status` shows.
  func status(_ text: String) {
    send("STATUS=\(text.visible.replacing("\n", with: " "))")
  }

  /// A sign of life, four times in the interval after which systemd restarts the service.
  func isAlive() {
    guard let interval else { return }
    let isDue = last.time.withLock { time in
      guard Deadline.now.since(time) >= interval else { return false }
      time = .now
      return true
    }
    if isDue { send("WATCHDOG=1") }
  }

  private func send(_ state: String) { _ = sd_notify(0, state) }
}
