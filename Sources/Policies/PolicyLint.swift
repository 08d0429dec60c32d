public import Configuration

/// Looks for what a policy does not mean as it stands.
public struct PolicyLint {
  private let policy: Policy
  private let allowed: AllowedCommands
  private var findings = Findings()

  /// The policy of a file and what is odd in it, from top to bottom; the error holds the faults for
  /// which the engine refuses the file.
  public static func read(
    _ source: Source, dialect: Dialect? = nil, allowed: AllowedCommands = AllowedCommands()
  ) throws(ConfigurationErrors) -> (policy: Policy, warnings: [ConfigurationError]) {
    let policy = try PolicyReader.read(source, dialect: dialect)
    var lint = PolicyLint(policy: policy, allowed: allowed)
    for warning in policy.warnings { lint.findings.warn(warning) }
    do throws(ConfigurationError) {
      lint.keys(of: try YAML.read(source, verbatim: true))
    } catch { throw ConfigurationErrors(error) }
    if let requirements = policy.requirements { lint.check(requirements) }
    for check in policy.checks { lint.check(check) }
    return (policy, lint.findings.warnings)
  }

  private init(policy: Policy, allowed: AllowedCommands) {
    self.policy = policy
    self.allowed = allowed
  }

  // MARK: Keys

  private static let rootKeys = ["policy", "requirements", "variables", "checks", "dialect"]
  private static let policyKeys = [
    "id", "name", "file", "description", "references", "regex_type", "disclaimer", "dialect",
  ]
  private static let requirementKeys = ["title", "description", "condition", "rules"]
  private static let checkKeys = [
    "id", "title", "description", "rationale", "remediation", "impact", "compliance", "references",
    "condition", "rules", "regex_type", "mitre", "disclaimer", "fix",
  ]

  private mutating func keys(of root: Node) {
    let dialect = policy.dialect
    keys(of: root, Self.rootKeys, "a policy")
    let five = dialect == .five ? ["name"] : []
    if let node = root.value("policy", dialect) { keys(of: node, Self.policyKeys, "\"policy\"") }
    if let node = root.value("requirements", dialect) {
      keys(of: node, Self.requirementKeys + five, "\"requirements\"")
    }
    for check in root.value("checks", dialect)?.members ?? [] {
      keys(of: check, Self.checkKeys + five, "a check")
    }
  }

  private mutating func keys(of node: Node, _ known: [String], _ what: String) {
    var seen: Set<String> = []
    for pair in node.pairs ?? [] {
      let name =
        policy.dialect == .four
        ? String(decoding: pair.name.utf8.map(folded), as: UTF8.self) : pair.name
      if !seen.insert(name).inserted {
        findings.warn(
          ConfigurationError(
            "\"\(pair.name)\" stands twice", at: pair.key, hint: "only the first counts"))
      }
      guard !known.contains(name) else { continue }
      findings.warn(
        ConfigurationError(
          "unknown key \"\(pair.name)\" in \(what)", at: pair.key,
          hint: didYouMean(pair.name, among: known) ?? "Wazuh does not read it"))
    }
  }

  // MARK: Checks

  private mutating func check(_ check: Check) {
    var facts: [RuleFacts] = []
    var texts: [[UInt8]: Int] = [:]
    for (index, rule) in check.rules.enumerated() {
      let own = RuleFacts(rule, allowed)
      for oddity in own.oddities { report(oddity, rule) }
      variables(rule)
      facts.append(own)
      if let first = texts.updateValue(index, forKey: rule.text) {
        report(Oddity("the same rule as rule \(first + 1) of this check"), rule)
      }
    }
    guard !facts.isEmpty, let condition = check.condition, check.fault == nil else { return }
    if condition != .all { shadowed(check.rules) }
    let opposites = Self.opposites(check.rules)
    let canFail: Bool
    let canPass: Bool
    switch condition {
    case .all:
      canFail = facts.contains { $0.canMiss }
      canPass = facts.allSatisfy { $0.canFind } && !opposites
    case .any:
      canFail = facts.allSatisfy { $0.canMiss } && !opposites
      canPass = facts.contains { $0.canFind }
    case .none:
      canFail = facts.contains { $0.canFind }
      canPass = facts.allSatisfy { $0.canMiss } && !opposites
    }
    let name = check.id == "requirements" ? "these requirements" : "check \(check.id)"
    if !canFail {
      findings.warn(ConfigurationError("\(name) cannot fail as it is written", atLine: check.mark))
    }
    if !canPass {
      findings.warn(ConfigurationError("\(name) cannot pass as it is written", atLine: check.mark))
    }
  }

  /// A rule that is met only where another one is, which decides the check.
  private mutating func shadowed(_ rules: [CheckRule]) {
    for (later, rule) in rules.enumerated() {
      for (earlier, other) in rules.enumerated()
      where earlier != later && rule.text != other.text && Self.covers(other, rule) {
        report(
          Oddity(
            "met only where rule \(earlier + 1) is: \(other.shown)",
            "remove it, or make the other one narrower"), rule)
        break
      }
    }
  }

  /// Whether the first rule is found wherever the second is.
  private static func covers(_ first: CheckRule, _ second: CheckRule) -> Bool {
    guard case .success(let wide) = first.compiled, case .success(let narrow) = second.compiled,
      !wide.isNegated, !narrow.isNegated, wide.kind == narrow.kind, wide.kind != .process,
      wide.place == narrow.place, wide.nameText.map(Array.init) == narrow.nameText.map(Array.init),
      let wideText = wide.patternText, let narrowText = narrow.patternText
    else { return false }
    let wideTerms = wideText.parts(separatedBy: conjunction)
    let narrowTerms = narrowText.parts(separatedBy: conjunction)
    var isPCRE = wide.dialect == .five
    if case .four(let pattern) = wide.pattern {
      isPCRE = pattern.terms.contains {
        if case .regex(.pcre2) = $0.kind { true } else { false }
      }
    }
    return wideTerms.allSatisfy { term in
      narrowTerms.contains { other in
        if term.elementsEqual(other) { return true }
        guard term.starts(with: "r:".utf8), other.starts(with: "r:".utf8),
          !term.contains(UInt8(ascii: "|")), !other.contains(UInt8(ascii: "|"))
        else { return false }
        return Branches.covers(term.dropFirst(2), other.dropFirst(2), isPCRE)
      }
    }
  }

  /// Whether a rule and its opposite stand in one check.
  private static func opposites(_ rules: [CheckRule]) -> Bool {
    let texts = Set(rules.map(\.text))
    return texts.contains { texts.contains(Array("not ".utf8) + $0) }
  }

  /// A `$name` that no variable replaces.
  private mutating func variables(_ rule: CheckRule) {
    guard case .success(let compiled) = rule.compiled,
      compiled.kind == .file || compiled.kind == .folder,
      let dollar = compiled.place.firstIndex(of: UInt8(ascii: "$"))
    else { return }
    let name = compiled.place[dollar...].prefix {
      $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ",")
    }
    report(
      Oddity(
        "no variable \(clipped(name))",
        didYouMean(
          String(decoding: name, as: UTF8.self),
          among: policy.variables.names.map { String(decoding: $0, as: UTF8.self) })), rule)
  }

  private mutating func report(_ oddity: Oddity, _ rule: CheckRule) {
    let node = rule.node
    // Within quotes with escapes a byte of the text is no column of the file.
    let isPlain = node.text?.utf8.elementsEqual(rule.text) ?? false
    let isOneLine = node.mark.line == node.end.line && !rule.text.contains(UInt8(ascii: "'"))
    let line = node.mark.source.line(node.mark.line)
    let quote = line.dropFirst(node.mark.column - 1).first
    if let part = oddity.part, isPlain, isOneLine, quote != UInt8(ascii: "\""),
      rule.text.allSatisfy({ $0 < 0x80 }), let range = rule.text.firstRange(of: Array(part))
    {
      findings.warn(
        ConfigurationError(
          oddity.problem, at: node, from: range.lowerBound, count: range.count, hint: oddity.hint))
    } else {
      findings.warn(ConfigurationError(oddity.problem, at: node, hint: oddity.hint))
    }
  }
}

extension ConfigurationError {
  /// A fault of what begins at the place.
  fileprivate init(_ problem: String, atLine mark: Mark) { self.init(problem, at: mark) }
}

/// Something odd in a rule.
struct Oddity: Equatable {
  var problem: String
  var hint: String?
  /// The part of the rule's text that is meant.
  var part: ArraySlice<UInt8>?

  init(_ problem: String, _ hint: String? = nil, at part: ArraySlice<UInt8>? = nil) {
    self.problem = problem
    self.hint = hint
    self.part = part
  }
}
