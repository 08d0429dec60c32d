internal import CLinux
internal import Glibc

/// SIGINT, SIGTERM and SIGHUP as descriptors: one for a reactor, one for a watchdog.
public final class Signals: Sendable {
  private let descriptor: FileDescriptor
  /// Readable once a signal has arrived, for a thread other than a reactor's.
  let watched: FileDescriptor

  /// Installs handlers for the whole process: the first signal is recorded, the second ends the
  /// process at once. An ignored SIGHUP stays ignored (nohup(1)).
  public init() throws(SystemError) {
    let number = scrape_catch_signals()
    guard number >= 0 else { throw SystemError("sigaction") }
    descriptor = FileDescriptor(owning: number)
    watched = FileDescriptor(owning: scrape_watch_signals())
    guard watched.number >= 0 else { throw SystemError("eventfd") }
  }

  /// Waits until a signal has arrived.
  public func next(on reactor: isolated Reactor) async throws(WaitError) {
    var value: UInt64 = 0
    while read(descriptor.number, &value, 8) != 8 {
      try await reactor.wait(descriptor.number, for: .read, by: .never)
    }
  }

  /// Makes a write to a closed pipe or socket return an error instead of ending the process.
  public static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }
}
