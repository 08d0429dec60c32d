internal import CLinux
internal import Glibc

/// SIGINT, SIGTERM and SIGHUP as descriptors: one that a reactor waits for, one for a watchdog.
public final class Signals: Sendable {
  private let descriptor: FileDescriptor
  /// Readable once one of them has come, for a thread that is no reactor's.
  let watched: FileDescriptor

  /// Takes the signals over for the whole process: the next one is noted, the one after it ends the
  /// process at once. SIGHUP stays ignored where it is (nohup(1)).
  public init() throws(SystemError) {
    let number = scrape_catch_signals()
    guard number >= 0 else { throw SystemError("sigaction") }
    descriptor = FileDescriptor(owning: number)
    watched = FileDescriptor(owning: scrape_watch_signals())
    guard watched.number >= 0 else { throw SystemError("eventfd") }
  }

  /// Waits until one of them has come.
  public func next(on reactor: isolated Reactor) async throws(WaitError) {
    var value: UInt64 = 0
    while read(descriptor.number, &value, 8) != 8 {
      try await reactor.wait(descriptor.number, for: .read, by: .never)
    }
  }

  /// Makes a write to a closed pipe or socket an error of the call instead of the process's end.
  public static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }
}
