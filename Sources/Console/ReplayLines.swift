internal import Metrics
public import Passes
internal import Policies

/// What a changed policy says of hosts, one after another: the results so far, and what was shown.
public struct ReplayLines {
  public var before: [String: PolicyOutcome] = [:]
  public private(set) var hosts: Set<String> = []
  public private(set) var changes = 0
  /// Checks of things that are not kept.
  public private(set) var unkept = 0
  private let json: Bool

  public init(json: Bool) { self.json = json }

  public mutating func show(_ outcome: PolicyOutcome) {
    hosts.insert(outcome.host)
    let old = before.updateValue(outcome, forKey: outcome.host)
    if json {
      Terminal.print(Printable(outcome.json))
      return
    }
    let known = Dictionary(
      (old?.checks ?? []).map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    let ids = Set(outcome.checks.map(\.id))
    // What is not kept says nothing about the policy.
    let changed = outcome.checks.filter {
      known[$0.id]?.verdict != $0.verdict && !$0.why.hasSuffix(HostCollection.notKept)
    }
    unkept += outcome.checks.count { $0.why.hasSuffix(HostCollection.notKept) }
    let gone = (old?.checks ?? []).filter { !ids.contains($0.id) }
    func percent(_ outcome: PolicyOutcome?) -> String {
      outcome?.score.map { "\($0) %" } ?? "–"
    }
    let scores = old == nil ? percent(outcome) : "\(percent(old)) → \(percent(outcome))"
    Terminal.show("\(outcome.host)  \(Format.moment(outcome.time))  score \(scores)")
    guard old != nil else { return }
    for check in changed {
      changes += 1
      let from = known[check.id]?.verdict.rawValue ?? "new"
      Terminal.show("  \(check.id)  \(from) → \(check.verdict.rawValue)  \(check.title)")
      Terminal.show("      \(check.why)")
    }
    for check in gone {
      changes += 1
      Terminal.show("  \(check.id)  \(check.verdict.rawValue) → gone  \(check.title)")
    }
  }
}
