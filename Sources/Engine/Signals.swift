internal import CLinux
internal import Glibc

/// SIGINT, SIGTERM and SIGHUP as descriptors: one for a reactor, one for a watchdog.
public final class Signals: Sendable {
  private let descriptor: FileDescriptor
  /// Readable once a signal has arrived, for a thread other than a reactor's.
  let watched: FileDescriptor
  private let hangups: FileDescriptor

  /// Installs handlers for the whole process: the first signal is recorded, the second ends the
  /// process at once. An ignored SIGHUP stays ignored (nohup(1)). With `hangups` SIGHUP is none of these
  /// and ends nothing: see `nextHangup`.
  public init(hangups: Bool = false) throws(SystemError) {
    let number = scrape_catch_signals()
    guard number >= 0 else { throw SystemError("sigaction") }
    descriptor = FileDescriptor(owning: number)
    watched = FileDescriptor(owning: scrape_watch_signals())
    guard watched.number >= 0 else { throw SystemError("eventfd") }
    self.hangups = FileDescriptor(owning: hangups ? scrape_catch_hangups() : -1)
    guard !hangups || self.hangups.number >= 0 else { throw SystemError("sigaction") }
  }

  /// Waits until a signal has arrived.
  public func next(on reactor: isolated Reactor) async throws(WaitError) {
    var value: UInt64 = 0
    while read(descriptor.number, &value, 8) != 8 {
      try await reactor.wait(descriptor.number, for: .read, by: .never)
    }
  }

  /// Waits until SIGHUP has arrived; forever where it is one of the others.
  public func nextHangup(on reactor: isolated Reactor) async throws(WaitError) {
    guard hangups.number >= 0 else { return try await reactor.sleep(until: .never) }
    var value: UInt64 = 0
    while read(hangups.number, &value, 8) != 8 {
      try await reactor.wait(hangups.number, for: .read, by: .never)
    }
  }

  /// Makes a write to a closed pipe or socket return an error instead of ending the process.
  public static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }
}
