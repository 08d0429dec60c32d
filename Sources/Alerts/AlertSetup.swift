public import Rules
public import Inventory

/// The input of alerting: the inventory, and the rules, routes and reports of scrape.yml.
public struct AlertSetup: Sendable {
  let inventory: Inventory
  let alerts: AlertBook
  /// The rules for a host.
  let rules: @Sendable (_ host: String) -> [Rule]
  let reports: Reports

  public init(
    inventory: Inventory,
    alerts: AlertBook,
    rules: @escaping @Sendable (_ host: String) -> [Rule],
    reports: Reports
  ) {
    self.inventory = inventory
    self.alerts = alerts
    self.rules = rules
    self.reports = reports
  }
}
