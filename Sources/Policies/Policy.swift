public import Configuration

/// A policy: checks of files, folders, commands and processes, with the rules that decide them.
public struct Policy: Sendable {
  public var file: String
  public var dialect: Dialect
  public var id: String
  public var name: String
  public var description: String
  /// What decides whether the policy is for this host, or nil.
  public var requirements: Check?
  public var checks: [Check]
  public var variables: Variables
  /// The kind of patterns where a check says nothing else.
  public var regexType: RegexType
  /// What is odd, but no fault for the engine.
  public var warnings: [ConfigurationError]
}

/// How the rules of a check decide it.
public enum Condition: String, Sendable {
  case all, any, none

  init?(_ word: String, _ dialect: Dialect) {
    switch word {
    case "all required" where dialect == .four: self = .all
    case "any required" where dialect == .four: self = .any
    default: self.init(rawValue: word)
    }
  }
}

/// One check of a policy.
public struct Check: Sendable {
  /// Its identity within the policy: a number, under Wazuh 5 also a text.
  public var id: String
  public var title: String
  public var mark: Mark
  public var condition: Condition?
  public var rules: [CheckRule]
  /// Why it cannot be evaluated, or nil.
  public var fault: String?
  public var description: String?
  public var rationale: String?
  public var remediation: String?
  /// Shell commands that repair it: ours, in files that name their dialect.
  public var fix: String?
}

/// A rule in a policy, with its place.
public struct CheckRule: Sendable {
  /// The text as it stands in the file.
  public var text: [UInt8]
  public var node: Node
  var compiled: Result<Rule, Rule.Fault>

  /// The text for people.
  public var shown: String { clipped(text) }

  /// Whether it is a script of `sh:`.
  var isScript: Bool {
    if case .success(let rule) = compiled { rule.kind == .script } else { false }
  }
}
