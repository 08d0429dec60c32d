import Foundation
import Lab
import Testing

/// Scores and the SLA over a window, through the built command.
@Suite(.serialized) struct ScoreTests {
  private func summaries(_ range: Range) throws -> [Line] {
    let outcome = try range.scrape("run", "--only", "probes", "--stdout")
    return Line.all(outcome.output).filter { $0.measurement == "service_summary" }
  }

  private func hosts(_ port: UInt16) -> String {
    """
    all:
      hosts:
        w1: {connection: local, probes: ["tcp:\(port)"], tags: {team: blue}}
        w2: {connection: local, probes: [icmp], tags: {team: red, cluster: c1}}

    """
  }

  @Test func `the SLA counts passes, and is counted anew from the history`() throws {
    let port = freePort()
    let range = Range(hosts: hosts(port), settings: "scores: {sla: {window: 1h}}\n")
    func sla() throws -> String? {
      try summaries(range).first { $0.tags["type"] == "tcp" && $0.tags["scope"] == "type" }?.fields[
        "sla"]
    }
    #expect(try sla() == "0")
    var server: SilentPort? = SilentPort(port: port)
    #expect(try sla() == "50")
    _ = try summaries(range)
    let all = try summaries(range).first { $0.tags["scope"] == "all" }
    // Two services, of which one failed in one of four passes.
    #expect(all?.fields["sla"] == "87.5", "\(String(describing: all))")
    server = nil
    range.scratch.write(
      "inventory/scrape.yml", "scores: {preset: graded, sla: {window: 2h, count: [ok]}}\n")
    // Bad, good, good, good, and bad again; then with the words of another window.
    #expect(try sla() == "60")
    range.scratch.write("inventory/scrape.yml", "scores: graded\n")
    #expect(try sla() == nil)
    withExtendedLifetime(server) {}
  }

  @Test func `services are counted by the tags of their hosts`() throws {
    let server = SilentPort()
    let range = Range(hosts: hosts(server.port), settings: "scores: {by: [team, cluster]}\n")
    let found = try summaries(range)
    let scopes = found.map { $0.tags["scope"] ?? "" }
    #expect(scopes.filter { $0 == "tag_team" }.count == 2 && scopes.contains("tag_cluster"))
    let blue = found.first { $0.tags["team"] == "blue" && $0.tags["scope"] == "tag_team" }
    #expect(blue?.fields["total"] == "1i" && blue?.fields["sla"] == nil, "\(found)")
    withExtendedLifetime(server) {}
  }

  @Test(arguments: [
    ("scores: {by: [group]}", "no tag of the inventory's"), ("scores: {sla: {}}", "no window"),
    ("scores: {preset: best}", "unknown score"), ("scores: {sla: {windw: 1h}}", "did you mean"),
  ])
  func `faults are reported at their place`(settings: String, problem: String) throws {
    let range = Range(
      hosts: "all: {hosts: {me: {connection: local}}}\n", settings: settings + "\n")
    let outcome = try range.scrape("lint")
    #expect(outcome.status == 2 && outcome.errors.contains(problem), "\(outcome.errors)")
    #expect(outcome.errors.contains("scrape.yml:1"))
  }
}
