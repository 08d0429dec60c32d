public import Configuration
internal import Glibc
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
    public var why: String

    public func holds(_ time: Timestamp) -> Bool {
      hours?.contains(time) != false && from.map { $0 <= time } != false
        && until.map { time < $0 } != false
    }
  }

  /// Quiet hours of a contact: no notifications of a severity below `below`.
  private struct Quiet {
    var hours: Hours
    var below = Severity.critical
  }

  static let keys = ["routes", "maintenance", "stale"]
  static let quietKeys = ["hours", "below"]
  static let maintenanceKeys = ["hosts", "checks", "hours", "from", "until", "why"]

  public init(
    _ settings: Settings, _ inventory: Inventory, _ contacts: [Contact], _ findings: inout Findings
  ) {
    let names = contacts.map(\.name)
    var routes: [Route] = []
    var maintenance: [Maintenance] = []
    var stale = Duration.seconds(600)
    let pairs =
      settings.sections["alerts"].flatMap { node in
        findings.gather { findings throws(ConfigurationError) in
          try node.mapping("alerts", keys: Self.keys, &findings)
        }
      } ?? []
    for pair in pairs {
      switch pair.name {
      case "routes":
        let items = findings.attempt { () throws(ConfigurationError) in
          try pair.value.list("routes")
        }
        for item in items ?? [] {
          guard
            let route = Route(item, number: routes.count + 1, contacts: names, &findings)
          else { continue }
          if routes.contains(where: { $0.name == route.name }) {
            findings.add(ConfigurationError("there are two routes \"\(route.name)\"", at: item))
          }
          routes.append(route)
        }
      case "maintenance":
        let items = findings.attempt { () throws(ConfigurationError) in
          try pair.value.list("maintenance")
        }
        for item in items ?? [] {
          if let window = Self.maintenance(item, inventory, &findings) {
            maintenance.append(window)
          }
        }
      default:
        findings.set(&stale) { () throws(ConfigurationError) in
          try pair.value.duration("stale", in: .seconds(60) ... .seconds(7 * 86_400))
        }
      }
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

  private static func hosts(
    of routes: [Route], _ inventory: Inventory, _ findings: inout Findings
  ) -> [String: Set<String>] {
    var all: [String: Set<String>] = [:]
    for route in routes {
      var chosen: Set<String>?
      if let node = route.hosts {
        chosen = select(node, inventory, &findings)
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

  private static func select(
    _ node: Node, _ inventory: Inventory, _ findings: inout Findings
  ) -> Set<String> {
    let hosts = findings.attempt { () throws(ConfigurationError) in
      do throws(ConfigurationError) {
        return try inventory.select(try node.string("hosts"))
      } catch {
        throw ConfigurationError(error.problem, at: node, hint: error.hint)
      }
    }
    return Set((hosts ?? []).map(\.name))
  }

  private static func quiet(
    _ contacts: [Contact], _ findings: inout Findings
  ) -> [String: Quiet] {
    var all: [String: Quiet] = [:]
    for contact in contacts {
      guard let node = contact.sections["quiet"] else { continue }
      var below = Severity.critical
      var hours: Hours?
      if node.pairs == nil {
        hours = findings.attempt { () throws(ConfigurationError) in try Hours(node, "quiet") }
      } else {
        let pairs = findings.gather { findings throws(ConfigurationError) in
          try node.mapping("quiet", keys: Self.quietKeys, &findings)
        }
        for pair in pairs ?? [] {
          _ = findings.attempt { () throws(ConfigurationError) in
            if pair.name == "hours" {
              hours = try Hours(pair.value, "hours")
            } else {
              guard let severity = Severity(rawValue: try pair.value.string("below")) else {
                throw unknown(
                  "severity", pair.value, among: Severity.allCases.map(\.rawValue))
              }
              guard severity > .unknown else {
                throw ConfigurationError(
                  "no notification is ever sent below \(severity.rawValue)", at: pair.value,
                  hint: "`below: critical` holds back minor and major ones")
              }
              below = severity
            }
          }
        }
        if hours == nil, pairs?.contains(where: { $0.name == "hours" }) == false {
          findings.add(
            ConfigurationError("quiet has no hours", at: node, hint: "hours: \"22:00-06:00\""))
        }
      }
      if let hours { all[contact.name] = Quiet(hours: hours, below: below) }
    }
    return all
  }

  private static func maintenance(
    _ node: Node, _ inventory: Inventory, _ findings: inout Findings
  ) -> Maintenance? {
    let before = findings.errors.count
    var window = Maintenance(why: "maintenance")
    let pairs = findings.gather { findings throws(ConfigurationError) in
      try node.mapping("maintenance", keys: maintenanceKeys, &findings)
    }
    for pair in pairs ?? [] {
      if pair.name == "hosts" {
        let pattern = pair.value.text ?? ""
        // As in `scrape silence`, `all` includes the services of scrape.yml and the scraper itself.
        if ["all", "*"].contains(pattern) { continue }
        window.hosts =
          Pseudo.withChecks.contains(pattern)
          ? [pattern] : select(pair.value, inventory, &findings)
        continue
      }
      _ = findings.attempt { () throws(ConfigurationError) in
        switch pair.name {
        case "checks": window.check = try pair.value.string("checks")
        case "hours": window.hours = try Hours(pair.value, "hours")
        case "from": window.from = try moment(pair.value, "from")
        case "until": window.until = try moment(pair.value, "until")
        default: window.why = try pair.value.string("why")
        }
      }
    }
    if findings.errors.count == before, window.hours == nil, window.until == nil {
      findings.add(
        ConfigurationError(
          "maintenance has neither hours nor an end", at: node,
          hint: "give it `hours: \"sun 02:00-04:00\"` or `until: \"2026-11-20 18:00\"`"))
    }
    return findings.errors.count == before ? window : nil
  }

  /// A local time: `2026-11-20 18:00`.
  private static func moment(_ node: Node, _ what: String) throws(ConfigurationError) -> Timestamp {
    let numbers = try node.string(what).split { "-: T".contains($0) }.map { Int32($0) ?? -1 }
    let ranges: [ClosedRange<Int32>] = [1970...2200, 1...12, 1...31, 0...23, 0...59]
    guard numbers.count == ranges.count, zip(ranges, numbers).allSatisfy({ $0.contains($1) }) else {
      throw node.mismatch(what, "a moment", hint: "write it as \"2026-11-20 18:00\"")
    }
    var parts = tm()
    (parts.tm_year, parts.tm_mon, parts.tm_mday) = (numbers[0] - 1900, numbers[1] - 1, numbers[2])
    (parts.tm_hour, parts.tm_min, parts.tm_isdst) = (numbers[3], numbers[4], -1)
    return Timestamp(seconds: Int64(mktime(&parts)))
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
