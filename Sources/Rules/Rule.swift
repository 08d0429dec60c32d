public import Configuration
public import Metrics

/// One rule: a metric, its thresholds by severity, and its patience.
public struct Rule: Sendable {
  public typealias Patience = Metrics.Patience

  /// The origin of a rule.
  public enum Origin: String, Sendable {
    case file = "scrape.yml"
    case builtIn = "built in"
    /// A built-in rule with some keys set in scrape.yml.
    case changed = "built in, changed"
    /// A built-in rule that scrape.yml switches off.
    case off
  }

  public let name: String
  public let selector: Selector
  /// The thresholds, the worst severity first.
  public let thresholds: [(severity: Severity, threshold: Threshold)]
  /// The hysteresis: how much better than its threshold a value must be to count as better.
  public let clear: Double
  public let patience: Patience
  public let window: Window?
  /// A host pattern as for `--limit`; nil is all hosts.
  public let hosts: String?
  /// Limits the rule to hosts of this profile.
  public let profile: String?
  /// The name in the file.
  public let place: Node
  public internal(set) var origin = Origin.file

  static let keys = [
    "when", "minor", "warning", "major", "critical", "clear", "for", "window", "hosts", "profile",
  ]

  /// Reads the settings of one rule.
  public init?(_ name: Node, _ node: Node, in catalog: Catalog, _ findings: inout Findings) {
    let before = findings.errors.count
    self.name = name.text ?? ""
    place = name
    var selector: Selector?
    var thresholds: [(severity: Severity, threshold: Threshold)] = []
    var clear = 0.0
    var patience = Patience.none
    var window: Window?
    var hosts: String?
    var profile: String?
    let pairs = findings.gather { findings throws(ConfigurationError) in
      try node.mapping("rule \"\(name.text ?? "")\"", keys: Self.keys, &findings)
    }
    for pair in pairs ?? [] {
      let value = pair.value
      _ = findings.attempt { () throws(ConfigurationError) in
        switch pair.name {
        case "when": selector = try Selector(value, in: catalog)
        case "clear": clear = try Self.margin(value)
        case "for": patience = try value.patience("for")
        case "window": window = try Window(value)
        case "hosts": hosts = try value.string("hosts")
        case "profile": profile = try value.string("profile")
        default:
          // `warning`, as in Nagios, is minor.
          let word = pair.name == "warning" ? "minor" : pair.name
          guard let severity = Severity(rawValue: word) else { return }
          thresholds.append((severity, try Threshold(value, pair.name)))
        }
      }
    }
    guard findings.errors.count == before else { return nil }
    guard let selector else {
      findings.add(
        ConfigurationError(
          "rule \"\(self.name)\" looks at nothing", at: name,
          hint: "give it `when: cpu.usage_active`"))
      return nil
    }
    guard !thresholds.isEmpty else {
      findings.add(
        ConfigurationError(
          "rule \"\(self.name)\" has no threshold", at: name,
          hint: "give it `minor:`, `major:` or `critical:`"))
      return nil
    }
    if selector.measurement == Selector.together, hosts != nil || profile != nil {
      findings.add(
        ConfigurationError(
          "rule \"\(self.name)\": \(Selector.together) is of no host", at: name,
          hint: "choose by its tags: \(Selector.together).score{group=web}"))
      return nil
    }
    self.selector = selector
    self.thresholds = thresholds.sorted { $0.severity > $1.severity }
    self.clear = clear
    self.patience = patience
    self.window = window
    self.hosts = hosts
    self.profile = profile
  }

  private static func margin(_ node: Node) throws(ConfigurationError) -> Double {
    guard let margin = Threshold.number(Substring(try node.string("clear"))), margin >= 0 else {
      throw ConfigurationError(
        "clear must be how much better a value must be", at: node, hint: "write 5 or 1GiB")
    }
    return margin
  }

  /// The severity of the value; `now` is the severity before, which hysteresis may keep.
  public func severity(of value: Double, now: Severity) -> Severity {
    for (severity, threshold) in thresholds {
      let margin = severity <= now ? clear : 0
      if threshold.isCrossed(by: value, margin: margin) { return severity }
    }
    return .ok
  }

  /// The threshold of that severity.
  public func threshold(for severity: Severity) -> Threshold? {
    thresholds.first { $0.severity == severity }?.threshold
  }

  /// All rules: first those of `rules:` (a mapping, or a list of one-key mappings) in order, then the
  /// built-in ones. `NAME: off` switches one of these off, `built_in: off` all. The list includes rules
  /// that are off, with that origin.
  public static func all(
    from node: Node?, in catalog: Catalog, _ findings: inout Findings
  ) -> [Rule] {
    var pairs: [Node.Pair] = []
    if let items = node?.items {
      for item in items {
        guard let pair = item.pairs?.first, item.pairs?.count == 1 else {
          findings.add(item.mismatch("a rule", "a name with its settings"))
          continue
        }
        pairs.append(pair)
      }
    } else if let node {
      pairs = findings.attempt { () throws(ConfigurationError) in try node.mapping("rules") } ?? []
    }
    let stock = BuiltInRules.pairs()
    var isOn = true
    var own: [String: Node.Pair] = [:]
    var rules: [Rule] = []
    var names: Set<String> = []
    for pair in pairs {
      if pair.name == "built_in" {
        findings.set(&isOn) { () throws(ConfigurationError) in
          try pair.value.boolean("built_in")
        }
        continue
      }
      guard names.insert(pair.name).inserted else {
        findings.add(ConfigurationError("there are two rules \"\(pair.name)\"", at: pair.key))
        continue
      }
      let isBuiltIn = stock.contains { $0.name == pair.name }
      if isBuiltIn, pair.value.pairs == nil || pair.value["when"] == nil {
        own[pair.name] = pair
        continue
      }
      if !isBuiltIn, pair.value.asBoolean != nil {
        findings.add(
          unknown("built-in rule", pair.key, among: stock.map(\.name)))
        continue
      }
      if let rule = Rule(pair.key, pair.value, in: catalog, &findings) { rules.append(rule) }
    }
    for pair in stock where own[pair.name] != nil || !names.contains(pair.name) {
      if let rule = builtIn(pair, own[pair.name], isOn, catalog, &findings) { rules.append(rule) }
    }
    return rules
  }

  /// A built-in rule with the changes of scrape.yml.
  private static func builtIn(
    _ pair: Node.Pair, _ own: Node.Pair?, _ isOn: Bool, _ catalog: Catalog,
    _ findings: inout Findings
  ) -> Rule? {
    guard let own else {
      var rule = Rule(pair.key, pair.value, in: catalog, &findings)
      rule?.origin = isOn ? .builtIn : .off
      return rule
    }
    if let isOn = own.value.asBoolean {
      var rule = Rule(Node(pair.name, like: own.key), pair.value, in: catalog, &findings)
      rule?.origin = isOn ? .builtIn : .off
      return rule
    }
    guard let changes = own.value.pairs else {
      findings.add(
        own.value.mismatch(
          "rule \"\(own.name)\"", "a mapping, or off",
          hint: "it is built in: {minor: \"> 80\"} changes that threshold alone"))
      return nil
    }
    // `warning` is minor.
    func key(_ pair: Node.Pair) -> String { pair.name == "warning" ? "minor" : pair.name }
    let named = Set(changes.map(key))
    let kept = (pair.value.pairs ?? []).filter { !named.contains(key($0)) }
    let set = changes.filter { $0.value.asBoolean != false }
    let merged = Node(.mapping(kept + set), mark: own.value.mark, end: own.value.end)
    var rule = Rule(own.key, merged, in: catalog, &findings)
    rule?.origin = .changed
    return rule
  }
}
