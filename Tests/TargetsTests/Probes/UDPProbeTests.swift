import Lab
import Metrics
import Testing

@testable import Targets

struct UDPProbeTests {
  @Test func `an answer is ok, silence is unknown, a refusal is down`() async throws {
    let echo = FakeDatagrams { [$0] }
    let mute = FakeDatagrams { _ in [] }
    let answer = try await ask("{udp: {port: \(echo.port), send: hello, expect: ell}}")
    #expect(answer.told == "ok - up" && answer.isSound)
    let wrong = try await ask("{udp: {port: \(echo.port), send: hello, expect: bye}}")
    #expect(wrong.told == "critical wrong_answer up" && wrong.isSound)
    let silence = try await ask("{udp: {port: \(mute.port), timeout: 100ms}}")
    #expect(silence.told == "unknown no_answer ?" && silence.isSound)
    let refused = try await ask("{udp: {port: \(freePort()), timeout: 2s}}")
    #expect(refused.told == "critical connection_refused down")
    let closed = try await ask("{udp: {port: \(freePort()), timeout: 2s, closed: yes}}")
    #expect(closed.told == "ok - down")
    let open = try await ask("udp:\(echo.port) closed")
    #expect(open.told == "critical open up")
  }
}
