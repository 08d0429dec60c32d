internal import Configuration
internal import Metrics
public import Rules
internal import IPMI
internal import Inventory

/// The evaluation settings of scrape.yml: rules with their hosts, services, weights of scores.
public struct RuleBook: Sendable {
  public let rules: [Rule]
  /// Built-in rules that scrape.yml switches off.
  public let off: [Rule]
  /// The patience of targets and services.
  let patience: Patience
  public let services: [BusinessService]
  let weights: Score.Weights
  /// The SLA window; nil without one.
  let sla: SLA?
  /// The host tags that make scopes of summaries.
  public let tags: [String]
  /// The hosts of each rule; a rule without an entry applies to all hosts.
  private let hosts: [String: Set<String>]
  private let names: Set<String>

  /// Reads the sections of evaluation.
  init(_ settings: Settings, _ inventory: Inventory, _ findings: inout Findings) {
    let all = Rule.all(from: settings.sections["rules"], in: .all, &findings)
    rules = all.filter { $0.origin != .off }
    off = all.filter { $0.origin == .off }
    patience = Self.patience(settings.sections["targets"], &findings)
    services = BusinessService.all(from: settings.sections["services"], &findings).map { service in
      findings.attempt { () throws(ConfigurationError) in
        try service.resolved { (pattern: String) throws(ConfigurationError) in
          // Names with ranges, as commands print them; anything else is a glob.
          guard pattern.contains("[") else { return nil }
          do throws(ConfigurationError) { return try inventory.select(pattern).map(\.name) } catch {
            throw ConfigurationError(
              "service \"\(service.name)\": \(error.problem)", at: service.mark,
              length: service.name.count, hint: error.hint)
          }
        }
      } ?? service
    }
    (weights, sla, tags) = Self.scores(settings.sections["scores"], &findings)
    var hosts: [String: Set<String>] = [:]
    for rule in rules {
      if let profile = rule.profile, settings.profiles[profile] == nil {
        findings.add(
          unknown(
            "profile", Node(profile, like: rule.place), among: settings.profiles.keys.sorted()))
      }
      guard rule.hosts != nil || rule.profile != nil else { continue }
      let chosen = findings.attempt { () throws(ConfigurationError) in
        do throws(ConfigurationError) {
          guard let pattern = rule.hosts else { return inventory.hosts }
          return try inventory.select(pattern)
        } catch {
          throw ConfigurationError(
            "hosts of rule \"\(rule.name)\": \(error.problem)", at: rule.place, hint: error.hint)
        }
      }
      hosts[rule.name] = Set(
        (chosen ?? []).filter { rule.profile == nil || $0.profile == rule.profile }.map(\.name))
    }
    self.hosts = hosts
    names = Set(rules.map(\.name))
  }

  /// The rules of a host.
  func rules(for host: String) -> [Rule] {
    rules.filter { hosts[$0.name]?.contains(host) != false }
  }

  /// Whether the rule exists and applies to the host.
  public func has(_ rule: String, for host: String) -> Bool {
    names.contains(rule) && hosts[rule]?.contains(host) != false
  }

  private static func patience(_ node: Node?, _ findings: inout Findings) -> Patience {
    guard let node else { return .none }
    var patience = Patience.none
    let pairs = findings.gather { findings throws(ConfigurationError) in
      try node.mapping("targets", keys: ["for"], &findings)
    }
    for pair in pairs ?? [] {
      findings.set(&patience) { () throws(ConfigurationError) in try pair.value.patience("for") }
    }
    return patience
  }

  private static func scores(
    _ node: Node?, _ findings: inout Findings
  ) -> (Score.Weights, SLA?, [String]) {
    guard let node else { return (.percentage, nil, []) }
    if node.text != nil { return (preset(node, &findings), nil, []) }
    var weights = Score.Weights.percentage
    var sla: SLA?
    var tags: [String] = []
    let keys = ["preset", "minor", "major", "critical", "sla", "by"]
    let pairs = findings.gather { findings throws(ConfigurationError) in
      try node.mapping("scores", keys: keys, &findings)
    }
    // Single weights override the preset.
    for pair in pairs ?? [] where pair.name == "preset" { weights = preset(pair.value, &findings) }
    for pair in pairs ?? [] {
      switch pair.name {
      case "preset": break
      case "minor": weights.minor = weight(pair, &findings)
      case "major": weights.major = weight(pair, &findings)
      case "critical": weights.critical = weight(pair, &findings)
      case "sla": sla = SLA(pair.value, &findings)
      default: tags = self.tags(pair.value, &findings)
      }
    }
    return (weights, sla, tags)
  }

  private static func preset(_ node: Node, _ findings: inout Findings) -> Score.Weights {
    switch node.text {
    case "percentage": return .percentage
    case "graded": return .graded
    default:
      findings.add(unknown("score", node, among: ["percentage", "graded"]))
      return .percentage
    }
  }

  private static func weight(_ pair: Node.Pair, _ findings: inout Findings) -> Double {
    findings.attempt { () throws(ConfigurationError) -> Double in
      guard let value = Double(try pair.value.string(pair.name)), (0...1).contains(value) else {
        throw ConfigurationError("\(pair.name) must be from 0 to 1", at: pair.value)
      }
      return value
    } ?? 0
  }

  private static func tags(_ node: Node, _ findings: inout Findings) -> [String] {
    let words = findings.attempt { () throws(ConfigurationError) in try node.words("by") }
    return (words ?? []).compactMap { word in
      let name = word.text ?? ""
      guard !["host", "group", "type", "scope"].contains(name) else {
        findings.add(
          ConfigurationError(
            "\"\(name)\" is no tag of the inventory's", at: word,
            hint: name == "group" ? "services are counted by group without it" : nil))
        return nil
      }
      return name
    }
  }
}
