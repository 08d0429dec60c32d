import Lab
import Metrics
import Testing

struct UDPProbeTests {
  @Test func `an answer is ok, silence is unknown, a refusal is down`() async throws {
    let echo = FakeDatagrams { [$0] }
    let mute = FakeDatagrams { _ in [] }
    let answer = try await ask("{udp: {port: \(echo.port), send: hello, expect: ell}}")
    #expect(answer.summary == "ok - up" && answer.isSound)
    let wrong = try await ask("{udp: {port: \(echo.port), send: hello, expect: bye}}")
    #expect(wrong.summary == "critical wrong_answer up" && wrong.isSound)
    let silence = try await ask("{udp: {port: \(mute.port), timeout: 100ms}}")
    #expect(silence.summary == "unknown no_answer ?" && silence.isSound)
    // Who says what must come says that something must.
    let unmet = try await ask("{udp: {port: \(mute.port), timeout: 100ms, expect: bye}}")
    #expect(unmet.summary == "critical timeout down" && unmet.isSound)
    #expect(
      unmet.verdict.message
        == "127.0.0.1: no answer on UDP port \(mute.port), expected \"bye\"")
    let void = FakeDatagrams { _ in [[]] }
    let empty = try await ask("{udp: {port: \(void.port), expect: bye}}")
    #expect(empty.summary == "critical wrong_answer up" && empty.isSound)
    #expect(empty.verdict.message == "expected \"bye\", got an empty datagram")
    let refused = try await ask("{udp: {port: \(freePort()), timeout: 2s}}")
    #expect(refused.summary == "critical connection_refused down")
    let closed = try await ask("{udp: {port: \(freePort()), timeout: 2s, closed: yes}}")
    #expect(closed.summary == "ok - down")
    let open = try await ask("udp:\(echo.port) closed")
    #expect(open.summary == "critical open up")
  }
}
