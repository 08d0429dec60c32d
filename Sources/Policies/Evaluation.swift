extension Rule {
  /// The answer of the rule, `not` included.
  func evaluate(_ evidence: some Evidence, _ budget: Budget = Budget()) -> Outcome {
    var outcome = dialect == .four ? four(evidence, budget) : five(evidence, budget)
    if isNegated { outcome.verdict = outcome.verdict.negated }
    return outcome
  }
}

/// Joins the answers of the members of a list: found wins, then invalid.
struct ListVerdict {
  private var invalid: Outcome?
  private var last: Outcome?
  private var troubled: Outcome?

  /// Takes an answer; true if no other can change the result.
  mutating func take(_ outcome: Outcome) -> Bool {
    last = outcome
    if outcome.trouble != nil, troubled == nil { troubled = outcome }
    if outcome.verdict == .invalid, invalid == nil { invalid = outcome }
    return outcome.verdict == .found && outcome.trouble == nil
  }

  /// The answer of the list; nil if it is empty.
  var outcome: Outcome? {
    if let last, last.verdict == .found { return last }
    guard var result = invalid ?? last else { return nil }
    if let troubled, result.trouble == nil {
      result.trouble = troubled.trouble
      result.why = troubled.why
    }
    return result
  }
}
