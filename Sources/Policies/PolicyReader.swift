public import Configuration

/// Reads a policy of Wazuh SCA, version 4 or 5.
public struct PolicyReader {
  private let root: Node
  let dialect: Dialect
  private var findings = Findings()
  private var variables = Variables()

  /// The most rules of one check under Wazuh 4.
  static let ruleLimit = 255

  /// Reads a policy; the error holds all faults for which the engine refuses the file.
  ///
  /// - Parameter dialect: nil takes that of `dialect:`, or tells it from the file.
  public static func read(
    _ source: Source, dialect: Dialect? = nil
  ) throws(ConfigurationErrors) -> Policy {
    let root: Node
    do throws(ConfigurationError) { root = try YAML.read(source, verbatim: true) } catch {
      throw ConfigurationErrors(error)
    }
    var findings = Findings()
    let detected = findings.attempt { () throws(ConfigurationError) in try Self.dialect(of: root) }
    try findings.finish()
    var reader = PolicyReader(root, dialect ?? detected ?? .four)
    let policy = reader.policy(source.path)
    try reader.findings.finish()
    guard var policy else { throw ConfigurationErrors([]) }
    policy.warnings = reader.findings.warnings
    return policy
  }

  private init(_ root: Node, _ dialect: Dialect) {
    self.root = root
    self.dialect = dialect
  }

  /// The dialect that the file names, or that its keys show.
  private static func dialect(of root: Node) throws(ConfigurationError) -> Dialect {
    for place in [root, root["policy"]] {
      guard let node = place?["dialect"] else { continue }
      guard let dialect = node.text.flatMap(Dialect.init(text:)) else {
        throw ConfigurationError(
          "no such dialect", at: node, hint: "it is 4 or 5, the generation of Wazuh")
      }
      return dialect
    }
    let checks = root.value("checks", .four)?.members ?? []
    // Version 5 calls the title of a check its name.
    for check in checks.prefix(100) {
      if check.value("title", .four) != nil { return .four }
      if check["name"] != nil { return .five }
    }
    return root.value("policy", .four)?.value("file", .four) == nil && !checks.isEmpty
      ? .five : .four
  }

  /// Whether the file has our extensions: those of Wazuh do not name their dialect.
  private var isExtended: Bool {
    root["dialect"] != nil || root.value("policy", dialect)?["dialect"] != nil
  }

  // MARK: Parts

  private mutating func fail(_ problem: String, at node: Node, hint: String? = nil) {
    findings.add(ConfigurationError(problem, at: node, hint: hint))
  }

  private mutating func warn(_ problem: String, at node: Node, hint: String? = nil) {
    findings.warn(ConfigurationError(problem, at: node, hint: hint))
  }

  private mutating func policy(_ path: String) -> Policy? {
    guard root.pairs != nil else {
      fail("a policy is a mapping with \"policy\" and \"checks\"", at: root)
      return nil
    }
    readVariables()
    guard let head = root.value("policy", dialect), head.pairs != nil else {
      fail("no section \"policy\"", at: root.value("policy", dialect) ?? root)
      return nil
    }
    var texts: [String: String] = [:]
    for key in ["id", "name", "file", "description"] {
      guard let node = head.value(key, dialect) else {
        if dialect == .four { fail("\"policy\" without \"\(key)\"", at: head) }
        continue
      }
      let value = Value(node)
      guard let text = value.text else {
        if dialect == .four {
          fail(
            "\"\(key)\" is a text, not \(value.kind)", at: node, hint: "put it in quotes")
        }
        continue
      }
      texts[key] = expanded(text)
    }
    let type = regexType(head) ?? .osregex
    let requirements = readRequirements(type)
    return Policy(
      file: path, dialect: dialect, id: texts["id"] ?? "", name: texts["name"] ?? "",
      description: texts["description"] ?? "", requirements: requirements,
      checks: readChecks(type), variables: variables, regexType: type, warnings: [])
  }

  /// The text with its variables replaced, which Wazuh 5 does everywhere.
  private func expanded(_ text: String) -> String {
    guard dialect == .five else { return text }
    return String(decoding: variables.replaced(in: Array(text.utf8)), as: UTF8.self)
  }

  private mutating func regexType(_ node: Node) -> RegexType? {
    guard dialect == .four, let node = node.value("regex_type", dialect) else { return nil }
    let value = Value(node)
    guard let word = value.text else {
      fail("\"regex_type\" is a text, not \(value.kind)", at: node, hint: "it crashes Wazuh 4")
      return nil
    }
    if word != "pcre2", word != "osregex" {
      warn(
        "\"\(word)\" is taken for osregex", at: node,
        hint: "it is osregex or pcre2, in small letters")
    }
    return RegexType(word: word)
  }

  private mutating func readVariables() {
    guard let node = root.value("variables", dialect) else { return }
    guard let pairs = node.pairs else {
      if dialect == .four, node.items != nil {
        fail("\"variables\" is a mapping, not a list", at: node, hint: "it crashes Wazuh 4")
      }
      return
    }
    var all: [(name: [UInt8], value: [UInt8])] = []
    for pair in pairs {
      let value = Value(pair.value)
      if dialect == .four, !pair.name.hasPrefix("$") {
        fail("the name of a variable begins with \"$\"", at: pair.key)
      }
      guard let text = value.text else {
        if dialect == .four {
          fail(
            "the value of a variable is a text, not \(value.kind)", at: pair.value,
            hint: "put it in quotes; it crashes Wazuh 4")
        }
        continue
      }
      all.append((Array(pair.name.utf8), Array(text.utf8)))
    }
    variables = Variables(all)
  }

  private mutating func readRequirements(_ type: RegexType) -> Check? {
    guard let node = root.value("requirements", dialect) else { return nil }
    guard node.pairs != nil else {
      fail("\"requirements\" is a mapping with title, description, condition and rules", at: node)
      return nil
    }
    if dialect == .four {
      for key in ["title", "description", "condition"] {
        let text = node.value(key, dialect).map(Value.init)?.text
        if text == nil { fail("\"requirements\" without the text \"\(key)\"", at: node) }
      }
      guard node.value("rules", dialect)?.members != nil else {
        fail("\"requirements\" without a list \"rules\"", at: node)
        return nil
      }
    }
    var check = Check(
      id: "requirements", title: title(node, ["title", "name"]) ?? "", mark: node.mark,
      condition: nil, rules: [])
    readCondition(node, &check)
    if dialect == .five, check.condition == nil {
      fail("\"condition\" of \"requirements\" is all, any or none", at: node)
    }
    for rule in node.value("rules", dialect)?.members ?? [] {
      guard let text = Value(rule).text else {
        if dialect == .four { fail("a rule is a text", at: rule) }
        continue
      }
      let compiled = compile(text, rule, type)
      if dialect == .five, case .failure(let fault) = compiled.compiled, fault.dropsCheck {
        fail("no rule: \(fault.text)", at: rule)
      }
      check.rules.append(compiled)
    }
    return check
  }

  private func title(_ node: Node, _ keys: [String]) -> String? {
    for key in keys {
      if let text = node.value(key, dialect).map(Value.init)?.text { return expanded(text) }
    }
    return nil
  }

  private mutating func readCondition(_ node: Node, _ check: inout Check) {
    guard let place = node.value("condition", dialect) else {
      check.fault = "without a condition"
      return
    }
    guard let word = Value(place).text else {
      check.fault = "its condition is no text"
      return
    }
    check.condition = Condition(word, dialect)
    if check.condition == nil {
      check.fault = "its condition \"\(word)\" is none of all, any, none"
    }
  }

  private func compile(_ text: String, _ node: Node, _ type: RegexType) -> CheckRule {
    let bytes = Array(text.utf8)
    do throws(Rule.Fault) {
      let rule = try Rule(
        bytes, dialect, regexType: type, variables: variables, extended: isExtended)
      return CheckRule(text: bytes, node: node, compiled: .success(rule))
    } catch {
      return CheckRule(text: bytes, node: node, compiled: .failure(error))
    }
  }

  private mutating func readChecks(_ type: RegexType) -> [Check] {
    guard let node = root.value("checks", dialect) else {
      fail("no section \"checks\"", at: root)
      return []
    }
    guard let members = dialect == .four ? node.members : node.items else {
      let value = Value(node)
      switch (dialect, value) {
      case (.four, .text), (.four, .number): break
      default: fail("\"checks\" is a list, not \(value.kind)", at: node)
      }
      return []
    }
    var checks: [Check] = []
    var seen: [String: Mark] = [:]
    for member in members {
      guard let id = identity(member) else { continue }
      // Wazuh 4 does not keep 0, so that it may stand twice.
      if dialect == .five || id != "0", let first = seen.updateValue(member.mark, forKey: id) {
        let problem = "the id \(id) stands twice; the first is on line \(first.line)"
        if dialect == .four { fail(problem, at: member) } else { warn(problem, at: member) }
      }
      if let check = readCheck(member, id, type) { checks.append(check) }
    }
    return checks
  }

  private mutating func identity(_ member: Node) -> String? {
    guard member.pairs != nil, let node = member.value("id", dialect) else {
      fail("a check without an id", at: member)
      return nil
    }
    switch Value(node) {
    case .number(let number):
      if number.isNaN { return "\(Int32.min)" }
      return "\(Int32(max(Double(Int32.min), min(Double(Int32.max), number.rounded(.towardZero)))))"
    case .text(let text) where dialect == .five: return expanded(text)
    case let value:
      fail(
        "the id of a check is a number, not \(value.kind)", at: node,
        hint: value.text.flatMap(Int.init) == nil ? nil : "remove the quotes")
      return nil
    }
  }

  private mutating func readCheck(_ node: Node, _ id: String, _ type: RegexType) -> Check? {
    var check = Check(id: id, title: "", mark: node.mark, rules: [])
    readCondition(node, &check)
    if let title = title(node, dialect == .four ? ["title"] : ["name", "title"]) {
      check.title = title
    } else if dialect == .four {
      check.fault = "without a text \"title\""
    }
    if let fault = check.fault {
      warn("check \(id): \(fault)", at: node, hint: "Wazuh leaves it out without a word")
    }
    let own = regexType(node) ?? type
    for (key, path) in [
      ("description", \Check.description), ("rationale", \.rationale),
      ("remediation", \.remediation),
    ] as [(String, WritableKeyPath<Check, String?>)] {
      guard let place = node.value(key, dialect) else { continue }
      let value = Value(place)
      check[keyPath: path] = value.text.map(expanded)
      if value.text == nil {
        warn(
          "\"\(key)\" is a text, not \(value.kind)", at: place,
          hint: "Wazuh 4 counts such a check, and shows it nowhere")
      }
    }
    if isExtended, let place = node.value("fix", dialect) {
      check.fix = Value(place).text
      if check.fix == nil { fail("\"fix\" is a text of shell commands", at: place) }
    }
    guard let rules = node.value("rules", dialect) else {
      noRules(node, &check)
      return check
    }
    guard let members = dialect == .four ? rules.members : rules.items, !members.isEmpty else {
      noRules(rules, &check)
      return check
    }
    if dialect == .four, members.count > Self.ruleLimit {
      fail("more than \(Self.ruleLimit) rules", at: rules)
    }
    for rule in members {
      let value = Value(rule)
      guard let text = value.text else {
        if dialect == .four {
          fail("a rule is a text, not \(value.kind)", at: rule)
        } else {
          check.fault = "a rule is \(value.kind), not a text"
        }
        continue
      }
      let compiled = compile(text, rule, own)
      if dialect == .four, !Self.looksLikeRule(compiled.text), !compiled.isScript {
        fail(
          "a rule begins with f:, d:, c: or p:, or with one of them behind \"not \"", at: rule,
          hint: "Wazuh 4 refuses the whole file for it")
      }
      if dialect == .five, case .failure(let fault) = compiled.compiled, fault.dropsCheck {
        check.fault = fault.text
      }
      check.rules.append(compiled)
    }
    return check
  }

  private mutating func noRules(_ node: Node, _ check: inout Check) {
    if dialect == .four {
      fail("check \(check.id) without a list of rules", at: node)
    } else {
      check.fault = check.fault ?? "without a rule"
    }
  }

  /// The look of Wazuh 4 at a rule when it loads a file: one byte.
  static func looksLikeRule(_ text: [UInt8]) -> Bool {
    var rest = text[...].untilNUL
    if rest.starts(with: "not ".utf8) || rest.starts(with: "NOT ".utf8) { rest = rest.dropFirst(4) }
    return rest.first.map { "fdpc".utf8.contains($0) } ?? false
  }
}
