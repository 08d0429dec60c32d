import Engine
import Foundation
import Lab
import Probes
import Testing

@testable import Discovery

/// What a port that speaks first is taken for, and how the conversation with it ends.
@Suite struct ScanTests {
  private func scan(
    _ ports: [UInt16], address: String = "127.0.0.1", listening: Duration = .milliseconds(250)
  ) async -> Scan.Result {
    var scan = Scan(kit: ProbeKit(reserved: []))
    scan.ports = ports
    scan.asksDatagrams = false
    scan.listening = listening
    scan.rate = 1000
    let ready = scan
    return await Reactor().open { await ready.run([address], on: $0) }
  }

  private func service(_ acts: [FakeServer.Act]) async -> (FoundService?, Int) {
    let server = FakeServer(acts)
    let result = await scan([server.port])
    return (result.hosts.first?.services.first, withExtendedLifetime(server) { server.visits })
  }

  @Test(arguments: [
    ("220 mx.lab ESMTP Postfix\r\n", "smtp"), ("220 (vsFTPd 3.0.3)\r\n", "ftp"),
    ("220-Welcome to our mail\r\n220 x\r\n", "smtp"),
    ("* OK [CAPABILITY IMAP4rev1] ready\r\n", "imap"),
    ("+OK ready <1@x>\r\n", "pop3"), ("421 too many connections, FTP busy\r\n", "ftp"),
    ("554 no SMTP service for you\r\n", "smtp"), ("SSH-2.0-x\r\n", "ssh"), ("RFB 003.008\n", "vnc"),
    ("\u{16}\0\0\0\u{0a}5.5.5-10.11.6-MariaDB", "mysql"),
    // Nothing of these: a port that is asked no further.
    ("hello, \u{1b}[2Jworld\r\n", "tcp"), ("2", "tcp"), ("SS", "tcp"), ("\0\0\0\0\0\0\0\0", "tcp"),
  ])
  func `a greeting`(text: String, kind: String) async {
    let (service, visits) = await service([.send(text), .silence])
    #expect(service?.kind == kind)
    #expect(visits == 1, "a second connection counts twice where connections are counted")
  }

  @Test func `mail and files that greet alike are told apart by EHLO`() async {
    let (mail, once) = await service([
      .send("220 hello\r\n"), .answer { _ in Array("250 hello\r\n".utf8) }, .silence,
    ])
    #expect(mail?.kind == "smtp")
    #expect(once == 1)
    let (files, _) = await service([
      .send("220 hello\r\n"), .answer { _ in Array("500 what?\r\n".utf8) }, .silence,
    ])
    #expect(files?.kind == "ftp")
  }

  @Test func `servers take their leave`() async {
    let said = Heard()
    for greeting in ["220 x ESMTP\r\n", "220 x FTP\r\n", "* OK x\r\n", "+OK x\r\n"] {
      _ = await service([.send(greeting), .answer { said.note($0) }, .silence])
    }
    #expect(said.texts == ["QUIT\r\n", "QUIT\r\n", "a LOGOUT\r\n", "QUIT\r\n"])
  }

  @Test func `a server of MySQL gets a log-in that it can deny`() async {
    let said = Heard()
    let body: [UInt8] = [10] + Array("8.0.36".utf8) + [UInt8](repeating: 0, count: 60)
    let greeting: [UInt8] = [UInt8(body.count), 0, 0, 0] + body
    let (service, visits) = await service([
      .send(greeting),
      .answer { said.note($0, [5, 0, 0, 2, 0xff, 0x15, 0x04] + Array("no".utf8)) },
      .silence,
    ])
    #expect(service?.kind == "mysql")
    #expect(service?.detail == "8.0.36")
    #expect(visits == 1)
    #expect(said.texts.first?.contains("scrape\0\0mysql_native_password") == true)
  }

  @Test func `hostile servers cost their own ports only`() async {
    let acts: [[FakeServer.Act]] = [
      [.flood(Array("220-x\r\n".utf8))], [.flood(Array("SSH-2.0-".utf8))], [.flood([0])],
      [.send("RFB 003.008\n"), .flood([255])], [.drip(Array("SSH-2".utf8), microseconds: 300_000)],
      [.send("SSH-2.0-x\r\n"), .reset], [.reset], [.close], [.silence],
      [.send([0xff, 0xff, 0, 0, 10]), .silence],
    ]
    let hostile = acts.map { FakeServer($0) }
    let honest = FakeServer([.send("220 x ESMTP\r\n"), .silence])
    let begun = Date()
    let result = await scan(hostile.map(\.port) + [honest.port])
    #expect(Date().timeIntervalSince(begun) < 60)
    let services = result.hosts.first?.services ?? []
    #expect(services.contains { $0.port == honest.port && $0.kind == "smtp" })
    #expect(services.count <= acts.count + 1)
    withExtendedLifetime((hostile, honest)) {}
  }

  @Test func `a page is found behind any port, in clear and in TLS, with its names`() async throws {
    let authority = try Authority()
    let plain = try Nginx()
    let sealed = try Nginx(
      certificate: try authority.certificate("web", names: "DNS:web1.lab,DNS:*.lab"))
    let result = await scan([plain.port, sealed.port], listening: .milliseconds(200))
    let services = result.hosts.first?.services ?? []
    #expect(services.first { $0.port == plain.port }?.kind == "http")
    let https = try #require(services.first { $0.port == sealed.port })
    #expect(https.kind == "https")
    #expect(https.names.contains("web1.lab"))
    withExtendedLifetime((plain, sealed, authority)) {}
  }

  @Test func `an address that refuses is a host`() async throws {
    let result = await scan([freePort()])
    #expect(result.hosts.count == 1)
    #expect(result.hosts.first?.services.isEmpty == true)
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/sbin/sshd")))
  func `a real sshd sees a client that says goodbye`() async throws {
    let sshd = try Sshd()
    // The lab has looked whether it listens.
    _ = eventually { sshd.log.contains("Connection closed by") }
    let before = sshd.log.count
    let result = await scan([sshd.port])
    #expect(result.hosts.first?.services.first?.kind == "ssh")
    #expect(result.hosts.first?.port == Int(sshd.port))
    #expect(eventually { sshd.log.contains("Received disconnect from") }, "\(sshd.log)")
    let log = sshd.log.dropFirst(before)
    for words in ["Failed", "Did not receive identification", "Connection closed by"] {
      #expect(!log.contains(words), "\(log)")
    }
  }

  @Test(.enabled(if: IPMISim.isInstalled)) func `a BMC answers a presence ping`() async throws {
    let bmc = try IPMISim(address: "127.66.0.9", port: 623)
    var scan = Scan(kit: ProbeKit(reserved: []))
    scan.ports = [9]
    let ready = scan
    let result = await Reactor().open { await ready.run(["127.66.0.9", "127.66.0.10"], on: $0) }
    #expect(result.hosts.map(\.hasBMC) == [true, false], "\(bmc.log)")
    withExtendedLifetime(bmc) {}
  }
}

/// What servers of a test were sent.
private final class Heard: Sendable {
  private let lock = NSLock()
  nonisolated(unsafe) private var all: [String] = []

  var texts: [String] { lock.withLock { all } }

  func note(_ bytes: [UInt8], _ answer: [UInt8] = Array("221 bye\r\n".utf8)) -> [UInt8] {
    lock.withLock { all.append(String(decoding: bytes, as: UTF8.self)) }
    return answer
  }
}
