import Engine
import Lab
import Metrics
import Testing

@testable import Probes

struct TCPProbeTests {
  @Test func `a port that accepts is ok, one that refuses is down, and closed turns it round`()
    async throws
  {
    let server = FakeServer([.silence])
    let free = freePort()
    let open = try await ask("tcp:\(server.port)")
    #expect(open.summary == "ok - up" && open.isSound)
    #expect(open.verdict.latency != nil)
    let shut = try await ask("tcp:\(free)")
    #expect(shut.summary == "critical connection_refused down" && shut.isSound)
    #expect(shut.points[1][tag: "result"] == "connection_failed")
    #expect(shut.points[1][field: "response_time"] == nil)
    #expect(try await ask("tcp:\(free) closed").summary == "ok - down")
    #expect(try await ask("tcp:\(server.port) closed").summary == "critical open up")
  }

  @Test(
    arguments: [
      ([.send("220 mail ready\r\n"), .silence], "expect: '220 '", "ok - up", "success"),
      (
        [.drip(Array("220 x".utf8), microseconds: 2_000), .silence], "expect: '220 '", "ok - up",
        "success"
      ),
      (
        [.send("554 go away\r\n"), .silence], "expect: '220 '", "critical wrong_answer up",
        "string_mismatch"
      ),
      (
        [.send("554 go away\r\n"), .close], "expect: '220 '", "critical wrong_answer up",
        "string_mismatch"
      ),
      ([.silence], "expect: '220 '", "critical timeout down", "read_failed"),
      ([.close], "expect: '220 '", "critical connection_lost down", "read_failed"),
      ([.reset], "expect: '220 '", "critical connection_lost down", "read_failed"),
      (
        [.drip([UInt8](repeating: 65, count: 20_000), microseconds: 200)], "expect: '220 '",
        "critical wrong_answer up", "string_mismatch"
      ),
      ([.flood([65])], "expect: '220 '", "critical protocol_error down", "read_failed"),
      (
        [.read(3), .send("1,2 : USERID\r\n"), .silence], "send: '1,2', expect: '1,2'", "ok - up",
        "success"
      ),
      (
        [.send("hello"), .read(3), .send("world"), .silence],
        "steps: [{expect: hello}, {send: '\\x61\\r\\n'}, {expect: world}]", "ok - up", "success"
      ),
    ] as [([FakeServer.Act], String, String, String)])
  func `a conversation ends as the server behaves`(
    acts: [FakeServer.Act], options: String, summary: String, result: String
  ) async throws {
    let server = FakeServer(acts)
    let start = Deadline.now
    let answer = try await ask("{tcp: {port: \(server.port), timeout: 300ms, \(options)}}")
    #expect(answer.summary == summary, "\(answer.verdict.message)")
    #expect(answer.points[1][tag: "result"] == result)
    #expect(answer.isSound)
    #expect(Deadline.now.since(start) < .seconds(3))
  }

  @Test func `an unknown name has a reason of its own`() async throws {
    let answer = try await ask("tcp:22", at: "no-such-host.invalid")
    #expect(answer.summary == "critical name_unknown down")
  }

  @Test func `dead services cost their own time only, and hundreds are asked at once`() async throws
  {
    let alive = FakeServer([.silence])
    var plans: [ProbePlan] = []
    for index in 0..<300 {
      let entry =
        "{tcp: {port: \(alive.port), name: n\(index), timeout: 400ms"
        + (index % 10 == 0 ? ", expect: never}}" : "}}")
      plans.append(try #require(try read(entry).0))
    }
    let context = ProbeContext(host: "lab", address: "127.0.0.1", kit: ProbeKit(reserved: []))
    let reactor = Reactor()
    let start = Deadline.now
    let results = await reactor.askAll(plans, context, by: .after(.seconds(20)))
    #expect(Deadline.now.since(start) < .seconds(4))
    #expect(results.count == 300)
    #expect(results.map(\.service) == plans.map(\.service))
    #expect(results.count { $0.verdict.severity == .ok } == 270)
    #expect(results.count { $0.verdict.reason == .timeout } == 30)
  }

  @Test func `a pass without time left says so`() async throws {
    let answer = try await ask("tcp:22", within: .zero)
    #expect(answer.summary == "unknown not_reached ?")
    #expect(answer.points[0][field: "up"] == nil)
    #expect(answer.points[0][field: "state"] == .integer(4))
  }
}
