public import Alerts
public import Metrics
public import Store

extension AlertFeed {
  /// The alerts of the stored states, with the current acknowledgements and silences.
  public init(now: Timestamp, of site: Site, _ store: Store) async throws {
    let evaluator = Evaluator(site, store, CheckList(site), states: try await store.states())
    self.init(
      evaluator.states, of: site.alerting, changes: [:], before: [:],
      acknowledgements: try await store.acknowledgements(), silences: try await store.silences(),
      at: now)
  }
}
