internal import CLinux
internal import Glibc

/// Signals as a descriptor that a reactor waits for, instead of handlers.
public final class Signals: Sendable {
  private let descriptor: FileDescriptor

  /// Blocks SIGINT and SIGTERM in the calling thread and all it starts, to be read here.
  ///
  /// Call it before any thread is started. The corresponding C function is `signalfd`.
  public init() throws(SystemError) {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGINT)
    sigaddset(&set, SIGTERM)
    pthread_sigmask(SIG_BLOCK, &set, nil)
    let fd = signalfd(-1, &set, scrape_signalfd_flags)
    guard fd >= 0 else { throw SystemError("signalfd") }
    descriptor = FileDescriptor(owning: fd)
  }

  /// Waits for the next signal and returns its number.
  public func next(on reactor: isolated Reactor) async throws(WaitError) -> Int32 {
    while true {
      var info = signalfd_siginfo()
      if read(descriptor.number, &info, MemoryLayout.size(ofValue: info)) > 0 {
        return Int32(bitPattern: info.ssi_signo)
      }
      try await reactor.wait(descriptor.number, for: .read, by: .never)
    }
  }

  /// Lets the next signal end the process at once, as if nothing had been taken over.
  public static func release() {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGINT)
    sigaddset(&set, SIGTERM)
    pthread_sigmask(SIG_UNBLOCK, &set, nil)
  }

  /// Makes a write to a closed pipe or socket an error of the call instead of the process's end.
  public static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }
}
