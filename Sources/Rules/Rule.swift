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

  /// Takes the settings of one rule; nil without a metric or a threshold.
  init?(_ name: Node, _ fields: inout Fields, in catalog: Catalog) {
    self.name = name.text ?? ""
    place = name
    let metric = SettingType<Selector>(
      "`MEASUREMENT.FIELD{TAG=VALUE}`", example: "\"cpu.usage_active{cpu=cpu-total}\""
    ) { node, _ throws(ConfigurationError) in try Selector(node, in: catalog) }
    let selector = fields.take(
      "when", metric, otherwise: "required",
      "Metric that is compared; see [metrics](metrics.md). Tags: `=`, `!=`, `=~`, `!~`.")
    var thresholds: [(severity: Severity, threshold: Threshold)] = []
    for (severity, others, example) in [
      (Severity.critical, [], "\"> 97\""), (.major, [], "\"> 95\""),
      (.minor, ["warning"], "\"10:20\""),
    ] {
      let threshold = fields.take(
        severity.rawValue, also: others, .threshold,
        "From where on the value is \(severity.rawValue).", example: example)
      if let threshold { thresholds.append((severity, threshold)) }
    }
    clear = fields.take(
      "clear", Self.margin, default: 0,
      "Hysteresis: how far a value must be on the good side of its threshold before the state improves."
    )
    patience =
      fields.take(
        "for", .patience, otherwise: "at once", "Passes or time before a worse state takes effect.",
        example: "2m") ?? .none
    let span = SettingType<Window>("function and duration, at most 1w", example: "avg 5m") {
      node, _ throws(ConfigurationError) in try Window(node)
    }
    window = fields.take(
      "window", span, otherwise: "the last value",
      "`min`, `max`, `avg`, `delta`, `rate`, `count` or `time_to_full` over a time.")
    hosts = fields.take(
      "hosts", .text("pattern", example: "\"web*,!web03\""), otherwise: "all",
      "Hosts that the rule applies to.")
    profile = fields.take(
      "profile", .text("name of a profile", example: "gpu"), otherwise: "all",
      "Profile of the hosts that the rule applies to.")
    func fault(_ problem: String, _ hint: String) {
      fields.addUnlessFaulty(
        ConfigurationError("rule \"\(name.text ?? "")\"\(problem)", at: name, hint: hint))
    }
    guard let selector else {
      fault(" looks at nothing", "give it `when: cpu.usage_active`")
      return nil
    }
    guard !thresholds.isEmpty else {
      fault(" has no threshold", "give it `minor:`, `major:` or `critical:`")
      return nil
    }
    if selector.measurement == Selector.together, hosts != nil || profile != nil {
      fault(
        ": \(Selector.together) is of no host",
        "choose by its tags: \(Selector.together).score{group=web}")
      return nil
    }
    self.selector = selector
    self.thresholds = thresholds
  }

  private static func read(
    _ name: Node, _ node: Node, in catalog: Catalog, _ findings: inout Findings
  ) -> Rule? {
    findings.decode("rule \"\(name.text ?? "")\"", node) { Rule(name, &$0, in: catalog) }
  }

  /// Takes whether the built-in rules apply.
  private static func takeBuiltIn(_ fields: inout Fields) -> Bool {
    fields.take(
      "built_in", .boolean, default: true, "Whether the built-in rules apply.", example: "off")
  }

  /// The section `rules`, and a rule.
  public static func references(in catalog: Catalog) -> [Reference] {
    [
      Reference("`rules`", "A mapping of names to rules, or a list of such mappings.") { fields in
        _ = takeBuiltIn(&fields)
        fields.declare(
          "NAME", .node("mapping, or `off`", example: "{minor: \"> 80\"}"),
          "A rule of your own, or a change of the built-in rule of that name; `off` disables that.")
      },
      reference(in: catalog),
    ]
  }

  /// The settings of a rule.
  private static func reference(in catalog: Catalog) -> Reference {
    let mark = Source("reference", text: "").mark(atByte: 0)
    return Reference(
      "`rules.NAME`",
      "One rule. Without `when` it changes the built-in rule of that name."
    ) { _ = Rule(Node(.scalar("NAME", .plain), mark: mark, end: mark), &$0, in: catalog) }
  }

  private static var margin: SettingType<Double> {
    SettingType("number, size or duration", example: "5", show: { _ in "0" }) {
      node, what throws(ConfigurationError) in
      guard let margin = Threshold.number(Substring(try node.string(what))), margin >= 0 else {
        throw ConfigurationError(
          "clear must be how much better a value must be", at: node, hint: "write 5 or 1GiB")
      }
      return margin
    }
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
    let node = node?.renamed(in: "rules", &findings)
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
      let pair = Node.Pair(
        key: pair.key, value: pair.value.renamed(in: "rule \"\(pair.name)\"", &findings))
      if pair.name == "built_in" {
        var fields = Fields("rules", at: pair.value, pairs: [pair])
        isOn = takeBuiltIn(&fields)
        fields.finish(into: &findings)
        continue
      }
      guard names.insert(pair.name).inserted else {
        findings.add(ConfigurationError("there are two rules \"\(pair.name)\"", at: pair.key))
        continue
      }
      // In the name of its check the series follows in braces.
      guard !pair.name.contains("{") else {
        findings.add(
          ConfigurationError(
            "the name of rule \"\(pair.name)\" contains {", at: pair.key,
            hint: "the series of a rule follows its name in braces"))
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
      if let rule = read(pair.key, pair.value, in: catalog, &findings) { rules.append(rule) }
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
      var rule = read(pair.key, pair.value, in: catalog, &findings)
      rule?.origin = isOn ? .builtIn : .off
      return rule
    }
    if let isOn = own.value.asBoolean {
      var rule = read(Node(pair.name, like: own.key), pair.value, in: catalog, &findings)
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
    var rule = read(own.key, merged, in: catalog, &findings)
    rule?.origin = .changed
    return rule
  }
}

extension SettingType where Value == Threshold {
  /// A comparison, or a Nagios range.
  fileprivate static var threshold: SettingType {
    SettingType("comparison (`> 90`, `< 5GiB`, `!= 0`), or Nagios range", example: "\"> 90\"") {
      node, what throws(ConfigurationError) in try Threshold(node, what)
    }
  }
}
