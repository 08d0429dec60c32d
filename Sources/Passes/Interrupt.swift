internal import Engine

/// SIGINT, SIGTERM and SIGHUP while hosts are asked: the first ends that in order, the second the process.
///
/// Where a pass is not over soon after the first, its watchdog ends it. That loses nothing: what a pass
/// found out is kept in one transaction, and what is not delivered waits in the store.
struct Interrupt {
  let signals: Signals

  /// Waits for the first signal; false where the wait was cancelled.
  func wait(on reactor: Reactor) async -> Bool {
    await reactor.open { reactor in
      (try? await signals.next(on: reactor)) != nil
    }
  }
}
