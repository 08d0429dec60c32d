import Foundation
import Lab
import Metrics
import Testing

extension LabHost {
  /// More of the same kinds than CI has time for: 104 hosts with those of `hostile`.
  static let redTeam: [LabHost] = {
    var hosts = hostile
    let ssh = [UInt8].text("SSH-2.0-OpenSSH_9.2p1\r\n")
    for (index, count) in [1, 4, 7, 8, 20, 22].enumerated() {
      hosts.append(.init("half-banner\(index)", "", .server(.says(Array(ssh.prefix(count))))))
      hosts.append(
        .init("ends-in-banner\(index)", "", .server(.saysAndCloses(Array(ssh.prefix(count))))))
    }
    for index in 0..<14 {
      hosts.append(.init("drip\(index)", "", .server(.drips(ssh + ssh + ssh))))
    }
    for (index, payload) in [
      [], [20], [20] + [UInt8](repeating: 0, count: 16), [20] + [UInt8](repeating: 0xff, count: 60),
      [1, 0, 0, 0, 2, 0, 0, 0, 3, 0x1b, 0x5b, 0x4a, 0, 0, 0, 0], [21], [31], [80], [255],
      [UInt8](repeating: 20, count: 30_000),
    ].enumerated() {
      hosts.append(.init("packet\(index)", "", .server(.says(ssh + .packet(payload)))))
    }
    for (index, length) in [0, 1, 5, 35_001, 0x7fff_ffff, 0xffff_ffff].enumerated() {
      let head = (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) }
      hosts.append(.init("length\(index)", "", .server(.repeats(ssh, for: head + [4, 20, 0, 0]))))
    }
    for (index, script) in [
      "while :; do echo; done", "while printf 'a\\r'; do sleep 0.2; done", "exec sleep 600",
      "head -c 9000000 /dev/urandom; sleep 600", "trap '' HUP TERM; while :; do sleep 1; done",
      "printf '\\033[?1049h\\302\\205\\342\\200\\256'; exit 3", "exec 1>&-; sleep 600",
      "exec 2>&-; exec 1>&-; exit 0", "kill -9 $$", "kill -STOP $$",
      "i=0; while [ $i -lt 200000 ]; do echo line $i; i=$((i+1)); done",
      "(sleep 600 &) ; exit 0", "dd if=/dev/zero bs=1M count=64 2>/dev/null",
    ].enumerated() {
      hosts.append(.init("script\(index)", "", .script(script)))
    }
    return hosts
  }()
}

/// A server that misbehaves in some protocol, and the entry of `probes:` that asks it.
struct HostileService: Sendable {
  var entry: String
  var acts: [FakeServer.Act]

  static let secret = "planted-s3cret"
  static let basic = Data("mon:\(secret)".utf8).base64EncodedString()
  private static let noise: [UInt8] = .init(repeating: 0x78, count: 65_536)

  private static func web(_ name: String, _ acts: FakeServer.Act...) -> HostileService {
    HostileService(
      entry: """
        {http: {name: \(name), port: PORT, timeout: 3s, redirects: 3, user: mon, password: "${PLANTED}"}}
        """, acts: [.read(30)] + acts)
  }

  /// 40 ways in which a web server may behave.
  static let pages: [HostileService] = [
    web("silent", .silence), web("closes", .close), web("resets", .reset),
    web("floods", .flood(noise)), web("nuls", .flood(.init(repeating: 0, count: 4096))),
    web("half-status", .send("HTTP/1.1 2"), .silence),
    web("half-closes", .send("HTTP/1.1 2"), .close),
    web("status-only", .send("HTTP/1.1 200 OK\r\n"), .silence),
    web("drips-status", .drip(Array("HTTP/1.1 200 OK\r\n\r\n".utf8), microseconds: 300_000)),
    web("endless-status", .send("HTTP/1.1 200 "), .flood(noise)),
    web("endless-header", .send("HTTP/1.1 200 OK\r\nX: "), .flood(noise)),
    web(
      "endless-headers", .send("HTTP/1.1 200 OK\r\n"),
      .flood(Array(String(repeating: "X: y\r\n", count: 9_000).utf8))),
    web(
      "endless-100",
      .flood(Array(String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 2_000).utf8))),
    web("endless-body", .send("HTTP/1.1 200 OK\r\n\r\n"), .flood(noise)),
    web(
      "endless-chunks", .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
      .flood(Array("1\r\nx\r\n".utf8))),
    web(
      "chunk-extension", .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;"),
      .flood(noise)),
    web(
      "chunk-size",
      .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"),
      .flood(noise)),
    web(
      "chunk-negative", .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n"),
      .close),
    web(
      "trailers", .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"),
      .flood(Array("X: y\r\n".utf8))),
    web(
      "long-length", .send("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nx"),
      .silence),
    web("negative-length", .send("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nx"), .close),
    web("short-body", .send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nx"), .close),
    web(
      "two-lengths", .send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 9\r\n\r\nx"),
      .close),
    web(
      "drips-body", .send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"),
      .drip(.init(repeating: 0x78, count: 500), microseconds: 200_000)),
    web(
      "escapes",
      .send(
        "HTTP/1.1 500 \u{1b}[2J\u{9b}31m\u{202e}owned\r\nServer: \u{7}\r\nContent-Length: 0\r\n\r\n"
      )),
    web("no-protocol", .send("hello\r\n"), .close),
    web("http9", .send("HTTP/9.9 200 OK\r\n\r\n"), .close),
    web("http2", .send([0, 0, 18, 4, 0, 0, 0, 0, 0]), .silence),
    web("ssh", .send("SSH-2.0-x\r\n"), .silence),
    web("tls", .send([0x15, 3, 3, 0, 2, 2, 80]), .close),
    web("status-0", .send("HTTP/1.1 000 x\r\n\r\n"), .close),
    web("status-999", .send("HTTP/1.1 999 x\r\n\r\n"), .close),
    web("ring", .send("HTTP/1.1 302 x\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")),
    web(
      "to-loopback",
      .send(
        "HTTP/1.1 302 x\r\nLocation: http://127.0.0.1:SINK/query?q=DROP\r\nContent-Length: 0\r\n\r\n"
      )),
    web(
      "to-metadata",
      .send("HTTP/1.1 302 x\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")),
    web(
      "to-file",
      .send("HTTP/1.1 302 x\r\nLocation: file:///etc/shadow\r\nContent-Length: 0\r\n\r\n")),
    web(
      "to-long",
      .send(
        "HTTP/1.1 302 x\r\nLocation: http://h/\(String(repeating: "x", count: 50_000))\r\nContent-Length: 0\r\n\r\n"
      )),
    web(
      "echo-basic",
      .send("HTTP/1.1 401 Basic \(basic) \(secret)\r\nX-Was: \(basic)\r\nContent-Length: 0\r\n\r\n")
    ),
    web(
      "echo-place",
      .send(
        "HTTP/1.1 302 x\r\nLocation: ftp://mon:\(secret)@x/\(basic)\r\nContent-Length: 0\r\n\r\n")),
    web("late-reset", .send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nx"), .reset),
  ]

  private static func mail(_ kind: String, _ name: String, _ acts: FakeServer.Act...)
    -> HostileService
  {
    HostileService(
      entry: """
        {\(kind): {name: \(name), port: PORT, timeout: 3s, security: none, user: mon, password: "${PLANTED}"}}
        """, acts: acts)
  }
  private static func database(_ kind: String, _ name: String, _ acts: FakeServer.Act...)
    -> HostileService
  {
    HostileService(
      entry: """
        {\(kind): {name: \(name), port: PORT, timeout: 3s, user: mon, password: "${PLANTED}"}}
        """, acts: acts)
  }

  /// 18 servers of mail, files and databases.
  static let others: [HostileService] = [
    mail("smtp", "smtp-silent", .silence), mail("smtp", "smtp-floods", .flood(noise)),
    mail("smtp", "smtp-lines", .send("220-x\r\n"), .flood(Array("220-x\r\n".utf8))),
    mail("smtp", "smtp-drips", .drip(Array("220 hello world\r\n".utf8), microseconds: 400_000)),
    mail(
      "smtp", "smtp-echo", .send("220 x\r\n"), .read(10), .send("250-x\r\n250 AUTH PLAIN\r\n"),
      .read(20),
      .send("535 \(secret) \(Data("\u{0}mon\u{0}\(secret)".utf8).base64EncodedString())\r\n"),
      .silence),
    mail("imap", "imap-floods", .send("* OK x\r\n"), .flood(Array("* x\r\n".utf8))),
    mail(
      "imap", "imap-literal", .send("* OK x\r\n"), .read(5), .send("* LIST {4294967295}\r\n"),
      .flood(noise)),
    mail("imap", "imap-closes", .send("* OK x\r\n"), .read(5), .close),
    mail("pop3", "pop3-floods", .send("+OK "), .flood(noise)),
    mail(
      "pop3", "pop3-echo", .send("+OK\r\n"), .read(6), .send("+OK\r\nUSER\r\n.\r\n"), .read(8),
      .send("+OK\r\n"), .read(18), .send("-ERR \(secret)\r\n"), .silence),
    mail("ftp", "ftp-silent", .silence), mail("ftp", "ftp-lines", .flood(Array("220-x\r\n".utf8))),
    mail(
      "ftp", "ftp-echo", .send("220 x\r\n"), .read(8), .send("331 x\r\n"), .read(18),
      .send("530 PASS \(secret)\r\n"), .silence),
    mail(
      "ftp", "ftp-bounce", .send("220 x\r\n"), .read(8), .send("230 x\r\n"), .read(5),
      .send("229 x (|||SINK|)\r\n"), .silence),
    database(
      "postgres", "postgres-row", .read(8), .send("N"), .read(20),
      .send([
        UInt8(ascii: "R"), 0, 0, 0, 8, 0, 0, 0, 0, UInt8(ascii: "Z"), 0, 0, 0, 5, UInt8(ascii: "I"),
      ]), .read(10),
      .send([
        UInt8(ascii: "T"), 0, 0, 0, 26, 0, 1, 0x78, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0, 0, UInt8(ascii: "D"), 0x3f, 0xff, 0xff, 0xff, 0, 1, 0x3f, 0xff,
        0xff, 0xf0,
      ]), .flood(noise)),
    database("postgres", "postgres-noise", .read(8), .flood(noise)),
    database("mysql", "mysql-noise", .flood(noise)),
    database("mysql", "mysql-large", .send([0xff, 0xff, 0xff, 0, 10]), .flood(noise)),
  ]
}

/// All of the red team's hosts and services in one pass after the other, with honest ones among them.
///
/// It takes two minutes: `make redteam`.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct RedTeamTests {
  static let isWanted = ProcessInfo.processInfo.environment["SCRAPE_REDTEAM"] != nil

  @Test func `the list is as long as it says`() {
    #expect(LabHost.redTeam.count >= 104)
    #expect(Set(LabHost.redTeam.map(\.name)).count == LabHost.redTeam.count)
    #expect(HostileService.pages.count == 40 && HostileService.others.count == 18)
  }

  @Test(.enabled(if: isWanted)) func `honest hosts keep their points among all the others`() throws
  {
    try pass(over: LabHost.redTeam, fanout: 20, passes: 2, deadline: 40)
  }

  /// What CI has time for: all services, and hosts that hold every turn there is.
  @Test func `honest hosts keep their points among those that drip`() throws {
    let drips = LabHost.redTeam.filter {
      $0.name.hasPrefix("drip") || $0.name.hasPrefix("half-banner")
    }
    try pass(over: drips, fanout: 6, passes: 2, deadline: 25)
  }

  private func pass(
    over hosts: [LabHost], fanout: Int, passes: Int, deadline: Int
  ) throws {
    let lab = try HostileLab(LabHost.healthy + hosts, net: 40)
    let scratch = lab.scratch
    // The scraper's own sink repeats its token, and takes nothing.
    let sink = try Answerer { request in
      let said = request.prefix(2_000).replacing("\r\n", with: " ")
      return "HTTP/1.1 401 \(said)\r\nContent-Length: \(said.utf8.count)\r\n\r\n\(said)"
    }
    let hook = try Answerer { request in
      "HTTP/1.1 403 no\r\nX: \(HostileService.secret)\r\nContent-Length: \(request.utf8.count)\r\n\r\n\(request)"
    }
    let honest = FakeServer([
      .read(30), .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), .close,
    ])
    var servers: [FakeServer] = []
    func probes(_ services: [HostileService]) -> String {
      services.map { service in
        let acts = service.acts.map { act -> FakeServer.Act in
          guard case .send(let bytes) = act, bytes.count < 400 else { return act }
          return .send(
            String(decoding: bytes, as: UTF8.self).contains("SINK")
              ? Array(
                String(decoding: bytes, as: UTF8.self).replacing("SINK", with: "\(sink.port)").utf8)
              : bytes)
        }
        let server = FakeServer(acts)
        servers.append(server)
        return "        - \(service.entry.replacing("PORT", with: "\(server.port)"))\n"
      }.joined()
    }
    scratch.write(
      "inventory/hosts.yml",
      """
      \(lab.inventory)    web:
            address: 127.0.0.1
            connection: local
            profile: nothing
            probes:
      \(probes(HostileService.pages))        - {http: {name: honest, port: \(honest.port)}}
          post:
            address: 127.0.0.1
            connection: local
            profile: nothing
            probes:
      \(probes(HostileService.others))        - {http: {name: honest, port: \(honest.port)}}

      """)
    scratch.write(
      "inventory/scrape.yml",
      """
      self: off
      fanout: \(fanout)
      deadline: \(deadline)
      profiles: {nothing: {collectors: {kernel: 1h}}}
      rules: {made up: {when: net.bytes_recv, minor: "> -1"}}
      sinks:
        - file: {path: "\(scratch.path)/points"}
        - influxdb2: {url: "http://127.0.0.1:\(sink.port)", bucket: x, token: "${PLANTED}"}
      contacts: {ops: {webhook: {url: "http://127.0.0.1:\(hook.port)/", token: "${PLANTED}"}}}
      alerts: {routes: [{to: ops}]}

      """)
    let environment = [
      "SSH_AUTH_SOCK": "", "HOME": scratch.path, "PLANTED": HostileService.secret,
    ]
    func scrape(_ words: [String]) throws -> MeasuredRun {
      try MeasuredRun(
        words + [
          "--inventory", "\(scratch.path)/inventory", "--store", "\(scratch.path)/state/scrape.db",
        ],
        environment: environment, timeout: 90)
    }
    var runs: [MeasuredRun] = []
    for number in 0..<passes {
      try? FileManager.default.removeItem(atPath: "\(scratch.path)/points")
      let run = try scrape(["run"])
      runs.append(run)
      let said = String(decoding: run.errors, as: UTF8.self)
      #expect(run.status == 1 || run.status == 3, "\(run.status) \(said)")
      #expect(run.seconds < Double(deadline) + 15, "pass \(number) took \(run.seconds) s")
      #expect(
        run.peakMemory > 0 && run.peakMemory < 80 << 20,
        "pass \(number): \(run.peakMemory >> 20) MiB")
      let points = FileManager.default.contents(atPath: "\(scratch.path)/points") ?? Data()
      let lines = linesByHost(points)
      for host in LabHost.healthy {
        let own = lines[host.name] ?? []
        let measurements = Set(own.map { $0.prefix { $0 != "," && $0 != " " } })
        #expect(
          measurements.isSuperset(of: ["mem", "system", "kernel", "net", "scrape"]),
          "pass \(number): \(host.name) \(own)")
        #expect(own.contains { $0.hasPrefix("scrape,") && $0.contains(" up=1i") })
      }
      for host in ["web", "post"] {
        #expect(
          lines[host]?.contains { $0.contains("service=honest") && $0.contains("up=1i") } == true,
          "pass \(number): \(host)")
        // Of each service there is a point, whatever it did.
        let count = Set(
          (lines[host] ?? []).filter { $0.hasPrefix("service,") }
            .map { $0.split(separator: "service=").last?.prefix { $0 != "," && $0 != " " } ?? "" }
        ).count
        #expect(count == (host == "web" ? 41 : 19), "\(host): \(count)")
      }
      for host in hosts {
        #expect((lines[host.name] ?? []).count { $0.hasPrefix("scrape,") } == 1, "\(host.name)")
      }
    }
    let looks = try [
      ["status"], ["status", "--json"], ["status", "--history"], ["alerts", "--json"], ["list"],
    ]
    .map { try scrape($0) }
    // A GET would be a redirect's; an FTP server may name a port, to which nothing is said.
    #expect(
      !sink.requests.isEmpty
        && sink.requests.allSatisfy { $0.isEmpty || $0.hasPrefix("POST /api/v2/write") })
    #expect(!hook.requests.isEmpty)
    // Nothing of the secrets is anywhere, in none of their forms; the store's texts are in what was shown.
    let secret = HostileService.secret
    let forms = [
      secret, HostileService.basic,
      Data(secret.utf8).base64EncodedString().replacing("=", with: ""),
      Data("\u{0}mon\u{0}\(secret)".utf8).base64EncodedString(),
    ]
    var texts = (runs + looks).flatMap { [$0.output, $0.errors] }
    texts.append(FileManager.default.contents(atPath: "\(scratch.path)/points") ?? Data())
    for name in try FileManager.default.contentsOfDirectory(atPath: "\(scratch.path)/state") {
      texts.append(FileManager.default.contents(atPath: "\(scratch.path)/state/\(name)") ?? Data())
    }
    for form in forms {
      #expect(texts.allSatisfy { $0.range(of: Data(form.utf8)) == nil }, "\(form)")
    }
    for run in runs + looks {
      for bytes in [run.output, run.errors] {
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(!text.unicodeScalars.contains { $0.isControl && $0 != "\n" })
      }
    }
    withExtendedLifetime((lab, servers)) {}
  }
}
