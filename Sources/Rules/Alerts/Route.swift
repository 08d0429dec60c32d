public import Configuration
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

  /// Takes the settings of one entry of `routes:`; nil without contacts.
  public init?(_ fields: inout Fields, number: Int, contacts known: [String]) {
    place = fields.node
    name =
      fields.take(
        "name", .text, otherwise: "its number", "Name of the route.", example: "nights")
      ?? "\(number)"
    let contact = SettingType(
      "name of a contact, or list of them", example: "[\(known.first ?? "ops")]"
    ) {
      node, what throws(ConfigurationError) in
      for word in try node.words(what) where !known.contains(word.text ?? "") {
        throw unknown("contact", word, among: known)
      }
      return try node.strings(what)
    }
    contacts = fields.take("to", contact, otherwise: "required", "Contacts to notify.") ?? []
    let severityList = SettingType(
      "list of severities", example: "[major, critical]",
      show: { _ in "`[minor, major, critical]`" }, Self.severities)
    fields.set(
      &severities, "severities", severityList,
      "Severities that match; also `unknown` of checks that were never ok.")
    transitions =
      fields.take(
        "transitions",
        SettingType(
          "list of `FROM>TO`", example: "[\"ok>critical\", \"*>major\"]", Self.transitions),
        otherwise: "all", "Changes that match.") ?? []
    let pattern = SettingType("pattern", example: "\"web*,!web03\"") {
      node, what throws(ConfigurationError) -> Node in
      _ = try node.string(what)
      return node
    }
    hosts = fields.take("hosts", pattern, otherwise: "all", "Hosts that match.")
    let words = SettingType("list of groups", example: "[web, db]") {
      node, what throws(ConfigurationError) in try node.words(what)
    }
    groups = fields.take("groups", words, otherwise: "all", "Groups of hosts that match.") ?? []
    let globs = SettingType<[String]>.words("list of globs", example: "[ssh, \"service *\"]")
    checks = fields.take("checks", globs, otherwise: "all", "Names of checks that match.") ?? []
    checks +=
      (fields.take(
        "services", globs, otherwise: "all", "Names of services and probes that match.",
        example: "[https, smtp]") ?? []).map { CheckName.service($0).text }
    checks +=
      (fields.take(
        "rules", globs, otherwise: "all", "Names of rules that match.", example: "[\"disk *\"]")
      ?? [])
      .flatMap { [CheckName.rule($0, series: "").text, CheckName.rule($0, series: "*").text] }
    tags =
      fields.take("tags", Self.tagGlobs, otherwise: "all", "Tags of the host that match.") ?? []
    hours = fields.take(
      "hours", .hours, otherwise: "always", "Times at which the route notifies.")
    fields.set(
      &by, "by", .choice("grouping"), "What alerts of one incident have in common.",
      example: "group")
    fields.set(
      &wait, "wait", .duration(.zero ... .seconds(3600)),
      "Delay of the first notification; shorter incidents are not sent.", example: "30s")
    fields.set(
      &interval, "interval", .duration(.zero ... .seconds(86_400)),
      "Least time between two messages with sound of an incident.", example: "10m")
    let reminder = SettingType<Duration>.duration(.seconds(60) ... .seconds(30 * 86_400)).orOff
    let repeats = fields.take(
      "repeat", reminder, otherwise: "`\(self.repeat.text)`",
      "Interval of reminders while an incident lasts and is not acknowledged.", example: "12h")
    if let repeats { self.repeat = repeats ?? .zero }
    fields.set(
      &sendsRecovery, "recovery", .boolean,
      "Whether a message is sent when an incident is resolved.",
      example: "no")
    if contacts.isEmpty {
      fields.addUnlessFaulty(
        ConfigurationError(
          "the route leads to nobody", at: place, hint: "give it `to: [CONTACT]`"))
      return nil
    }
  }

  private static var tagGlobs: SettingType<[(name: String, pattern: String)]> {
    SettingType("mapping of tags to globs", example: "{team: \"blue*\"}") {
      node, what throws(ConfigurationError) in
      var tags: [(name: String, pattern: String)] = []
      for tag in try node.mapping(what) {
        for text in try tag.value.strings(what) { tags.append((tag.name, text)) }
      }
      return tags
    }
  }

  /// A severity by its name, or Nagios's.
  static func severity(_ word: Node) throws(ConfigurationError) -> Severity {
    let text = word.text == "warning" ? "minor" : word.text ?? ""
    guard let severity = Severity(rawValue: text) else {
      throw unknown("severity", word, among: Severity.allCases.map(\.rawValue))
    }
    return severity
  }

  private static func severities(
    _ node: Node, _ what: String
  ) throws(ConfigurationError) -> Set<Severity> {
    var all: Set<Severity> = []
    for word in try node.words(what) {
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
    _ node: Node, _ what: String
  ) throws(ConfigurationError) -> [(from: Severity?, to: Severity?)] {
    var all: [(from: Severity?, to: Severity?)] = []
    for word in try node.words(what) {
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
      return tags.contains { $0.name == name && Glob($0.pattern).matches(value) }
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
