internal import Configuration
internal import Rules
internal import Targets

/// What scrape.yml says about judging: its rules with the hosts that each is for, services, weights.
struct RuleBook {
  let rules: [Rule]
  let services: [BusinessService]
  let weights: Score.Weights
  /// The hosts of each rule; a rule that is not here is for all.
  private let hosts: [String: Set<String>]
  private let names: Set<String>

  /// Reads the sections of the settings that other rooms left alone.
  init(_ settings: Settings, _ inventory: Inventory, _ findings: inout Findings) {
    rules = Rule.all(from: settings.sections["rules"], &findings)
    services = BusinessService.all(from: settings.sections["services"], &findings)
    weights = Self.weights(settings.sections["scores"], &findings)
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

  /// The rules for a host.
  func rules(for host: String) -> [Rule] {
    rules.filter { hosts[$0.name]?.contains(host) != false }
  }

  /// Whether there is such a rule, and it is for the host.
  func has(_ rule: String, for host: String) -> Bool {
    names.contains(rule) && hosts[rule]?.contains(host) != false
  }

  private static func weights(_ node: Node?, _ findings: inout Findings) -> Score.Weights {
    guard let node else { return .percentage }
    var weights = Score.Weights.percentage
    if let text = node.text {
      switch text {
      case "percentage": return .percentage
      case "graded": return .graded
      default: findings.add(unknown("score", node, among: ["percentage", "graded"]))
      }
      return weights
    }
    let keys = ["minor", "major", "critical"]
    let pairs = findings.gather { findings throws(ConfigurationError) in
      try node.mapping("scores", keys: keys, &findings)
    }
    for pair in pairs ?? [] {
      let value = findings.attempt { () throws(ConfigurationError) -> Double in
        guard let value = Double(try pair.value.string(pair.name)), (0...1).contains(value) else {
          throw ConfigurationError("\(pair.name) must be from 0 to 1", at: pair.value)
        }
        return value
      }
      switch pair.name {
      case "minor": weights.minor = value ?? 0
      case "major": weights.major = value ?? 0
      default: weights.critical = value ?? 0
      }
    }
    return weights
  }
}
