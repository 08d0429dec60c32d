internal import Configuration
internal import Console
internal import Inventory
internal import Metrics
internal import Passes
internal import Policies
internal import Store

/// The last results of policies, from the store.
enum PolicyResults {
  /// The outcomes of the hosts that match, in the order of the inventory.
  static func outcomes(
    _ site: Site, _ store: Store, of pattern: String?, policy: String?
  ) async throws -> [PolicyOutcome] {
    let hosts = try pattern.map { try site.inventory.select($0) } ?? site.inventory.hosts
    if let policy, !site.policies.settings.contains(where: { $0.name == policy }) {
      let hint = didYouMean(policy, among: site.policies.settings.map(\.name)).map { "; \($0)" }
      throw UsageError(message: "scrape.yml has no policy \"\(policy)\"\(hint ?? "")")
    }
    let records = try await store.policyRecords()
    return hosts.flatMap { host in
      let own = records[host.name] ?? []
      return site.policies.of(host.name).compactMap { settings -> PolicyOutcome? in
        guard policy == nil || settings.name == policy else { return nil }
        return own.first { $0.policy == settings.name }.flatMap(PolicyOutcome.init)
      }
    }
  }

  /// The site and its store, to read; nil with a note where no pass has run yet.
  static func open(_ arguments: Arguments) async throws -> (site: Site, store: Store)? {
    let site = try Site(arguments, checkingKeys: false)
    guard site.hasStore else {
      Terminal.note("scrape policy: no pass has run yet (\(site.storePath) is not there)")
      return nil
    }
    let store = site.storeToRead()
    try await site.check(store)
    return (site, store)
  }

  static func show(of pattern: String?, _ arguments: Arguments) async throws -> Int32 {
    guard let (site, store) = try await open(arguments) else { return ExitCode.notOK }
    if let id = arguments["--explain"] {
      guard let pattern else {
        throw UsageError(message: "name the host: scrape policy --explain ID HOST")
      }
      return try await PolicyExplanation.show(id, of: pattern, site, store, arguments)
    }
    let outcomes = try await outcomes(site, store, of: pattern, policy: arguments["--policy"])
    if outcomes.isEmpty {
      Terminal.note(
        site.policies.isEmpty
          ? "scrape policy: no host has a policy; see `policies:` in docs/policies.md"
          : "scrape policy: nothing was evaluated yet; `scrape run --only policies` does it now")
      return ExitCode.ok
    }
    let failed = arguments.has("--failed")
    let code = outcomes.contains { $0.count(.failed) > 0 } ? ExitCode.notOK : ExitCode.ok
    if arguments.has("--json") {
      for outcome in outcomes {
        var outcome = outcome
        if failed { outcome.checks.removeAll { $0.verdict != .failed } }
        Terminal.print(Printable(outcome.json))
      }
      return code
    }
    if arguments.has("--csv") {
      var outcomes = outcomes
      if failed {
        for index in outcomes.indices {
          outcomes[index].checks.removeAll { $0.verdict != .failed }
        }
      }
      for line in PolicyTable.csv(outcomes) { Terminal.print(Printable(line)) }
      return code
    }
    let screen = try Screen(color: arguments["--color"])
    let table = PolicyTable(screen, at: .now)
    let hosts = Set(outcomes.map(\.host))
    let lines =
      if arguments.has("--matrix") {
        table.matrix(outcomes)
      } else if failed || arguments.has("--checks") || pattern != nil && hosts.count == 1 {
        table.checks(outcomes, failedOnly: failed)
      } else {
        table.summary(outcomes)
      }
    for line in lines { Terminal.show(line) }
    return code
  }
}

/// What was read for one check of a host, and the answer of each of its rules.
enum PolicyExplanation {
  static func show(
    _ id: String, of pattern: String, _ site: Site, _ store: Store, _ arguments: Arguments
  ) async throws -> Int32 {
    let hosts = try site.inventory.select(pattern)
    guard let host = hosts.first, hosts.count == 1 else {
      throw UsageError(message: "\"\(pattern)\" is not one host; --explain takes one")
    }
    var isKnown = false
    for settings in site.policies.of(host.name)
    where arguments["--policy"].map({ $0 == settings.name }) != false {
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
    return ExitCode.ok
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

/// What would repair the failed checks of a host.
enum PolicyRemedy {
  static func show(_ pattern: String, _ arguments: Arguments) async throws -> Int32 {
    guard let (site, store) = try await PolicyResults.open(arguments) else {
      return ExitCode.notOK
    }
    let hosts = try site.inventory.select(pattern)
    guard let host = hosts.first, hosts.count == 1 else {
      throw UsageError(message: "\"\(pattern)\" is not one host; remedy takes one")
    }
    let outcomes = try await PolicyResults.outcomes(
      site, store, of: host.name, policy: arguments["--policy"])
    var steps: [Remedy.Step] = []
    for outcome in outcomes where outcome.count(.failed) > 0 {
      guard let settings = site.policies.of(host.name).first(where: { $0.name == outcome.policy })
      else { continue }
      var findings = Findings()
      let entry = try PolicyBook.Entry(settings, &findings)
      for check in outcome.checks where check.verdict == .failed {
        // The policy may have changed since.
        guard let known = entry.policy.checks.first(where: { $0.id == check.id }) else { continue }
        steps.append(Remedy.Step(policy: outcome.policy, check: known, why: check.why))
      }
    }
    let remedy = Remedy(host: host.name, steps: steps)
    let text = arguments.has("--ansible") ? remedy.playbook : remedy.script
    Terminal.write(.lines(text), to: 1)
    return ExitCode.ok
  }
}
