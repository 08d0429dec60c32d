import Foundation
import Lab
import Metrics
import Testing

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
    for (entry, summary, words) in cases {
      let result = try await ask(entry)
      #expect(result.summary == summary && result.isSound, "\(entry): \(result.verdict)")
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
    #expect(silent.summary == "critical timeout down")
    #expect(Date().timeIntervalSince(start) < 2)
    #expect(silent.points.last?[tag: "result"] == "timeout")
    server.stop()
    #expect(try await ask("dns:\(port)").summary == "critical connection_refused down")
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

/// Name servers that answer wrongly, or that cannot be reached.
struct DNSTroubleTests {
  /// A sound answer to a question: the question again, marked as an answer without records.
  private static func reply(_ question: [UInt8]) -> [UInt8] {
    var bytes = question
    guard bytes.count >= 12 else { return bytes }
    bytes[2] |= 0x80
    bytes[3] = 0x80
    return bytes
  }

  @Test func `answers that do not fit are counted, whatever is wrong with them`() async throws {
    let cases: [(name: String, answer: @Sendable ([UInt8]) -> [[UInt8]], summary: String)] = [
      ("garbage", { _ in [[0xff, 0xfe, 0xfd]] }, "critical protocol_error down"),
      ("empty", { _ in [[]] }, "critical protocol_error down"),
      (
        "wrong id",
        { question in
          var bytes = Self.reply(question)
          bytes[0] ^= 0x55
          return [bytes]
        }, "critical protocol_error down"
      ),
      ("sound after a forged one", { [[0], Self.reply($0)] }, "ok - up"),
      ("silence", { _ in [] }, "critical timeout down"),
    ]
    for (name, answer, summary) in cases {
      let server = FakeDatagrams(answer)
      let result = try await ask("{dns: {port: \(server.port), timeout: 1s}}")
      #expect(result.summary == summary && result.isSound, "\(name): \(result.verdict)")
      if summary.contains("protocol_error") {
        #expect(
          result.verdict.message.hasSuffix(" came, none fits the question"),
          "\(name): \(result.verdict.message)")
      }
    }
  }

  @Test func `over TCP it is said what came, and that the connection was closed`() async throws {
    let closing = FakeServer([.read(10), .close])
    let lost = try await ask("{dns: {port: \(closing.port), protocol: tcp, timeout: 1s}}")
    #expect(lost.summary == "critical connection_lost down", "\(lost.verdict)")
    let noisy = FakeServer([.read(10), .send("SSH-2.0-OpenSSH_9.2\r\n"), .silence])
    let noise = try await ask("{dns: {port: \(noisy.port), protocol: tcp, timeout: 1s}}")
    #expect(noise.summary == "critical protocol_error down", "\(noise.verdict)")
    #expect(noise.verdict.message.contains("bytes came"), "\(noise.verdict.message)")
    let shut = try await ask("{dns: {port: \(freePort()), protocol: tcp, timeout: 1s}}")
    #expect(shut.summary == "critical connection_refused down", "\(shut.verdict)")
  }

  @Test(.enabled(if: Unbound.isInstalled), arguments: ["udp", "tcp"])
  func `an answer may take as long as the timeout`(transport: String) async throws {
    let server = try Unbound(DNSProbeTests.records)
    server.freeze()
    let identifier = server.daemon.identifier
    Thread.detachNewThread {
      usleep(1_500_000)
      kill(identifier, SIGCONT)
    }
    let answer = try await ask(
      "{dns: {port: \(server.port), domain: www.lab.example, protocol: \(transport), timeout: 6s}}"
    )
    #expect(answer.summary == "ok - up", "\(answer.verdict.message)")
  }

  /// 192.0.2.1 is nobody's (RFC 5737); in a network without a route it is ENETUNREACH at once.
  @Test func `no route is unreachable, not refused`() async throws {
    guard getuid() == 0, unreachable("192.0.2.1") == ENETUNREACH else { return }
    for entry in ["dns", "{dns: {protocol: tcp}}", "udp:53", "tcp:53", "http", "ident", "ntp"] {
      let result = try await ask(entry, at: "192.0.2.1")
      #expect(result.summary == "critical unreachable down", "\(entry): \(result.verdict)")
    }
  }

  /// The error of a datagram to there; zero where there is none.
  private func unreachable(_ address: String) -> Int32 {
    let number = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(number) }
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_port = UInt16(53).bigEndian
    inet_pton(AF_INET, address, &place.sin_addr)
    let code = withUnsafePointer(to: &place) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    return code == 0 ? 0 : errno
  }
}
