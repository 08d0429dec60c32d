import Foundation
import Lab
import Testing

@testable import LabRange

/// That a soak notices what it is for.
@Suite struct VerdictsTests {
  private func points(_ text: String) -> [PointLine] {
    text.split(separator: "\n").compactMap { PointLine(Array($0.utf8)) }
  }

  @Test func `a line is taken apart with its escapes and strings`() throws {
    let line = #"service,host=a\ b,service=x\,y\=z message="a \"b\", c=d e",state=3i,up=0i 17"#
    let point = try #require(PointLine(Array(line.utf8)))
    #expect(point.measurement == "service" && point.time == 17)
    #expect(point.tags == ["host": "a b", "service": "x,y=z"])
    #expect(point.fields == ["message": #"a "b", c=d e"#, "state": "3i", "up": "0i"])
    #expect(point.series == PointLine.series("service", ["service": "x,y=z", "host": "a b"]))
    for bad in ["", "m", "m a=1", "m a=1 x", "m a=1 1 1"] {
      #expect(PointLine(Array(bad.utf8)) == nil, "\(bad)")
    }
  }

  private static let pass = """
    scrape,host=a,target=ssh up=1i,problems=0i 100
    scrape,host=b,target=ssh up=0i,reason="timeout" 100
    scrape,host=c,target=bmc up=1i,problems=2i 100
    service,host=a,service=http state=3i,up=0i,reason="timeout" 100
    service,host=b,service=http state=0i,up=1i 99
    """

  @Test func `findings are those of the pass, with their reasons`() {
    let verdicts = Verdicts(points(Self.pass), since: 100)
    #expect(
      verdicts.findings == [
        Check(host: "a", name: "ssh"): .ok, Check(host: "b", name: "ssh"): .critical("timeout"),
        Check(host: "c", name: "bmc"): .problems(2),
        Check(host: "a", name: "service http"): .critical("timeout"),
      ])
  }

  @Test func `another reason, nothing, and a check too many are wrong`() {
    let verdicts = Verdicts(points(Self.pass), since: 100)
    let wrong = verdicts.wrong([
      Check(host: "a", name: "ssh"): [.ok],
      Check(host: "b", name: "ssh"): [.critical("connection_refused")],
      Check(host: "b", name: "service http"): [.ok],
      Check(host: "a", name: "service http"): [.ok, .critical("timeout")],
    ])
    #expect(
      wrong.map(\.description) == [
        "b service http: expected ok, got nothing",
        "b ssh: expected critical connection_refused, got critical timeout",
        "c bmc: expected nothing, got ok with 2 problems",
      ])
  }

  @Test func `states follow events, and what nobody expects is wrong`() {
    var states = States()
    func event(_ host: String, _ subject: String, _ severity: String) {
      let line =
        "event,host=\(host),source=check,severity=\(severity) subject=\"\(subject)\",text=\"\" 50"
      states.take(Verdicts(points(line), since: 100))
    }
    let full = Check(host: "a", name: "rule full{")
    let http = Check(host: "b", name: "service http")
    let critical = Finding(severity: "critical")
    #expect(states.wrong([http: [.ok]]).isEmpty)
    #expect(states.wrong([full: [critical]]).count == 1)
    event("a", "rule full{path=/}", "critical")
    #expect(states.wrong([full: [critical]]).isEmpty)
    #expect(states.wrong([:]).map(\.check.name) == ["rule full{path=/}"])
    event("b", "service http", "major")
    #expect(states.wrong([full: [critical], http: [.critical("timeout")]]).count == 1)
    // Nothing was learnt: the state stays as it was.
    #expect(
      states.wrong([
        full: [critical], http: [Finding(severity: "unknown", reason: "not_reached")],
      ]).isEmpty)
    event("a", "rule full{path=/}", "ok")
    event("b", "service http", "ok")
    #expect(states.wrong([http: [.ok]]).isEmpty)
  }

  @Test(arguments: [
    ("exit 1", false, false, 1), ("exit 4", true, false, 4), ("exit 2", false, true, 2),
    ("kill -SEGV $$", false, true, 139), ("sleep 60", true, false, 137),
  ])
  func `how a pass ended is seen`(script: String, isHung: Bool, isBroken: Bool, status: Int) throws
  {
    let scratch = Scratch()
    let program = scratch.write("scrape", "#!/bin/sh\n\(script)\n", mode: 0o700)
    // Hung is what lasts 12 s longer than its deadline.
    let deadline = script.hasPrefix("sleep") ? -11 : 15
    let pass = try RangePass(1, program: program, inventory: "/nowhere", deadline: deadline)
    #expect(pass.isHung == isHung && pass.isBroken == isBroken && Int(pass.status) == status)
    var outcome = Soak.Outcome()
    outcome.take(pass, faults: "none")
    #expect(outcome.isGood == (status == 1))
    #expect(outcome.cases.count == (status == 1 ? 0 : 1))
  }

  @Test(.enabled(if: InfluxServer.isInstalled))
  func `points that the database does not have are counted`() throws {
    let server = try InfluxServer()
    try server.execute("CREATE DATABASE \"\(LabRange.database)\"")
    let lines = (1...3).map { "m,host=a\\ b,x=\($0) v=1,s=\"t\" 1700000000\($0)00000000" }
    let scratch = Scratch()
    let body = scratch.write("body", lines.prefix(2).joined(separator: "\n"))
    try run(
      "/usr/bin/curl",
      ["-s", "\(server.url)/write?db=\(LabRange.database)", "--data-binary", "@\(body)"])
    let file = scratch.write("points", lines.joined(separator: "\n") + "\n")
    var delivery = Delivery()
    delivery.add(points(lines.joined(separator: "\n")))
    let lost = try delivery.lost(from: server, file: file)
    #expect(delivery.count == 3 && lost.count == 1)
    #expect(lost.examples == ["m host a b x 3 at 1700000000300000000"])
  }
}
