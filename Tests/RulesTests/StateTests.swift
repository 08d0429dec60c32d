import Configuration
import Metrics
import Testing

@testable import Rules

@Suite struct StateTests {
  private func time(_ seconds: Int) -> Timestamp { Timestamp(seconds: Int64(seconds)) }

  /// Observes one severity each 15 s and returns what counted: the times of the transitions.
  private func run(
    _ severities: [Severity], patience: Rule.Patience = .none
  ) -> (state: CheckState, changes: [(Int, Severity, Severity)], flapping: [Bool]) {
    var (state, first) = CheckState.first(severities[0], at: time(0), patience: patience)
    var changes: [(Int, Severity, Severity)] = []
    var flapping: [Bool] = []
    if let change = first.change { changes.append((0, change.from, state.severity)) }
    for (index, severity) in severities.enumerated().dropFirst() {
      let outcome = state.observe(severity, at: time(index * 15), patience: patience)
      if let change = outcome.change { changes.append((index, change.from, state.severity)) }
      if let flap = outcome.flapping { flapping.append(flap) }
    }
    return (state, changes, flapping)
  }

  @Test func `what is bad counts when it has lasted, what is better at once`() {
    let (state, changes, _) = run(
      [.ok, .critical, .ok, .critical, .critical, .critical, .ok], patience: .passes(3))
    #expect(changes.map(\.0) == [5, 6] && changes.map(\.2) == [.critical, .ok])
    #expect(state.severity == .ok && state.since == time(90) && state.lastOK == time(90))
  }

  @Test func `worse and worse is one trouble`() {
    let (_, changes, _) = run([.ok, .minor, .major, .critical], patience: .passes(3))
    #expect(changes.map(\.0) == [3] && changes[0].2 == .critical)
    let (_, timed, _) = run(
      [.ok, .minor, .major, .critical, .critical], patience: .time(.seconds(45)))
    #expect(timed.map(\.0) == [4])
  }

  @Test func `a check that is bad when first seen was never ok`() {
    let (state, changes, _) = run([.critical])
    #expect(changes.map(\.2) == [.critical] && state.lastOK == nil)
    #expect(run([.critical], patience: .passes(2)).changes.isEmpty)
  }

  @Test func `better but not well is a change, too`() {
    let (_, changes, _) = run([.ok, .critical, .minor, .critical])
    #expect(changes.map(\.2) == [.critical, .minor, .critical])
  }

  @Test func `what changes all the time is flapping, and said so once`() {
    let noisy: [Severity] = (0..<30).map { $0 % 2 == 0 ? .ok : .critical }
    let (state, changes, flapping) = run(noisy)
    #expect(flapping == [true] && state.isFlapping && changes.count == 29)
    let (calm, _, both) = run(noisy + Array(repeating: .ok, count: 25))
    #expect(both == [true, false] && !calm.isFlapping && calm.severity == .ok)
  }

  @Test func `a clock that is set back neither traps nor waits for ever`() {
    var (state, _) = CheckState.first(.ok, at: time(1_000_000), patience: .time(.seconds(60)))
    _ = state.observe(.critical, at: time(1_000_000), patience: .time(.seconds(60)))
    let outcome = state.observe(.critical, at: time(5), patience: .time(.seconds(60)))
    #expect(outcome.change?.from == .ok && state.severity == .critical)
  }
}

@Suite struct BusinessServiceTests {
  private func services(_ text: String) throws -> [BusinessService] {
    var findings = Findings()
    let services = BusinessService.all(
      from: try YAML.read(Source("scrape.yml", text: text)), &findings)
    try findings.finish()
    return services
  }

  @Test(arguments: [
    ([Severity.ok, .ok, .ok], Severity.ok, GroupState.ok, GroupState.ok),
    ([.ok, .ok, .critical], .ok, .degraded, .degraded),
    ([.ok, .critical, .critical], .ok, .critical, .critical),
    ([.ok, .unknown, .critical], .ok, .unknown, .unknown),
    ([.ok, .ok, .ok], .minor, .ok, .minor),
  ])
  func `a service works while enough of what it needs does`(
    web: [Severity], database: Severity, cluster: GroupState, shop: GroupState
  ) throws {
    let services = try services(
      """
      cluster: [{at_least: 2, of: "web*/https"}]
      shop: {needs: [cluster, "db1/mysql"]}
      """)
    var checks: [String: [String: Severity]] = ["db1": ["mysql": database, "ssh": .critical]]
    for (index, severity) in web.enumerated() { checks["web\(index)"] = ["https": severity] }
    let states = BusinessService.states(of: services, checks: checks)
    #expect(states["cluster"] == cluster && states["shop"] == shop)
  }

  @Test func `a service of which nothing was seen has no data`() throws {
    let states = BusinessService.states(of: try services("shop: [\"web*/https\"]"), checks: [:])
    #expect(states == ["shop": .noData])
  }

  @Test(arguments: [
    ("a: [b]\nb: [c]\nc: [a]", "a → b → c → a"), ("a: [x]", "\"x\" is no service"),
    ("shop: [shp]", "did you mean \"shop\""), ("a: {need: [b]}", "unknown key \"need\""),
    ("a: [{at_least: 2}]", "`at_least:` and `of:`"),
  ])
  func `faults of services are reported`(text: String, problem: String) throws {
    do {
      _ = try services(text)
      Issue.record("\(text) was taken")
    } catch let errors as ConfigurationErrors {
      #expect(errors.description.contains(problem), "\(errors)")
    }
  }

  @Test func `a cause hides its effects`() {
    let topology = Topology([
      "vm1": ["esx3"], "vm2": ["esx3"], "web": ["vm1", "jp1"], "esx3": ["sw1"], "a": ["b"],
      "b": ["a"],
    ])
    let causes = topology.causes(of: ["esx3", "vm1", "vm2", "web", "a", "b", "lone"])
    // Of a ring one stands for the cause, and only one.
    #expect(causes.map(\.cause) == ["b", "esx3", "lone"] && causes.first?.effects == ["a"])
    #expect(causes.first { $0.cause == "esx3" }?.effects == ["vm1", "vm2", "web"])
    #expect(causes.first { $0.cause == "lone" }?.effects == [])
  }
}
