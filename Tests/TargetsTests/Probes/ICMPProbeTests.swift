import Lab
import Metrics
import Testing

@testable import Targets

struct ICMPProbeTests {
  @Test(arguments: ["127.0.0.1", "::1"])
  func `a host that answers has times, jitter and no loss`(address: String) async throws {
    let answer = try await ask("{icmp: {count: 4, interval: 5ms}}", at: address)
    // Where neither ping sockets nor raw ones are allowed, that is what it must say.
    guard answer.verdict.reason != .notPermitted else {
      #expect(answer.told == "unknown not_permitted ?")
      #expect(answer.points[1][field: "result_code"] == .integer(2))
      return
    }
    #expect(answer.told == "ok - up" && answer.isSound, "\(answer.verdict.message)")
    let ping = answer.points[1]
    #expect(ping[field: "packets_transmitted"] == .integer(4))
    #expect(ping[field: "packets_received"] == .integer(4))
    #expect(ping[field: "percent_packet_loss"] == .float(0))
    #expect(ping[field: "ttl"] == .integer(64))
    #expect(ping[field: "jitter_ms"] != nil && ping[field: "standard_deviation_ms"] != nil)
    let turned = try await ask("{icmp: {count: 1, closed: yes}}", at: address)
    #expect(turned.told == "critical open up")
  }

}
