internal import Metrics
public import Store

/// What operators do, in the log of the store.
extension Site {
  /// Adds lines to the log, if there is a store of this inventory; returns why it could not.
  ///
  /// What was done stays done: a fault here fails no command.
  public func log(_ lines: [LogLine]) async -> String? {
    guard hasStore, !lines.isEmpty else { return nil }
    do { try await add(lines, to: store()) } catch { return "not in the log: \(error)" }
    return nil
  }

  // Apart and not inlined: Swift 6.3.1's optimizer crashes on both calls within the `do` above.
  @inline(never)
  private func add(_ lines: [LogLine], to store: Store) async throws {
    try await check(store)
    try await store.log(lines)
  }
}
