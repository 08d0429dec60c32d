public import Configuration
public import Metrics
public import Notifiers
internal import Rules
public import Inventory

/// The notification settings of scrape.yml: routes, maintenance windows and quiet hours of contacts.
public struct AlertBook: Sendable {
  let routes: [Route]
  public let maintenance: [Maintenance]
  /// An incident that waits longer than this for delivery goes into a summary.
  let stale: Duration
  private let quiet: [String: Quiet]
  /// The hosts of each route; a route without an entry applies to all hosts.
  private let hosts: [String: Set<String>]

  /// A maintenance window: no notifications for matching hosts and checks.
  public struct Maintenance: Sendable {
    public var hosts: Set<String>?
    var check: String?
    var hours: Hours?
    var from: Timestamp?
    var until: Timestamp?
    public var why = "maintenance"

    /// Takes the settings of one window.
    fileprivate init(_ fields: inout Fields, _ inventory: Inventory?) {
      let all = SettingType<[Host]>.hosts(of: inventory)
      let pattern = SettingType<Set<String>?>(all.text, example: all.example) {
        node, what throws(ConfigurationError) in
        let text = node.text ?? ""
        // As in `scrape silence`, `all` includes the services of scrape.yml and the scraper itself.
        if ["all", "*"].contains(text) { return nil }
        if Pseudo.withChecks.contains(text) || inventory?.strangers.contains(text) == true {
          return [text]
        }
        return Set(try all.decode(node, what).map(\.name))
      }
      hosts = fields.take("hosts", pattern, otherwise: "all", "Hosts that are silenced.") ?? nil
      check = fields.take(
        "checks", .text("glob", example: "\"service *\""), otherwise: "all",
        "Checks that are silenced.")
      hours = fields.take("hours", .hours, "Recurring times.", example: "\"sun 02:00-04:00\"")
      from = fields.take(
        "from", .moment, otherwise: "at once", "Begin.", example: "\"2026-11-20 18:00\"")
      until = fields.take("until", .moment, "End.", example: "\"2026-11-20 22:00\"")
      fields.set(&why, "why", .text, "Reason, for messages.", example: "backup")
      if hours == nil, until == nil {
        fields.addUnlessFaulty(
          ConfigurationError(
            "maintenance has neither hours nor an end", at: fields.node,
            hint: "give it `hours: \"sun 02:00-04:00\"` or `until: \"2026-11-20 18:00\"`"))
      }
    }

    public func holds(_ time: Timestamp) -> Bool {
      hours?.contains(time) != false && from.map { $0 <= time } != false
        && until.map { time < $0 } != false
    }
  }

  /// Quiet hours of a contact: no notifications of a severity below `below`.
  private struct Quiet {
    var hours: Hours
    var below = Severity.critical

    init(_ hours: Hours) { self.hours = hours }

    init?(_ fields: inout Fields) {
      let hours = fields.require("hours", .hours, "Times of the week.", example: "\"22:00-06:00\"")
      let below = fields.take(
        "below", Self.severity, default: .critical, "Severity from which incidents do not wait.")
      guard let hours else { return nil }
      self.hours = hours
      self.below = below
    }

    private static var severity: SettingType<Severity> {
      SettingType(
        either(["minor", "major", "critical"]), example: "major", show: { "`\($0.rawValue)`" }
      ) { node, what throws(ConfigurationError) in
        guard let severity = Severity(rawValue: try node.string(what)) else {
          throw unknown("severity", node, among: Severity.allCases.map(\.rawValue))
        }
        guard severity > .unknown else {
          throw ConfigurationError(
            "no notification is ever sent below \(severity.rawValue)", at: node,
            hint: "`below: critical` holds back minor and major ones")
        }
        return severity
      }
    }
  }

  public init(
    _ settings: Settings, _ inventory: Inventory, _ contacts: [Contact], _ findings: inout Findings
  ) {
    let names = contacts.map(\.name)
    var routes: [Route] = []
    var maintenance: [Maintenance] = []
    var stale = Self.usualStale
    if let node = settings.sections["alerts"] {
      var fields = Fields("alerts", at: node)
      (routes, maintenance, stale) = Self.take(&fields, names, inventory)
      fields.finish(into: &findings)
    }
    if routes.isEmpty, let section = settings.sections["contacts"], !names.isEmpty {
      routes = [Route(to: names, place: section)]
    }
    self.routes = routes
    self.maintenance = maintenance
    self.stale = stale
    quiet = Self.quiet(contacts, &findings)
    hosts = Self.hosts(of: routes, inventory, &findings)
  }

  private static let usualStale = Duration.seconds(600)

  /// Takes the settings of `alerts:`.
  private static func take(
    _ fields: inout Fields, _ contacts: [String], _ inventory: Inventory?
  ) -> ([Route], [Maintenance], Duration) {
    let stale = fields.take(
      "stale", .duration(.seconds(60) ... .seconds(7 * 86_400)), default: usualStale,
      "More than three incidents that waited longer than this for delivery are sent as one summary.",
      example: "30m")
    var number = 0
    let routes = fields.list(
      "routes", of: "a route", otherwise: "all alerts to all contacts",
      "Which alerts go to which contact; for each contact the first that matches.",
      example: "[{to: \(contacts.first ?? "ops"), severities: [critical]}]"
    ) { route -> Route? in
      number += 1
      return Route(&route, number: number, contacts: contacts)
    }
    for (index, route) in routes.enumerated()
    where routes[..<index].contains(where: { $0.name == route.name }) {
      fields.add(ConfigurationError("there are two routes \"\(route.name)\"", at: route.place))
    }
    let maintenance = fields.list(
      "maintenance", of: "maintenance", otherwise: "none",
      "Maintenance windows: no notifications of matching hosts and checks.",
      example: "[{hosts: all, hours: \"sun 02:00-04:00\", why: backup}]"
    ) { Maintenance(&$0, inventory) }
    return (routes, maintenance, stale)
  }

  /// The settings of `alerts:`, and those of a contact's quiet hours and reports.
  public static func references(in catalog: Catalog) -> [Reference] {
    [
      Reference("`alerts`", "Routes of alerts, and maintenance windows; see [alerts](alerts.md).") {
        _ = take(&$0, ["ops"], nil)
      },
      Reference(
        "`contacts.NAME.quiet`",
        "Times at which less severe incidents wait; in short the hours alone."
      ) { _ = Quiet(&$0) },
      Report.reference(in: catalog),
    ]
  }

  private static func hosts(
    of routes: [Route], _ inventory: Inventory, _ findings: inout Findings
  ) -> [String: Set<String>] {
    var all: [String: Set<String>] = [:]
    for route in routes {
      var chosen: Set<String>?
      if let node = route.hosts {
        let selected = findings.attempt { () throws(ConfigurationError) in
          try SettingType.hosts(of: inventory).decode(node, "hosts")
        }
        chosen = Set((selected ?? []).map(\.name))
      }
      if !route.groups.isEmpty {
        var members: Set<String> = []
        for group in route.groups {
          guard inventory.groups.contains(where: { $0.name == group.text }) else {
            findings.add(unknown("group", group, among: inventory.groups.map(\.name)))
            continue
          }
          let name = group.text ?? ""
          members.formUnion(inventory.hosts.filter { $0.groups.contains(name) }.map(\.name))
        }
        chosen = chosen?.intersection(members) ?? members
      }
      all[route.name] = chosen
    }
    return all
  }

  private static func quiet(
    _ contacts: [Contact], _ findings: inout Findings
  ) -> [String: Quiet] {
    var all: [String: Quiet] = [:]
    for contact in contacts {
      guard let node = contact.sections["quiet"] else { continue }
      if node.pairs == nil {
        let hours = findings.attempt { () throws(ConfigurationError) in try Hours(node, "quiet") }
        all[contact.name] = hours.map { Quiet($0) }
      } else {
        all[contact.name] = findings.decode("quiet", node) { Quiet(&$0) }
      }
    }
    return all
  }

  /// Whether the route applies to the alert's host.
  func isChosen(_ route: Route, _ alert: Alert) -> Bool {
    hosts[route.name]?.contains(alert.key.host) != false
  }

  func route(named name: String) -> Route? { routes.first { $0.name == name } }

  /// Whether the contact has quiet hours at all; what happens in them is sent afterwards.
  func hasQuiet(_ contact: String) -> Bool { quiet[contact] != nil }

  /// Whether the contact's quiet hours hold back that severity at this time.
  func isQuiet(_ contact: String, _ severity: Severity, at time: Timestamp) -> Bool {
    guard let quiet = quiet[contact] else { return false }
    return severity < quiet.below && quiet.hours.contains(time)
  }
}
