import Foundation
import Lab
import Metrics
import Testing

@testable import Targets

@Suite(.serialized, .enabled(if: Unbound.isInstalled), .timeLimit(.minutes(2)))
struct DNSProbeTests {
  static let records = [
    "www.lab.example. 300 IN A 192.0.2.7", "www.lab.example. 300 IN A 192.0.2.8",
    "www.lab.example. 300 IN AAAA 2001:db8::7", "lab.example. 300 IN MX 10 mail.lab.example.",
    "lab.example. 300 IN TXT \"v=spf1 -all\"", "alias.lab.example. 300 IN CNAME www.lab.example.",
    "_x._tcp.lab.example. 300 IN SRV 1 2 5004 srv.lab.example.",
    "lab.example. 300 IN SOA ns.lab.example. root.lab.example. 7 1 1 1 1",
    "lab.example. 300 IN NS ns.lab.example.",
  ]

  @Test func `records are asked for and compared as sets`() async throws {
    let long = (0..<60).map { "long.lab.example. 300 IN A 192.0.2.\($0)" }
    let server = try Unbound(Self.records + long)
    let port = server.port
    let cases: [(String, String, String)] = [
      ("dns:\(port)", "ok - up", "answers"),
      ("dns:\(port)/www.lab.example", "ok - up", "www.lab.example A: 192.0.2.7, 192.0.2.8"),
      (
        "{dns: {port: \(port), domain: www.lab.example, answer: [192.0.2.8, 192.0.2.7]}}",
        "ok - up",
        ""
      ),
      (
        "{dns: {port: \(port), domain: www.lab.example, answer: 192.0.2.7}}",
        "critical wrong_answer up", "192.0.2.7, 192.0.2.8; expected 192.0.2.7"
      ),
      (
        "{dns: {port: \(port), domain: www.lab.example, type: AAAA, answer: \"2001:db8::7\"}}",
        "ok - up", ""
      ),
      (
        "{dns: {port: \(port), domain: lab.example, type: MX, answer: 10 MAIL.lab.example.}}",
        "ok - up", "10 mail.lab.example"
      ),
      (
        "{dns: {port: \(port), domain: lab.example, type: TXT, answer: v=spf1 -all}}", "ok - up", ""
      ),
      ("{dns: {port: \(port), domain: lab.example, type: soa}}", "ok - up", "root.lab.example 7"),
      (
        "{dns: {port: \(port), domain: _x._tcp.lab.example, type: SRV}}", "ok - up",
        "1 2 5004 srv.lab.example"
      ),
      (
        "{dns: {port: \(port), domain: www.lab.example, type: MX}}", "critical wrong_answer up",
        "no such record"
      ),
      ("dns:\(port)/none.lab.example", "critical wrong_answer up", "none.lab.example A: NXDOMAIN"),
      (
        "{dns: {port: \(port), domain: none.lab.example, rcode: NXDOMAIN}}", "ok - up",
        "NXDOMAIN, as expected"
      ),
      (
        "{dns: {port: \(port), domain: www.lab.example, rcode: NXDOMAIN}}",
        "critical wrong_answer up", "NOERROR"
      ),
      ("dns:\(port)/www.refused.example", "critical wrong_answer up", "REFUSED"),
      (
        "{dns: {port: \(port), domain: www.lab.example, authoritative: yes}}", "ok - up", ""
      ),
      ("{dns: {port: \(port), domain: www.lab.example, protocol: tcp}}", "ok - up", ""),
      // Too long for a datagram: asked again over TCP.
      ("dns:\(port)/long.lab.example", "ok - up", "192.0.2."),
    ]
    for (entry, told, words) in cases {
      let result = try await ask(entry)
      #expect(result.told == told && result.isSound, "\(entry): \(result.verdict)")
      #expect(words.isEmpty || result.verdict.message.contains(words), "\(result.verdict)")
    }
    let point = try #require(try await ask("dns:\(port)/www.lab.example").points.last)
    #expect(
      point.tags == [
        Tag("server", "127.0.0.1"), Tag("domain", "www.lab.example"), Tag("record_type", "A"),
        Tag("result", "success"), Tag("rcode", "NOERROR"),
      ])
    #expect(point[field: "rcode_value"] == .integer(0) && point[field: "query_time_ms"] != nil)

    server.freeze()
    let start = Date()
    let silent = try await ask("{dns: {port: \(port), timeout: 1s}}")
    #expect(silent.told == "critical timeout down")
    #expect(Date().timeIntervalSince(start) < 2)
    #expect(silent.points.last?[tag: "result"] == "timeout")
    server.stop()
    #expect(try await ask("dns:\(port)").told == "critical connection_refused down")
  }

  @Test(
    arguments: [
      ("{dns: {domain: a..b}}", "not the name of a domain"), ("{dns: {type: AA}}", "unknown type"),
      ("{dns: {answer: 1.2.3.4}}", "no domain given"), ("{dns: {rcode: NOPE}}", "unknown rcode"),
    ])
  func `a slip in the options is named`(entry: String, words: String) throws {
    let (plan, findings) = try read(entry)
    #expect(plan == nil)
    #expect(findings.errors.first?.description.contains(words) == true, "\(findings.errors)")
  }

  @Test(.enabled(if: Plugin.isInstalled("check_dig")))
  func `check_dig is of the same opinion`() async throws {
    guard FileManager.default.isExecutableFile(atPath: "/usr/bin/dig") else { return }
    let server = try Unbound(Self.records)
    let port = server.port
    let cases: [(String, [String])] = [
      ("dns:\(port)/www.lab.example", ["-l", "www.lab.example"]),
      ("dns:\(port)/none.lab.example", ["-l", "none.lab.example"]),
      (
        "{dns: {port: \(port), domain: lab.example, type: MX}}", ["-l", "lab.example", "-T", "MX"]
      ),
    ]
    for (entry, arguments) in cases {
      let ours = try await ask(entry).verdict.severity == .ok
      let theirs = try Plugin.run("check_dig", ["-H", "127.0.0.1", "-p", "\(port)"] + arguments)
      #expect(ours == (theirs.status == 0), "\(entry) \(theirs)")
    }
  }
}
