/// One rule tried on one host.
public struct Trial: Sendable {
  public var outcome: Outcome
  /// Why the engine refuses a policy with this rule, or leaves the rule out; nil if it takes it.
  public var refusal: String?

  /// Evaluates the text of a rule. A text that is no rule is invalid.
  ///
  /// - Parameter policy: gives the variables and the kind of patterns, or nil.
  public init(
    _ text: String, _ dialect: Dialect, regexType: RegexType?, policy: Policy?,
    _ evidence: some Evidence
  ) {
    let bytes = Array(text.utf8)
    do throws(Rule.Fault) {
      let rule = try Rule(
        bytes, dialect, regexType: regexType ?? policy?.regexType ?? .osregex,
        variables: policy?.variables ?? Variables())
      outcome = rule.evaluate(evidence)
      if dialect == .four, !PolicyReader.looksLikeRule(bytes) {
        refusal =
          "Wazuh 4 refuses a policy with this rule: a check's rule begins with f:, d:, c: or p:"
      }
    } catch {
      outcome = Outcome(.invalid, error.text, trouble: .malformed)
      refusal =
        switch dialect {
        case .four: "Wazuh 4 refuses a policy with this rule, or ends its scan there"
        case .five where error.dropsCheck: "Wazuh 5 leaves out a check with this rule"
        case .five: "Wazuh 5 leaves out this rule and goes on with the others"
        }
    }
  }
}
