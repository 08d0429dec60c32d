import Glibc
import Lab
import Metrics
import Testing

@testable import Engine
@testable import Probes

/// Probes of all kinds side by side, hundreds of times, against servers that close at every point, while
/// the jobs of the reactors run in an order that nobody foresees: each must end by itself, in time.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct ProbeRaceTests {
  /// What servers say before they close; of each protocol a beginning, and of some all of it.
  static let greetings: [[Peer.Step]] = [
    [.close], [.reset], [.say("220"), .close], [.say("220 mail ESMTP\r\n"), .close],
    [.say("220 mail ESMTP\r\n"), .line, .say("250-mail\r\n250 OK\r\n"), .reset],
    [
      .say("220 mail ESMTP\r\n"), .line, .say("250-mail\r\n250 OK\r\n"), .line, .say("221 bye\r\n"),
    ],
    [.say("* OK IMAP4rev1 ready\r\n"), .line, .close], [.say("+OK POP3\r\n"), .line, .close],
    [.say("SSH-2.0-x\r\n"), .pause(2), .close], [.line, .say("HTTP/1.0 200 OK\r\n\r\nok")],
    [.say("\u{4a}\u{0}\u{0}\u{0}\u{a}5.5.5\u{0}"), .reset], [.line, .say("N"), .close],
    [.say("RFB 003.008\n"), .pause(1), .reset],
  ]
  static let kinds = [
    "tcp", "http", "https", "ssh", "vnc", "x11", "rdp", "smb", "smtp", "imap", "pop3", "ftp",
    "{mysql: {user: u, password: '${RACE_PASSWORD}', port: PORT}}",
    "{postgres: {user: u, password: '${RACE_PASSWORD}', port: PORT}}",
    "{exec: {command: /bin/true}}", "{dns: {domain: a.example, port: PORT}}",
    "{dns: {domain: a.example, protocol: tcp, port: PORT}}", "ntp", "{udp: {send: x, port: PORT}}",
  ]

  @Test(arguments: [nil, 21, 22] as [UInt64?])
  func `no probe outlives its time, whatever the server breaks off`(seed: UInt64?) async throws {
    setenv("RACE_PASSWORD", "p", 1)
    let servers = try Self.greetings.map { try Peer($0) }
    let datagrams = FakeDatagrams { $0.count % 2 == 0 ? [] : [Array($0.prefix(3))] }
    defer { servers.forEach { $0.stop() } }
    let reactors = (0..<2).map { index in
      seed.map { Reactor(shuffle: $0 &* 5 &+ UInt64(index)) } ?? Reactor()
    }
    var late: [String] = []
    for round in 0..<20 {
      var plans: [ProbePlan] = []
      for (index, kind) in Self.kinds.enumerated() {
        let isDatagram = kind == "ntp" || kind.contains("udp") || kind.contains("example, port")
        let server = servers[(round &+ index &* 3) % servers.count]
        let port = "\(isDatagram ? datagrams.port : server.port), timeout: 300ms"
        let entry =
          kind.contains("PORT")
          ? kind.replacing("PORT", with: port)
          : kind.hasPrefix("{") ? kind : "{\(kind): {port: \(port)}}"
        let (plan, findings) = try read(entry)
        try #require(findings.errors.isEmpty, "\(entry): \(findings.errors)")
        plans.append(try #require(plan))
      }
      let begun = Deadline.now
      let kit = ProbeKit(reserved: [])
      await withTaskGroup(of: [ServiceResult].self) { group in
        for (index, reactor) in reactors.enumerated() {
          let part = plans.indices.filter { $0 % 2 == index }.map { plans[$0] }
          group.addTask(executorPreference: reactor.executor) {
            await reactor.askAll(
              part, ProbeContext(host: "lab", address: "127.0.0.1", kit: kit),
              by: .after(.seconds(5)))
          }
        }
        var results = 0
        for await part in group { results += part.count }
        #expect(results == plans.count)
      }
      let took = Deadline.now.since(begun)
      if took > .seconds(6) { late.append("round \(round): \(took)") }
    }
    #expect(late.isEmpty, "\(late)")
  }
}
