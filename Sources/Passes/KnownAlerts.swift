public import Alerts
public import Metrics
public import Store

extension AlertFeed {
  /// All that is not well as the store knows it, with what was said to it by now.
  public init(now: Timestamp, of site: Site, _ store: Store) async throws {
    let judge = Judge(site, store, Watch(site), states: try await store.states())
    self.init(
      judge.states, of: site.alerting, changes: [:], before: [:],
      acknowledgements: try await store.acknowledgements(), silences: try await store.silences(),
      at: now)
  }
}
