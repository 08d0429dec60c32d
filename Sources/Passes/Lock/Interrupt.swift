internal import Engine

/// SIGINT, SIGTERM and SIGHUP during scraping: the first ends it in order, the second ends the process.
///
/// The watchdog ends a pass that takes too long after the first signal. Nothing is lost: a pass stores its
/// results in one transaction, and undelivered points stay in the store.
struct Interrupt {
  let signals: Signals

  /// Waits for the first signal; false if cancelled.
  func wait(on reactor: Reactor) async -> Bool {
    await reactor.open { reactor in
      (try? await signals.next(on: reactor)) != nil
    }
  }
}
