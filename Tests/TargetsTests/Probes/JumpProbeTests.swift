import Foundation
import Lab
import Metrics
import Testing

@testable import Probes

/// Services behind a jump host, all of them real servers.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct JumpProbeTests {
  /// Entries with the result that they must have, directly and through the jump host.
  private func compare(
    _ jump: Jump, _ entries: [String], at address: String = "127.0.0.1", ca: String? = nil
  ) async throws {
    for entry in entries {
      let direct = try await ask(entry, at: address, ca: ca)
      let result = try await jump.ask(entry, at: address, ca: ca)
      #expect(result.summary == direct.summary && result.isSound, "\(entry): \(result.verdict)")
      #expect(
        result.points.map(\.measurement) == direct.points.map(\.measurement), "\(result.points)")
      let steps = result.trace?.steps ?? []
      #expect(steps.contains { $0.name == "via" && $0.detail == "jp1" }, "\(entry): \(steps)")
    }
  }

  @Test func `plain TCP, closed ports and many ports give the verdicts of a direct connection`()
    async throws
  {
    let jump = try Jump()
    let server = try Answerer { "HTTP/1.0 200 OK\r\n\r\n\($0.count)" }
    let free = freePort()
    try await compare(
      jump,
      [
        "tcp:\(server.port)", "tcp:\(free)", "tcp:\(free) closed", "tcp:\(server.port) closed",
        "{tcp: {port: \(server.port), send: \"GET /\\r\\n\\r\\n\", expect: \"200 OK\"}}",
        "{tcp: {port: \(jump.sshd.port), expect: SSH-2.0-}}",
        "{tcp: {port: \(jump.sshd.port), expect: nothing, timeout: 1s}}",
        "{ports: {open: [\(server.port), \(jump.sshd.port)], closed: [\(free)]}}",
        "{ports: {open: [\(free)], scan: [\(server.port)]}}",
      ])
    #expect(try await jump.ask("tcp:\(server.port)", at: "localhost").summary == "ok - up")
    let unknown = try await jump.ask("tcp:\(server.port)", at: "no-such-name.invalid")
    #expect(unknown.summary == "critical name_unknown down", "\(unknown.verdict)")
  }

  @Test(.enabled(if: Nginx.isInstalled))
  func `HTTP keeps names, certificates, redirects and limits`() async throws {
    let jump = try Jump()
    let ca = try Authority()
    let secure = try Nginx(
      certificate: try ca.certificate("www.example.lab", names: "DNS:www.example.lab,IP:127.0.0.1"))
    let plain = try Nginx(
      """
      location /same { return 302 /index.html; }
      location /own { return 302 http://127.0.0.1:$server_port/index.html; }
      location /name { return 302 http://localhost:$server_port/index.html; }
      """)
    try await compare(
      jump,
      [
        "http:\(plain.port)", "{http: {port: \(plain.port), path: /none}}",
        "{http: {port: \(plain.port), body: it works}}", "http:\(freePort())",
        "{http: {port: \(plain.port), path: /same, redirects: 1, body: it works}}",
      ])
    try await compare(
      jump,
      [
        "https:\(secure.port)",
        "{https: {port: \(secure.port), tls: {name: www.example.lab}, body: it works}}",
      ], ca: ca.file)
    let named = try await jump.ask(
      "https:\(secure.port)", ca: ca.file, hostname: "www.example.lab")
    #expect(named.summary == "ok - up", "\(named.verdict)")
    // The jump host would look up the name of a redirect: only the host's own names are followed.
    let path = "{http: {port: \(plain.port), path: /name, redirects: 1}}"
    let other = try await jump.ask(path)
    #expect(other.verdict.reason == .wrongAnswer, "\(other.verdict)")
    #expect(other.verdict.message.contains("another name behind the jump host"))
    #expect(try await jump.ask(path, hostname: "localhost").summary == "ok - up")
    #expect(try await jump.ask("http:\(plain.port)", at: "localhost").summary == "ok - up")
    plain.freeze()
    let start = Date()
    let silent = try await jump.ask("{http: {port: \(plain.port), timeout: 1s}}")
    #expect(silent.summary == "critical timeout down", "\(silent.verdict)")
    #expect(Date().timeIntervalSince(start) < 2.5)
    plain.thaw()
  }

  @Test func `a server that sends without end is stopped`() async throws {
    let jump = try Jump()
    let junk = String(repeating: "x", count: 60)
    let server = FakeServer([
      .read(1), .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
      .flood(Array("1;\(junk)\r\na\r\n".utf8)),
    ])
    let result = try await jump.ask("http:\(server.port)")
    #expect(result.summary == "critical protocol_error down", "\(result.verdict)")
    #expect(result.verdict.message.contains("without end"), "\(result.verdict)")
  }

  @Test(.enabled(if: MariaDB.isInstalled && PostgreSQL.isInstalled))
  func `databases are logged in to, with the certificate of the server itself`() async throws {
    setenv("SCRAPE_TEST_DB", "right", 1)
    setenv("SCRAPE_TEST_WRONG", "wrong-word", 1)
    let jump = try Jump()
    let ca = try Authority()
    let other = try Authority()
    let pair = try ca.certificate("db")
    let maria = try MariaDB(MySQLProbeTests.accounts, certificate: pair)
    let postgres = try PostgreSQL(PostgresProbeTests.accounts, certificate: pair)
    func secure(_ kind: String, _ ca: Authority) -> String {
      let port = kind == "mysql" ? maria.port : postgres.port
      return "{\(kind): {port: \(port), user: mon, database: shop, "
        + "password: \"${SCRAPE_TEST_DB}\", tls: {ca: \(ca.file)}}}"
    }
    func entries(_ kind: String, _ port: UInt16) -> [String] {
      func entry(_ more: String, password: String = "SCRAPE_TEST_DB") -> String {
        "{\(kind): {port: \(port), user: mon, database: shop, password: \"${\(password)}\"\(more)}}"
      }
      return [
        "\(kind):\(port)", entry(""), entry(", expect: 2"), entry(", query: SELEKT"),
        entry("", password: "SCRAPE_TEST_WRONG"), "\(kind):\(freePort())",
        "{\(kind): {port: \(jump.sshd.port), user: mon}}",
      ]
    }
    try await compare(
      jump,
      entries("mysql", maria.port) + entries("postgres", postgres.port)
        + [ca, other].flatMap { [secure("postgres", $0), secure("mysql", $0)] })
    // The name is that of the target, and not the place where the library connects.
    for kind in ["postgres", "mysql"] {
      let named = try await jump.ask(secure(kind, ca), at: "localhost")
      #expect(named.summary == "ok - up", "\(named.verdict)")
    }
    let steps = try await jump.ask(secure("mysql", ca)).trace?.steps.map(\.name) ?? []
    #expect(steps.contains("TLS"), "\(steps)")
    withExtendedLifetime((maria, postgres)) {}
  }

  @Test(.enabled(if: Unbound.isInstalled))
  func `a name server is asked over TCP`() async throws {
    let jump = try Jump()
    let server = try Unbound(DNSProbeTests.records)
    try await compare(
      jump,
      [
        "{dns: {port: \(server.port), domain: www.lab.example, protocol: tcp}}",
        "{dns: {port: \(server.port), domain: none.lab.example, protocol: tcp}}",
        "{dns: {port: \(freePort()), domain: www.lab.example, protocol: tcp}}",
      ])
    let named = try await jump.ask(
      "{dns: {port: \(server.port), domain: www.lab.example, protocol: tcp}}", at: "localhost")
    #expect(named.summary == "ok - up", "\(named.verdict)")
  }

  @Test func `datagrams give the verdicts of a direct question`() async throws {
    let jump = try Jump()
    let echo = FakeDatagrams { [$0] }
    let mute = FakeDatagrams { _ in [] }
    let noise = FakeDatagrams { _ in (0..<70).map { [UInt8($0)] } }
    let free = freePort()
    try await compare(
      jump,
      [
        "udp:\(echo.port)", "{udp: {port: \(echo.port), send: hello, expect: ell}}",
        "{udp: {port: \(echo.port), send: hello, expect: bye}}",
        "{udp: {port: \(mute.port), timeout: 300ms}}",
        "{udp: {port: \(mute.port), timeout: 300ms, expect: bye}}", "udp:\(free)",
        "udp:\(free) closed", "udp:\(echo.port) closed",
        "{dns: {port: \(mute.port), domain: www.lab.example, timeout: 1s}}",
        "{dns: {port: \(noise.port), domain: www.lab.example, timeout: 3s}}",
        "{ntp: {port: \(noise.port), timeout: 3s}}", "ntp:\(free)",
        "{dns: {port: \(free), domain: www.lab.example}}",
      ])
    let named = try await jump.ask("udp:\(echo.port)", at: "localhost")
    #expect(named.summary == "ok - up", "\(named.verdict)")
    let unknown = try await jump.ask("udp:\(echo.port)", at: "no-such-name.invalid")
    #expect(unknown.summary == "critical name_unknown down", "\(unknown.verdict)")
    let steps = named.trace?.steps ?? []
    #expect(steps.contains { $0.name == "datagrams" && $0.detail == "bash on jp1" }, "\(steps)")
  }

  @Test(.enabled(if: Unbound.isInstalled), arguments: DatagramBridgeTests.tools)
  func `a name server is asked over UDP, and over TCP for a long answer`(
    tool: DatagramBridgeTests.Tool
  ) async throws {
    let box = try tool.box()
    let jump = try Jump([box.option])
    let long = (0..<60).map { "long.lab.example. 300 IN A 192.0.2.\($0)" }
    let server = try Unbound(DNSProbeTests.records + long)
    try await compare(
      jump,
      ["www", "none", "long"].map { "dns:\(server.port)/\($0).lab.example" } + [
        "{dns: {port: \(server.port), domain: lab.example, type: TXT, answer: v=spf1 -all}}"
      ])
    let answer = try await jump.ask("dns:\(server.port)/long.lab.example")
    let steps = answer.trace?.steps ?? []
    #expect(steps.contains { $0.detail == "truncated: asking over TCP" }, "\(steps)")
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/sbin/dnsmasq")))
  func `dnsmasq is asked, too`() async throws {
    let jump = try Jump()
    let port = freePort()
    let scratch = Scratch()
    let daemon = try Daemon(
      "/usr/sbin/dnsmasq",
      [
        "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--pid-file",
        "--bind-interfaces", "--listen-address=127.0.0.1", "--port=\(port)",
        "--address=/www.lab.example/192.0.2.9",
      ], log: "\(scratch.path)/log")
    defer { daemon.stop() }
    #expect(eventually { listens(port) })
    try await compare(
      jump, ["{dns: {port: \(port), domain: www.lab.example, answer: 192.0.2.9}}"])
  }

  @Test(.enabled(if: Chrony.isInstalled))
  func `a clock is compared within what the way leaves certain`() async throws {
    let server = try Chrony("local stratum 3")
    try server.wait()
    for tool in DatagramBridgeTests.tools {
      let box = try tool.box()
      let answer = try await Jump([box.option]).ask("ntp:\(server.port)")
      #expect(answer.summary == "ok - up" && answer.isSound, "\(tool): \(answer.verdict)")
      #expect(answer.verdict.message.contains(" ± "), "\(answer.verdict)")
      let point = answer.points[1]
      func value(_ name: String) -> Double? {
        if case .float(let value)? = point[field: name] { value } else { nil }
      }
      let (offset, delay) = (value("offset_ms") ?? .infinity, value("delay_ms") ?? 0)
      let uncertainty = value("uncertainty_ms") ?? 0
      // Both clocks are this machine's.
      #expect(
        abs(offset) <= uncertainty && delay > 0 && uncertainty > delay / 2 - 0.001, "\(point)")
    }
    // A way that is slow in one direction looks like an offset, and does not count as one.
    let slow = FakeDatagrams { request in
      let reply = NTPProbeTests.reply(request)
      usleep(400_000)
      return [reply]
    }
    let entry = "{ntp: {port: \(slow.port), offset: {critical: 100ms}}}"
    #expect(try await ask(entry).summary == "critical beyond_limit up")
    let behind = try await Jump().ask(entry)
    #expect(behind.summary == "ok - up", "\(behind.verdict)")
    let ahead = FakeDatagrams { [NTPProbeTests.reply($0, ahead: 30)] }
    let wrong = try await Jump().ask("ntp:\(ahead.port)")
    #expect(wrong.summary == "critical beyond_limit up", "\(wrong.verdict)")
  }

  @Test func `without a tool there is no verdict, and a broken jump host is none of the service`()
    async throws
  {
    let box = try Toolbox(["sh"])
    let echo = FakeDatagrams { [$0] }
    let mute = FakeDatagrams { _ in [] }
    for entry in ["udp:\(echo.port)", "udp:\(echo.port) closed", "dns:\(echo.port)"] {
      let result = try await Jump([box.option]).ask(entry)
      #expect(result.summary == "unknown not_supported ?", "\(entry): \(result.verdict)")
      #expect(result.verdict.message.contains("socat"), "\(result.verdict)")
    }
    #expect(echo.visits == 0)
    let broken = try Jump()
    let kill = Thread { [sshd = broken.sshd] in
      Thread.sleep(forTimeInterval: 1)
      sshd.killSessions()
      sshd.stop()
    }
    kill.start()
    let result = try await broken.ask("{udp: {port: \(mute.port), timeout: 8s}}")
    #expect(result.summary == "critical unreachable ?", "\(result.verdict)")
  }

  @Test func `mail, files and screens are asked through the jump host`() async throws {
    let jump = try Jump()
    let ca = try Authority()
    let mail = try Dovecot(certificate: ca.certificate("mail"))
    let ftp = try Vsftpd(certificate: ca.certificate("ftp"))
    let samba = try Samba(["server signing = mandatory"])
    let screen = try Screen(vnc: ["-SecurityTypes", "None"])
    try await compare(
      jump,
      [
        "imap:\(mail.imap)", "{imap: {port: \(mail.imap), security: starttls}}",
        "{imap: {port: \(mail.imaps), security: tls}}", "pop3:\(mail.pop3)",
        "smtp:\(mail.smtp)", "ftp:\(ftp.port)",
        "{ftp: {port: \(ftp.port), tls: yes, path: pub, expect: hello.txt}}",
        "{smb: {port: \(samba.port), signing: required}}", "vnc:\(screen.port)",
        "ssh:\(jump.sshd.port)", "smb:\(jump.sshd.port)", "rdp:\(freePort())",
      ], ca: ca.file)
  }

  @Test func `echo requests are those of the jump host's ping`() async throws {
    let jump = try Jump()
    let direct = try await ask("icmp")
    guard direct.verdict.reason != .notPermitted else { return }
    try await compare(
      jump, ["icmp", "{icmp: {count: 2, interval: 300ms, size: 100}}", "icmp closed"])
    try await compare(jump, ["{icmp: {count: 1}}"], at: "::1")
    let named = try await jump.ask("icmp", at: "localhost")
    #expect(named.summary == "ok - up" && named.isSound, "\(named.verdict)")
    #expect(named.points[1][field: "packets_transmitted"] == .integer(3))
    #expect(named.points[1][field: "jitter_ms"] != nil)
    let unknown = try await jump.ask("icmp", at: "no-such-name.invalid")
    #expect(unknown.summary == "critical name_unknown down", "\(unknown.verdict)")
    for name in ["-f", "a;id", "a b", "$(id)", "a'b", "a\nb", ""] {
      #expect(!RemotePing.isHarmless(name))
    }
  }

  /// A jump host whose ping is this script.
  private func jump(ping script: String?, folder: Scratch) throws -> Jump {
    for tool in ["sh", "cat", "sleep", "busybox", "yes"] {
      let path = "/bin/\(tool)"
      try? FileManager.default.createSymbolicLink(
        atPath: "\(folder.path)/\(tool)",
        withDestinationPath: FileManager.default.fileExists(atPath: path) ? path : "/usr\(path)")
    }
    if let script { folder.write("ping", "#!/bin/sh\n\(script)\n", mode: 0o755) }
    return try Jump(["SetEnv HOME=\(folder.path) PATH=\(folder.path)"])
  }

  private static func capture(_ name: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "ParsersTests/Fixtures/ping/\(name).txt").path()
  }

  @Test(
    arguments: [
      ("[ -e /bin/busybox ] || exit 127; exec busybox ping \"$@\"", "ok - up", "3 of 3"),
      (nil, "unknown not_supported ?", "ping is not installed there"),
      ("cat \(capture("iputils-loss"))", "minor packet_loss up", "3 of 5 replies"),
      ("cat \(capture("busybox-loss"))", "minor packet_loss up", "3 of 5 replies"),
      ("cat \(capture("inetutils-loss"))", "minor packet_loss up", "4 of 5 replies"),
      ("cat \(capture("iputils-host")); exit 1", "critical unreachable down", "no route from"),
      ("cat \(capture("busybox-net")); exit 1", "critical unreachable down", "no route from"),
      ("cat \(capture("inetutils-silent")); exit 1", "critical timeout down", "no reply to 3"),
      ("cat \(capture("iputils-perm")) >&2; exit 2", "unknown not_permitted ?", "may not send"),
      ("cat \(capture("busybox-perm")); exit 1", "unknown not_permitted ?", "may not send"),
      ("cat \(capture("iputils-name")); exit 2", "critical name_unknown down", "no address"),
      ("cat \(capture("busybox-usage")); exit 1", "unknown not_supported ?", "invalid option"),
      (
        "[ $1 = -V ] || yes 64 bytes from 127.0.0.1: seq=1", "unknown not_supported ?",
        "without end"
      ),
      ("[ $1 = -V ] || exec sleep 60", "critical timeout down", "no reply"),
      (
        "[ $1 = -V ] && exit; echo '64 bytes from x: icmp_seq=1 ttl=9 time=3 ms'; exec sleep 60",
        "ok - up", "1 of 1 replies"
      ),
      ("echo no; exit 3", "unknown not_supported ?", "unknown output"),
      ("exit 0", "unknown not_supported ?", "unknown output"),
    ] as [(String?, String, String)])
  func `each failure of a ping has its verdict, in time`(
    script: String?, summary: String, words: String
  ) async throws {
    let folder = Scratch()
    let jump = try jump(ping: script, folder: folder)
    let start = Date()
    let limit = script?.contains("sleep") == true ? 2 : 8
    let result = try await jump.ask("{icmp: {timeout: \(limit)s}}")
    // A machine without busybox, or where it may not send.
    if script?.contains("busybox ping") == true, result.verdict.severity == .unknown { return }
    #expect(result.summary == summary && result.isSound, "\(script ?? "none"): \(result.verdict)")
    #expect(result.verdict.message.contains(words), "\(result.verdict)")
    #expect(Date().timeIntervalSince(start) < 12)
    if summary.hasPrefix("unknown") {
      #expect(result.points.last?[field: "result_code"] == .integer(2))
    }
  }

  @Test func `a jump host that runs no commands has no ping`() async throws {
    let jump = try Jump(["ForceCommand internal-sftp"])
    let result = try await jump.ask("icmp")
    #expect(result.verdict.severity == .unknown && result.isSound, "\(result.verdict)")
    jump.sshd.stop()
    let gone = try await jump.ask("icmp")
    #expect(gone.summary == "critical unreachable ?", "\(gone.verdict)")
  }

  @Test func `what cannot travel is not asked, and the centre asks where it is told to`()
    async throws
  {
    let jump = try Jump()
    for (entry, words) in [
      ("dhcp", "`dhcp` cannot go"), ("{exec: {command: /bin/true}}", "`exec` cannot go"),
      ("{tcp: {port: 9, from: 127.0.0.1}}", "address of this machine"),
      ("{tcp: {port: 9, ip: 6}}", "no address of IPv6"),
    ] {
      let result = try await jump.ask(entry)
      #expect(result.summary == "unknown not_supported ?", "\(entry): \(result.verdict)")
      #expect(result.verdict.message.contains(words), "\(result.verdict)")
    }
    jump.sshd.stop()
    let direct = freePort()
    let answer = try await jump.ask("{tcp: {port: \(direct), from: centre}}")
    #expect(answer.summary == "critical connection_refused down", "\(answer.verdict)")
  }

  @Test func `a jump host that fails says nothing about what is behind it`() async throws {
    let jump = try Jump()
    let server = FakeServer([.silence])
    jump.sshd.stop()
    for entry in ["tcp:\(server.port)", "tcp:\(server.port) closed", "http:\(server.port)"] {
      let result = try await jump.ask(entry)
      #expect(result.summary == "critical unreachable ?", "\(entry): \(result.verdict)")
      #expect(result.verdict.message.hasPrefix("via jp1: "), "\(result.verdict)")
    }
    #expect(server.visits == 0)
    let strict = try Jump(["PermitOpen 127.0.0.1:1"])
    for entry in ["tcp:\(server.port)", "http:\(server.port)", "mysql:\(server.port)"] {
      let result = try await strict.ask(entry)
      #expect(result.summary == "critical forwarding_refused ?", "\(entry): \(result.verdict)")
      #expect(result.verdict.message.contains("PermitOpen"), "\(result.verdict)")
    }
    // In the middle of a conversation, which libraries of TLS and of databases call by other names.
    let entries = [
      "{tcp: {port: \(server.port), expect: x}}", "http:\(server.port)", "https:\(server.port)",
      "{imap: {port: \(server.port), security: tls}}", "mysql:\(server.port)",
      "{postgres: {port: \(server.port), user: monitor}}",
    ]
    for entry in entries {
      let broken = try Jump()
      let kill = Thread { [sshd = broken.sshd] in
        Thread.sleep(forTimeInterval: 1)
        sshd.killSessions()
        sshd.stop()
      }
      kill.start()
      let result = try await broken.ask(entry)
      #expect(result.summary == "critical unreachable ?", "\(entry): \(result.verdict)")
    }
  }
}
