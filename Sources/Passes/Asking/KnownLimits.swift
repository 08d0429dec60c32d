internal import Inventory
internal import Metrics
internal import Store

extension Governor {
  /// The governor with what earlier passes learned.
  static func known(in store: Store, _ settings: Settings) async -> Governor {
    let known = (try? await store.status()) ?? []
    let failing = known.filter { $0.outcome.target == CheckName.ssh.text && !$0.outcome.up }
    return Governor(
      (try? await store.governed()) ?? [:],
      caps: [.bmcs: Double(settings.bmcPerSubnet)], failing: Set(failing.map(\.host)))
  }
}
