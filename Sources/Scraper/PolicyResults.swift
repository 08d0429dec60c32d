internal import Configuration
internal import Console
internal import Inventory
internal import Metrics
internal import Passes
internal import Policies
internal import Store

/// The last results of policies, from the store.
enum PolicyResults {
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
      try await PolicyExplanation.show(
        id, of: try host(pattern, "--explain", site), only: arguments["--policy"], site, store)
      return ExitCode.ok
    }
    let outcomes = try await site.policyOutcomes(
      of: try site.inventory.hosts(matching: pattern), only: arguments["--policy"], in: store)
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

  static func remedy(_ pattern: String, _ arguments: Arguments) async throws -> Int32 {
    guard let (site, store) = try await open(arguments) else { return ExitCode.notOK }
    let remedy = try await site.remedy(
      of: try host(pattern, "remedy", site), only: arguments["--policy"], in: store)
    let text = arguments.has("--ansible") ? remedy.playbook : remedy.script
    Terminal.write(.lines(text), to: 1)
    return ExitCode.ok
  }

  static func replay(
    _ file: String, of pattern: String?, _ arguments: Arguments
  ) async throws -> Int32 {
    guard let (site, store) = try await open(arguments) else { return ExitCode.notOK }
    try await PolicyReplay.show(
      file, of: try site.inventory.hosts(matching: pattern), as: arguments["--policy"],
      since: try arguments.duration("--since"), json: arguments.has("--json"), site, store)
    return ExitCode.ok
  }

  private static func host(_ pattern: String, _ word: String, _ site: Site) throws -> Host {
    let hosts = try site.inventory.select(pattern)
    guard let host = hosts.first, hosts.count == 1 else {
      throw UsageError(message: "\"\(pattern)\" is not one host; \(word) takes one")
    }
    return host
  }
}
