public import Configuration
internal import Glibc
public import Metrics

/// Which alerts go to which contacts, and how often.
///
/// Routes are tried in order: each contact gets an alert by the first route that takes it.
public struct Route: Sendable {
  /// What alerts of one incident have in common.
  public enum Grouping: String, Sendable, CaseIterable { case none, host, group, check }

  public let name: String
  public var contacts: [String] = []
  public var severities: Set<Severity> = [.minor, .major, .critical]
  /// Transitions that are sent, such as from ok to critical; nil is any severity. Empty: all.
  public var transitions: [(from: Severity?, to: Severity?)] = []
  /// A pattern as for `--limit`.
  public var hosts: Node?
  public var groups: [Node] = []
  /// Globs of check names, one of which must match: `ssh`, `service *`, `rule disk*`.
  public var checks: [String] = []
  /// Globs of tag values by the tag's name; each tag must match one of its globs.
  public var tags: [(name: String, pattern: String)] = []
  public var hours: Hours?
  public var by = Grouping.none
  /// The delay before the first notification.
  public var wait: Duration = .zero
  /// How long new alerts join an incident without another notification.
  public var interval: Duration = .seconds(300)
  /// The interval of reminders; zero is never.
  public var `repeat`: Duration = .seconds(4 * 3600)
  public var sendsRecovery = true
  public let place: Node

  /// The default route to all contacts, if scrape.yml has no routes.
  public init(to contacts: [String], place: Node) {
    name = "1"
    self.contacts = contacts
    self.place = place
  }

  static let keys = [
    "name", "to", "severities", "transitions", "hosts", "groups", "checks", "services", "rules",
    "tags", "hours", "by", "wait", "interval", "repeat", "recovery",
  ]

  /// Reads one entry of `routes:`.
  public init?(_ node: Node, number: Int, contacts known: [String], _ findings: inout Findings) {
    place = node
    let before = findings.errors.count
    var name = "\(number)"
    let pairs = findings.gather { findings throws(ConfigurationError) in
      try node.mapping("a route", keys: Self.keys, &findings)
    }
    var read = (contacts: contacts, severities: severities)
    for pair in pairs ?? [] where pair.name == "name" {
      if let text = pair.value.text { name = text }
    }
    self.name = name
    for pair in pairs ?? [] {
      let value = pair.value
      _ = findings.attempt { () throws(ConfigurationError) in
        switch pair.name {
        case "to":
          for word in try value.words("to") {
            guard let text = word.text, known.contains(text) else {
              throw unknown("contact", word, among: known)
            }
            read.contacts.append(text)
          }
        case "severities": read.severities = try Self.severities(value)
        case "transitions": transitions = try Self.transitions(value)
        case "hosts":
          _ = try value.string("hosts")
          hosts = value
        case "groups": groups = try value.words("groups")
        case "checks": checks += try value.strings("checks")
        case "services": checks += try value.strings("services").map { CheckName.service($0).text }
        case "rules":
          checks += try value.strings("rules").flatMap {
            [CheckName.rule($0, series: "").text, CheckName.rule($0, series: "*").text]
          }
        case "tags":
          for tag in try value.mapping("tags") {
            for text in try tag.value.strings("tags") { tags.append((tag.name, text)) }
          }
        case "hours": hours = try Hours(value, "hours")
        case "by":
          guard let grouping = Grouping(rawValue: try value.string("by")) else {
            throw unknown("grouping", value, among: Grouping.allCases.map(\.rawValue))
          }
          by = grouping
        case "wait": wait = try value.duration("wait", in: .zero ... .seconds(3600))
        case "interval": interval = try value.duration("interval", in: .zero ... .seconds(86_400))
        case "repeat":
          self.repeat =
            value.asBoolean == false
            ? .zero : try value.duration("repeat", in: .seconds(60) ... .seconds(30 * 86_400))
        case "recovery": sendsRecovery = try value.boolean("recovery")
        default: break
        }
      }
    }
    contacts = read.contacts
    severities = read.severities
    if findings.errors.count == before, contacts.isEmpty {
      findings.add(
        ConfigurationError("the route leads to nobody", at: node, hint: "give it `to: [CONTACT]`"))
    }
    guard findings.errors.count == before else { return nil }
  }

  /// A severity by its name, or Nagios's.
  static func severity(_ word: Node) throws(ConfigurationError) -> Severity {
    let text = word.text == "warning" ? "minor" : word.text ?? ""
    guard let severity = Severity(rawValue: text) else {
      throw unknown("severity", word, among: Severity.allCases.map(\.rawValue))
    }
    return severity
  }

  private static func severities(_ node: Node) throws(ConfigurationError) -> Set<Severity> {
    var all: Set<Severity> = []
    for word in try node.words("severities") {
      let severity = try severity(word)
      guard severity != .ok else {
        throw ConfigurationError(
          "ok is not an alert", at: word, hint: "`recovery: yes` sends recoveries")
      }
      all.insert(severity)
    }
    return all
  }

  private static func transitions(
    _ node: Node
  ) throws(ConfigurationError) -> [(from: Severity?, to: Severity?)] {
    var all: [(from: Severity?, to: Severity?)] = []
    for word in try node.words("transitions") {
      let ends = (word.text ?? "").split(separator: ">", omittingEmptySubsequences: false)
      guard ends.count == 2 else {
        throw word.mismatch("a transition", "FROM>TO", hint: "write \"ok>critical\" or \"*>major\"")
      }
      var pair: [Severity?] = []
      for end in ends {
        let text = end.filter { $0 != " " }
        pair.append(text == "*" ? nil : try severity(Node(text, like: word)))
      }
      all.append((pair[0], pair[1]))
    }
    return all
  }

  /// Whether the route takes the alert. `isChosen` is whether its hosts and groups match; hours are not
  /// checked here.
  ///
  /// Alerts of the scraper itself match any choice of hosts.
  public func takes(_ alert: Alert, isChosen: Bool) -> Bool {
    // Unknown after ok counts as minor.
    let isLost = alert.severity == .unknown && alert.wasOK && severities.contains(.minor)
    guard severities.contains(alert.severity) || isLost else { return false }
    if !transitions.isEmpty {
      let isMatch = transitions.contains { from, to in
        (from ?? alert.from) == alert.from && (to ?? alert.severity) == alert.severity
      }
      guard isMatch else { return false }
    }
    if alert.key.host == Pseudo.scraper { return true }
    guard isChosen else { return false }
    guard checks.isEmpty || checks.contains(where: CheckName(alert.key.check).matches) else {
      return false
    }
    let names = Set(tags.map(\.name))
    return names.allSatisfy { name in
      let value = alert.tags.first { $0.name == name }?.value ?? ""
      return tags.contains { $0.name == name && fnmatch($0.pattern, value, 0) == 0 }
    }
  }

  /// The grouping key of the alert.
  func key(of alert: Alert) -> String {
    switch by {
    case .none: ""
    // Effects stay with their cause.
    case .host: alert.cause?.place ?? alert.key.place
    case .group: alert.group
    case .check: alert.key.check
    }
  }
}
