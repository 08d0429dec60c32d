public import Alerts
public import Metrics
public import Store

extension AlertFeed {
  /// All that is not well as the store knows it, with what was said to it by now.
  public init(now: Timestamp, of site: Site, _ store: Store) async throws {
    let evaluator = Evaluator(site, store, CheckList(site), states: try await store.states())
    self.init(
      evaluator.states, of: site.alerting, changes: [:], before: [:],
      acknowledgements: try await store.acknowledgements(), silences: try await store.silences(),
      at: now)
  }
}
