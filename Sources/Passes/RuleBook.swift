public import Configuration
public import Metrics
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
    let scores = ScoreSettings(settings.sections["scores"], &findings)
    (weights, sla, tags) = (scores.weights, scores.sla, scores.tags)
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
          return try inventory.hosts(matching: rule.hosts)
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
    hosts.isEmpty ? rules : rules.filter { hosts[$0.name]?.contains(host) != false }
  }

  /// Whether the rule exists and applies to the host.
  public func has(_ rule: String, for host: String) -> Bool {
    names.contains(rule) && hosts[rule]?.contains(host) != false
  }

  private static func patience(_ node: Node?, _ findings: inout Findings) -> Patience {
    guard let node else { return .none }
    var fields = Fields("targets", at: node)
    let patience = patience(&fields)
    fields.finish(into: &findings)
    return patience
  }

  private static func patience(_ fields: inout Fields) -> Patience {
    fields.take(
      "for", .patience, otherwise: "at once",
      "Passes or time that a host, BMC or service must fail before its state becomes worse.")
      ?? .none
  }

  /// The settings of the sections of evaluation.
  public static func references(in catalog: Catalog) -> [Reference] {
    [
      Reference("`targets`", "When a target or service counts as failed.") { _ = patience(&$0) }
    ]
      + Rule.references(in: catalog) + BusinessService.references + [ScoreSettings.reference]
  }
}
