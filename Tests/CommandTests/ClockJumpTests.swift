import Foundation
import Metrics
import Sinks
@testable import Store
import Testing

@testable import Alerts
@testable import Passes
@testable import Scraper

@Suite struct ClockJumpTests {
  @Test(arguments: [(jump: 3600, counts: false), (jump: 0, counts: true)])
  func `what has to last does not last longer because the clock was set`(
    jump: Int, counts: Bool
  ) async throws {
    let range = Range(
      hosts: "all: {hosts: {me: {connection: local}}}\n",
      settings: "rules: {busy: {when: mem.used_percent, critical: \"> 0\", for: 10m}}\n")
    let site = try Site(
      Arguments(
        ["--inventory", range.inventory, "--store", range.store], options: Site.options))
    // Seen for a minute before the clock was set forward by an hour.
    let start = Timestamp(seconds: 1_700_000_000)
    var state = CheckState(.ok, at: start)
    state.pending = .critical
    state.pendingCount = 4
    state.pendingSince = start
    var evaluator = Evaluator(
      site, site.store(), CheckList(site), states: ["me": ["rule busy": state]],
      jump: .seconds(jump))
    var point = Point("mem")
    point.float("used_percent", 50)
    var result = HostResult(
      batch: PointBatch(
        host: "me", tags: [], time: Timestamp(seconds: start.seconds + 3660), points: [point]))
    await evaluator.evaluate(&result)
    #expect(result.transitions.isEmpty != counts, "\(result.transitions)")
    #expect((evaluator.states["me"]?["rule busy"]?.pending == .critical) != counts)
  }

  @Test func `where the scraper is cut off, rules leave points alone`() async throws {
    let range = Range(
      hosts: "all: {hosts: {me: {connection: local}}}\n",
      settings: "rules: {lost: {when: scrape.up, critical: \"< 1\"}}\n")
    let site = try Site(
      Arguments(
        ["--inventory", range.inventory, "--store", range.store], options: Site.options))
    for isEvaluated in [true, false] {
      var evaluator = Evaluator(site, site.store(), CheckList(site), states: [:])
      var point = Point("scrape", tags: [Metrics.Tag("target", "ssh")])
      point.integer("up", Int64(0))
      var result = HostResult(
        batch: PointBatch(host: "me", tags: [], time: .now, points: [point]))
      result.isEvaluated = isEvaluated
      await evaluator.evaluate(&result)
      #expect(result.transitions.isEmpty != isEvaluated)
    }
  }
}
