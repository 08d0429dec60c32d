public import Rules
public import Inventory

/// The input of alerting: the inventory, and the rules, routes and reports of scrape.yml.
public struct AlertSetup: Sendable {
  let inventory: Inventory
  let alerts: AlertBook
  /// The rules for a host.
  let rules: @Sendable (_ host: String) -> [Rule]
  let reports: Reports
  /// How services that are asked on several ways are compared, by host and the check of a service.
  let ways: [String: [String: Ways]]

  /// The checks of one service on several ways.
  public struct Ways: Sendable {
    /// The check that compares the answers.
    var check: String
    /// The check of the service inside.
    var inside: String

    public init(check: String, inside: String) {
      self.check = check
      self.inside = inside
    }
  }

  public init(
    inventory: Inventory,
    alerts: AlertBook,
    rules: @escaping @Sendable (_ host: String) -> [Rule],
    reports: Reports,
    ways: [String: [String: Ways]] = [:]
  ) {
    self.ways = ways
    self.inventory = inventory
    self.alerts = alerts
    self.rules = rules
    self.reports = reports
  }
}
