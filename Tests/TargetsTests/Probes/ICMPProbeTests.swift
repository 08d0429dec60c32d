import Foundation
import Lab
import Metrics
import Testing

@testable import Probes

struct ICMPProbeTests {
  @Test(arguments: ["127.0.0.1", "::1"])
  func `a host that answers has times, jitter and no loss`(address: String) async throws {
    let answer = try await ask("{icmp: {count: 4, interval: 5ms}}", at: address)
    // Where neither ping sockets nor raw ones are allowed, that is what it must say.
    guard answer.verdict.reason != .notPermitted else {
      #expect(answer.summary == "unknown not_permitted ?")
      #expect(answer.points[1][field: "result_code"] == .integer(2))
      return
    }
    #expect(answer.summary == "ok - up" && answer.isSound, "\(answer.verdict.message)")
    let ping = answer.points[1]
    #expect(ping[field: "packets_transmitted"] == .integer(4))
    #expect(ping[field: "packets_received"] == .integer(4))
    #expect(ping[field: "percent_packet_loss"] == .float(0))
    #expect(ping[field: "ttl"] == .integer(64))
    #expect(ping[field: "jitter_ms"] != nil && ping[field: "standard_deviation_ms"] != nil)
    let turned = try await ask("{icmp: {count: 1, closed: yes}}", at: address)
    #expect(turned.summary == "critical open up")
  }

  @Test(
    arguments: [
      ([40_000, 50_000, 60_000], "", "ok - up"),
      ([40_000, nil, 60_000], "", "minor packet_loss up"),
      ([nil, nil, 60_000], "", "major packet_loss up"),
      ([nil, nil, nil], "", "critical timeout down"),
      ([40_000, nil, 60_000], "loss: 50", "ok - up"),
      ([9_000_000, 11_000_000], "rtt: {minor: 5ms, critical: 20ms}", "minor beyond_limit up"),
      ([9_000_000, 51_000_000], "rtt: {minor: 5ms, critical: 20ms}", "critical beyond_limit up"),
      ([9_000_000, nil], "rtt: 5ms", "critical beyond_limit up"),
    ] as [([Int64?], String, String)])
  func `loss and slowness are evaluated by their limits`(
    times: [Int64?], options: String, summary: String
  ) throws {
    let plan = try #require(try read("{icmp: {\(options)}}").0)
    let probe = try #require(plan.probe as? ICMPProbe)
    var echoes = ICMPProbe.Echoes()
    (echoes.sent, echoes.times) = (times.count, times)
    let endpoint = Endpoint(
      host: "lab", address: "127.0.0.1", addresses: [], port: 0, kit: ProbeKit(reserved: []))
    var result = ServiceResult(plan)
    result.verdict = probe.evaluate(echoes, endpoint)
    #expect(result.summary == summary, "\(result.verdict.message)")
  }

  @Test func `two ways to one address are two series`() throws {
    let tags = try ["icmp", "{icmp: {from: centre, name: outside}}"].map { entry in
      let plan = try #require(try read(entry).0)
      var result = ServiceResult(plan)
      var echo = Point("ping")
      echo.tag("url", "10.0.0.1")
      result.verdict.points = [echo]
      return result.points.last?.tags.map { "\($0.name)=\($0.value)" }
    }
    #expect(tags == [["url=10.0.0.1"], ["url=10.0.0.1", "path=centre"]])
  }

  @Test func `a host is asked from the address that is named`() async throws {
    let near = try await ask("{icmp: {count: 1, from: 127.0.0.9}}")
    #expect(near.verdict.reason == .notPermitted || near.summary == "ok - up")
    let foreign = try await ask("{icmp: {count: 1, from: 192.0.2.77}}")
    #expect(foreign.summary == "unknown local_error ?" || foreign.verdict.reason == .notPermitted)
    let server = FakeServer([.silence])
    #expect(try await ask("{tcp: {port: \(server.port), from: 127.0.0.9}}").summary == "ok - up")
    let other = try await ask("{tcp: {port: \(server.port), from: 192.0.2.77}}")
    #expect(other.summary == "unknown local_error ?", "\(other.verdict.message)")
    let (_, findings) = try read("{tcp: {port: 1, from: eth0}}")
    #expect(
      findings.errors.first?.problem == "from must be an IP address of this machine, or \"centre\"")
  }

  /// As a user without rights, in a network of its own, where ping sockets are allowed or not.
  @Test(.enabled(if: geteuid() == 0), arguments: [true, false])
  func `without ping sockets or rights it says what to do`(allowed: Bool) throws {
    let bundle = (CommandLine.arguments[0] as NSString).deletingLastPathComponent
    let group = allowed ? "0 2147483647" : "1 0"
    let outcome = try run(
      "/usr/bin/unshare",
      [
        "-n", "sh", "-c",
        "ip link set lo up && echo '\(group)' > /proc/sys/net/ipv4/ping_group_range && cd / && "
          + "exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$0\" probe icmp 127.0.0.1",
        "\(bundle)/scrape",
      ])
    // That user may not be able to run the program where it lies, nor this one make a network.
    guard !outcome.output.isEmpty else { return }
    #expect(outcome.output.hasPrefix(allowed ? "ok  icmp" : "unknown  icmp"), "\(outcome.output)")
    #expect(allowed || outcome.output.contains("net.ipv4.ping_group_range"))
  }
}
