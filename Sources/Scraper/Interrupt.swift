internal import Engine

/// SIGINT and SIGTERM while hosts are asked: the first ends that in order, the second the process.
///
/// At any other time they do what they always do. That loses nothing: what a pass found out is kept
/// in one transaction, and what is not delivered waits in the store.
struct Interrupt {
  private let signals: Signals? = try? Signals()

  /// Waits for the first signal; false where the wait was cancelled.
  func wait(on reactor: Reactor) async -> Bool {
    guard let signals else { return false }
    return await reactor.open { reactor in
      (try? await signals.next(on: reactor)) != nil
    }
  }

  /// Lets the signals be what they were.
  func end() { Signals.release() }
}
