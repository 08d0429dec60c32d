internal import Configuration
public import Inventory
internal import Metrics
public import Passes
internal import Policies
public import Store

/// What was read for one check of a host, and the answer of each of its rules.
public enum PolicyExplanation {
  public static func show(
    _ id: String, of host: Host, only policy: String?, _ site: Site, _ store: Store
  ) async throws {
    var isKnown = false
    for settings in site.policies.of(host.name)
    where policy.map({ $0 == settings.name }) != false {
      var findings = Findings()
      let entry = try PolicyBook.Entry(settings, &findings)
      guard entry.policy.checks.contains(where: { $0.id == id }) else { continue }
      isKnown = true
      guard let kept = try await PolicyReplay.last(of: host.name, settings.name, in: store) else {
        Terminal.note(
          "\(host.name): nothing that was read for \(settings.name) is kept; see `collections:` of the store"
        )
        continue
      }
      let collection = PolicyReading.collected(kept)
      guard
        let (check, rules) = entry.policy.explain(id, collection, allowed: entry.allowed)
      else { continue }
      show(check, rules, entry, host, kept)
    }
    guard isKnown else {
      throw UsageError(message: "no policy of \(host.name) has a check \"\(id)\"")
    }
  }

  private static func show(
    _ check: CheckResult, _ rules: [RuleExplanation], _ entry: PolicyBook.Entry, _ host: Host,
    _ kept: Store.Collection
  ) {
    Terminal.show(
      "\(host.name)  \(entry.name) \(check.check.id)  \(check.verdict.rawValue)  \(check.check.title)"
    )
    Terminal.show("  \(check.why)")
    Terminal.show("  read at \(Format.moment(kept.last)); \(entry.settings.file)")
    if let condition = check.check.condition {
      Terminal.show(
        "  condition \(condition.rawValue) of \(Format.count(rules.count, "rule")), dialect \(entry.policy.dialect.rawValue)"
      )
    }
    for (index, rule) in rules.enumerated() {
      let mark = check.decidedBy == index ? "decides" : ""
      Terminal.show("")
      Terminal.show("  \(index + 1). \(rule.rule)")
      Terminal.show("     \(rule.outcome.verdict.rawValue)  \(mark)")
      let isSecret = rule.outcome.line.map { HostCollection.isSecret($0.source) } ?? false
      Terminal.show("     \(isSecret ? "a line that is not shown" : rule.outcome.why)")
      if let trouble = rule.outcome.trouble {
        Terminal.show("     undecided: \(trouble.rawValue)")
      }
      for line in rule.read { Terminal.show("     read: \(line)") }
      for line in rule.byHand {
        let prefix = host.connection == .local ? "" : "ssh \(host.name) "
        Terminal.show("     by hand: \(prefix)\(line)")
      }
    }
    if let words = check.check.rationale {
      Terminal.show("")
      Terminal.show(.lines("  why: \(words)"))
    }
    if let words = check.check.remediation {
      Terminal.show("")
      Terminal.show(.lines("  remedy: \(words)"))
    }
  }
}
