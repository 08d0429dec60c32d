internal import Configuration
public import Inventory
internal import Metrics
public import Policies
public import Store

extension Site {
  /// The last results of policies on these hosts, in their order; throws for a policy that scrape.yml does not have.
  public func policyOutcomes(
    of hosts: [Host], only policy: String?, in store: Store
  ) async throws -> [PolicyOutcome] {
    if let policy { try checkPolicy(policy) }
    let records = try await store.policyRecords()
    return hosts.flatMap { host in
      let own = records[host.name] ?? []
      return policies.of(host.name).compactMap { settings -> PolicyOutcome? in
        guard policy == nil || settings.name == policy else { return nil }
        return own.first { $0.policy == settings.name }.flatMap(PolicyOutcome.init)
      }
    }
  }

  /// What would repair the failed checks of a host.
  public func remedy(
    of host: Host, only policy: String?, in store: Store
  ) async throws -> Remedy {
    let outcomes = try await policyOutcomes(of: [host], only: policy, in: store)
    var steps: [Remedy.Step] = []
    for outcome in outcomes where outcome.count(.failed) > 0 {
      guard let settings = policies.of(host.name).first(where: { $0.name == outcome.policy })
      else { continue }
      var findings = Findings()
      let entry = try PolicyBook.Entry(settings, &findings)
      for check in outcome.checks where check.verdict == .failed {
        // The policy may have changed since.
        guard let known = entry.policy.checks.first(where: { $0.id == check.id }) else { continue }
        steps.append(Remedy.Step(policy: outcome.policy, check: known, why: check.why))
      }
    }
    return Remedy(host: host.name, steps: steps)
  }

  /// Throws with the nearest name if scrape.yml has no such policy.
  public func checkPolicy(_ name: String) throws(UsageError) {
    let names = policies.settings.map(\.name)
    guard !names.contains(name) else { return }
    let hint = didYouMean(name, among: names).map { "; \($0)" } ?? ""
    throw UsageError(message: "scrape.yml has no policy \"\(name)\"\(hint)")
  }
}
