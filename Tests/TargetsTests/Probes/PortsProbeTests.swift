import Engine
import Lab
import Metrics
import Testing

struct PortsProbeTests {
  @Test func `open, closed and new ports are reported, each in its way`() async throws {
    let (one, two) = (FakeServer([.silence]), FakeServer([.silence]))
    let free = freePort()
    let cases: [(String, String)] = [
      ("open: [\(one.port), \(two.port)]", "ok - up"),
      ("open: \(one.port), closed: \(free)", "ok - up"),
      ("closed: [\(free)]", "ok - up"),
      ("open: [\(one.port), \(free)]", "critical closed up"),
      ("open: \(one.port), closed: \(two.port)", "critical open up"),
      ("open: \(one.port), scan: [\(one.port), \(two.port)]", "minor new_listener up"),
      ("open: \(one.port), scan: \(two.port), unexpected: critical", "critical new_listener up"),
      ("open: \(one.port), scan: \(two.port), allow: \(two.port)", "ok - up"),
      ("open: \(one.port), scan: \(two.port), unexpected: ok", "ok - up"),
    ]
    for (options, summary) in cases {
      let answer = try await ask("{ports: {\(options)}}")
      #expect(answer.summary == summary, "\(options): \(answer.verdict.message)")
      #expect(answer.isSound)
    }
    let answer = try await ask("{ports: {name: watch, open: \(one.port), scan: \(two.port)}}")
    let point = answer.points[1]
    #expect(point[tag: "service"] == "watch" && point[field: "open"] == .integer(2))
    #expect(point[field: "unexpected"] == .integer(1))
  }

  @Test func `a scan of ten thousand ports ends by its deadline, and says what it left out`()
    async throws
  {
    let start = Deadline.now
    let whole = try await ask("{ports: {scan: 20000-29999, unexpected: ok, timeout: 10s}}")
    #expect(whole.summary == "ok - up", "\(whole.verdict.message)")
    let cut = try await ask("{ports: {scan: 1-65535, unexpected: ok, timeout: 500ms}}")
    #expect(cut.summary == "unknown not_reached up", "\(cut.verdict.message)")
    #expect(Deadline.now.since(start) < .seconds(12))
  }

  @Test(arguments: [
    ("{ports: {}}", "looks at no port"), ("{ports: {open: 70000}}", "no port and no range"),
    ("{ports: {open: 5-2}}", "no port and no range"), ("{ports: {opne: 22}}", "unknown option"),
    ("{ports: {open: 22, closed: ssh}}", "to be open and closed"),
    ("ports:22", "probe ports has no port"), ("ports closed", "does not support \"closed\""),
  ])
  func `a set of ports that makes no sense is refused`(entry: String, problem: String) throws {
    let (plan, findings) = try read(entry)
    #expect(plan == nil)
    #expect(findings.errors.contains { $0.problem.contains(problem) }, "\(findings.errors)")
  }
}
