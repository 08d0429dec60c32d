internal import Engine

/// SIGINT and SIGTERM: the first ends a pass in order, the second ends the process at once.
enum Interrupt {
  private static let signals: Signals? = try? Signals()

  /// Takes the signals over.
  static func takeOver() {
    Signals.ignoreBrokenPipes()
    _ = signals
  }

  /// Waits for the first signal; false where the wait was cancelled.
  static func wait(on reactor: Reactor) async -> Bool {
    await reactor.open { reactor in
      guard let signals else { return false }
      do {
        try await signals.next(on: reactor)
        Signals.release()
        return true
      } catch {
        return false
      }
    }
  }
}
