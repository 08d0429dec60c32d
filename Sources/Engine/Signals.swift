internal import CLinux
internal import Glibc

/// SIGINT and SIGTERM as a descriptor that a reactor waits for.
public final class Signals: Sendable {
  private let descriptor: FileDescriptor

  /// Takes both signals over for the whole process.
  public init() throws(SystemError) {
    let number = scrape_catch_signals()
    guard number >= 0 else { throw SystemError("sigaction") }
    descriptor = FileDescriptor(owning: number)
  }

  /// Waits until one of them has come.
  public func next(on reactor: isolated Reactor) async throws(WaitError) {
    var value: UInt64 = 0
    while read(descriptor.number, &value, 8) != 8 {
      try await reactor.wait(descriptor.number, for: .read, by: .never)
    }
  }

  /// Lets the next signal end the process at once, as if nothing had been taken over.
  public static func release() { scrape_release_signals() }

  /// Makes a write to a closed pipe or socket an error of the call instead of the process's end.
  public static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }
}
