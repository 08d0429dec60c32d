/// The result of a check.
public enum CheckVerdict: String, Sendable, CaseIterable {
  case passed, failed, unknown
  case notApplicable = "not applicable"
}

/// The result of a check with its reason.
public struct CheckResult: Sendable {
  public var check: Check
  public var verdict: CheckVerdict
  /// The reason in one line.
  public var why: String
  /// The place of the rule that decided, from 0; nil if all or none of them did.
  public var decidedBy: Int?
  /// The answers of the rules that were evaluated, in order.
  public var outcomes: [Outcome]

  /// The line that decided, where there is one.
  public var line: EvidenceLine? {
    decidedBy.flatMap { outcomes.indices.contains($0) ? outcomes[$0].line : nil }
  }
}

/// The result of a policy on one host.
public struct PolicyResult: Sendable {
  public enum Requirements: Sendable, Equatable {
    case met
    case notMet(String)
    /// They could not be decided.
    case unknown(String)
  }

  public var requirements: Requirements
  public var checks: [CheckResult]

  public func count(_ verdict: CheckVerdict) -> Int { checks.count { $0.verdict == verdict } }

  /// The score in percent, cut to a whole number; nil where no check passed or failed.
  public var score: Int? {
    Self.score(passed: count(.passed), failed: count(.failed))
  }

  /// The score as Wazuh computes it: in 32 bits, so that 53 of 100 are 52.
  public static func score(passed: Int, failed: Int) -> Int? {
    guard passed + failed > 0 else { return nil }
    return Int(Float(passed) / Float(passed + failed) * 100)
  }
}

extension Policy {
  /// The limit of time for one policy.
  public static let time = Duration.seconds(60)

  /// Evaluates all checks.
  public func evaluate(
    _ evidence: some Evidence, time: Duration = Policy.time
  ) -> PolicyResult {
    let end = ContinuousClock.now + time
    var met = PolicyResult.Requirements.met
    if let requirements {
      let result = requirements.decide(dialect, evidence, until: end, asRequirement: true)
      switch result.verdict {
      case .passed: break
      case .unknown: met = .unknown(result.why)
      case .failed, .notApplicable: met = .notMet(result.why)
      }
    }
    var results: [CheckResult] = []
    for check in checks {
      switch met {
      case .met: results.append(check.decide(dialect, evidence, until: end))
      case .unknown(let why):
        results.append(
          CheckResult(check: check, verdict: .unknown, why: "requirements: \(why)", outcomes: []))
      case .notMet(let why):
        results.append(
          CheckResult(
            check: check, verdict: .notApplicable, why: "requirements: \(why)", outcomes: []))
      }
    }
    return PolicyResult(requirements: met, checks: results)
  }
}

extension Check {
  /// Evaluates the rules in order, up to the one that decides.
  ///
  /// A rule that cannot be decided (no permission, a limit, no such rule) leaves the check unknown
  /// unless another rule decides it: passed and failed never rest on what was not read.
  func decide(
    _ dialect: Dialect, _ evidence: some Evidence, until end: ContinuousClock.Instant,
    asRequirement: Bool = false
  ) -> CheckResult {
    var result = CheckResult(check: self, verdict: .unknown, why: "", outcomes: [])
    guard fault == nil, let condition else {
      result.verdict = asRequirement ? .notApplicable : .unknown
      result.why = fault ?? "without a condition"
      return result
    }
    if asRequirement, dialect == .five, rules.isEmpty {
      result.verdict = .passed
      return result
    }
    var undecided: Int?
    var invalid: Int?
    for (index, rule) in rules.enumerated() {
      let outcome = rule.evaluate(dialect, evidence, until: end)
      result.outcomes.append(outcome)
      switch outcome.deciding {
      case nil:
        // A malformed requirement is not met.
        if asRequirement, outcome.trouble == .malformed {
          invalid = invalid ?? index
        } else {
          undecided = undecided ?? index
        }
      case .found? where condition == .any, .notfound? where condition == .all:
        result.verdict = condition == .any ? .passed : .failed
        result.decidedBy = index
        result.why = outcome.why
        return result
      case .found? where condition == .none:
        result.verdict = .failed
        result.decidedBy = index
        result.why = outcome.why
        return result
      case .invalid?: invalid = invalid ?? index
      case .found?, .notfound?, .notrun?: break
      }
    }
    if let place = undecided ?? invalid {
      let outcome = result.outcomes[place]
      result.verdict = undecided == nil ? .notApplicable : .unknown
      result.decidedBy = place
      result.why = outcome.trouble.map { "\($0.rawValue): \(outcome.why)" } ?? outcome.why
      return result
    }
    switch condition {
    case .all, .none:
      result.verdict = .passed
      result.why = condition == .all ? "all rules are met" : "no rule is met"
      if result.outcomes.count == 1 {
        result.decidedBy = 0
        result.why = result.outcomes[0].why
      }
    case .any:
      result.verdict = .failed
      result.why = result.outcomes.last?.why ?? "no rule"
      if result.outcomes.count > 1 { result.why = "no rule is met" }
    }
    return result
  }
}

extension CheckRule {
  func evaluate(
    _ dialect: Dialect, _ evidence: some Evidence, until end: ContinuousClock.Instant
  ) -> Outcome {
    switch compiled {
    case .failure(let fault): return Outcome(.invalid, fault.text, trouble: .malformed)
    case .success(let rule):
      let left = end - ContinuousClock.now
      guard left > .zero else {
        return Outcome(
          .invalid, "the policy was not decided within its time",
          trouble: .limit)
      }
      return rule.evaluate(evidence, Budget(time: min(left, Budget.time)))
    }
  }
}
