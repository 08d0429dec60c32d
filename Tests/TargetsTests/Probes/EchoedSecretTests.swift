import Foundation
import Lab
import Metrics
import Testing

/// Servers that say again what they were sent as secret.
@Suite(.timeLimit(.minutes(1))) struct EchoedSecretTests {
  static let secret = "open-sesame"
  private static func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
  private static let plain = base64("\u{0}mon\u{0}\(secret)")

  private static func packet(_ number: UInt8, _ body: [UInt8]) -> [UInt8] {
    [UInt8(body.count & 255), UInt8(body.count >> 8), 0, number] + body
  }

  private static func message(_ kind: String, _ body: [UInt8]) -> [UInt8] {
    let length = body.count + 4
    return Array(kind.utf8) + [0, 0, UInt8(length >> 8), UInt8(length & 255)] + body
  }

  /// MySQL's greeting, of a server that wants its native way.
  static let greeting: [UInt8] = packet(
    0,
    [10] + Array("5.5.5-10.11\0".utf8) + [7, 0, 0, 0] + Array("abcdefgh\0".utf8)
      + [0xff, 0xf7, 0x21, 2, 0, 0xff, 0x80, 21] + [UInt8](repeating: 0, count: 10)
      + Array("ijklmnopqrst\0mysql_native_password\0".utf8))

  static let servers: [(String, [FakeServer.Act])] = [
    (
      "{ftp: {port: PORT, security: none, user: mon, password: PW}}",
      [
        .send("220 hello\r\n"), .read(10), .send("331 \(secret)?\r\n"), .read(18),
        .send("530 PASS \(secret) is wrong\r\n"), .silence,
      ]
    ),
    (
      "{smtp: {port: PORT, security: none, user: mon, password: PW}}",
      [
        .send("220 hello\r\n"), .read(10), .send("250-hello\r\n250 AUTH PLAIN\r\n"), .read(20),
        .send("535 5.7.8 \(plain) \(secret) is wrong\r\n"), .silence,
      ]
    ),
    (
      "{imap: {port: PORT, security: none, user: mon, password: PW}}",
      [
        .send("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello\r\n"), .read(10),
        .send("* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\nA001 OK \(secret)\r\n"), .read(20),
        .send("A002 NO \(plain) \(secret) is wrong\r\n"), .silence,
      ]
    ),
    (
      "{pop3: {port: PORT, security: none, user: mon, password: PW}}",
      [
        .send("+OK hello\r\n"), .read(6), .send("+OK\r\nUSER\r\n.\r\n"), .read(10),
        .send("+OK\r\n"), .read(18), .send("-ERR PASS \(secret) is wrong\r\n"), .silence,
      ]
    ),
    (
      "{postgres: {port: PORT, user: mon, password: PW}}",
      [
        .read(8), .send("N"), .read(20), .send([UInt8(ascii: "R"), 0, 0, 0, 8, 0, 0, 0, 3]),
        .read(10),
        .send(
          message(
            "E",
            Array(
              "SFATAL\0C28P01\0M\(String(repeating: "x", count: 385)) \(secret) is wrong\0\0".utf8))
        ),
        .silence,
      ]
    ),
    (
      "{mysql: {port: PORT, user: mon, password: PW}}",
      [
        .send(greeting), .read(40),
        .send(packet(2, [0xff, 0x15, 0x04] + Array("#28000\(secret) is wrong".utf8))), .silence,
      ]
    ),
    (
      "{exec: {command: [/bin/sh, -c, 'echo CRITICAL $TOKEN; exit 2'], environment: {TOKEN: PW}}}",
      []
    ),
  ]

  @Test(arguments: servers)
  func `nothing of it is in messages, steps or points`(entry: String, acts: [FakeServer.Act])
    async throws
  {
    setenv("SCRAPE_TEST_ECHO", Self.secret, 1)
    let server = FakeServer(acts)
    let result = try await ask(
      entry.replacing("PORT", with: "\(server.port)")
        .replacing("PW", with: "\"${SCRAPE_TEST_ECHO}\""))
    let all =
      "\(result.verdict.message) \(result.points) \(result.trace?.steps ?? []) "
      + "\(result.trace?.byHand ?? "")"
    #expect(result.verdict.severity == .critical, "\(all)")
    for form in [Self.secret, Self.plain, Self.base64(Self.secret), "open-ses"] {
      #expect(!all.contains(form), "\(all)")
    }
    // The server did say it, and it was taken out.
    #expect(all.contains("•••") || entry.hasPrefix("{postgres"), "\(all)")
  }
}

/// Databases whose answers have no end.
@Suite(.timeLimit(.minutes(1))) struct EndlessDatabaseTests {
  private static func long(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32($0))) }
  }

  @Test func `a row of a gigabyte is given up, and the reactor goes on`() async throws {
    setenv("SCRAPE_TEST_ECHO", EchoedSecretTests.secret, 1)
    let ready: [UInt8] =
      Array("R".utf8) + Self.long(8) + Self.long(0) + Array("Z".utf8) + Self.long(5)
      + Array("I".utf8)
    let column: [UInt8] =
      Array("T".utf8) + Self.long(26) + [0, 1] + Array("x\0".utf8) + Self.long(0) + [0, 0]
      + Self.long(25) + [0xff, 0xff] + Self.long(.max) + [0, 0]
    let row = Array("D".utf8) + Self.long(1 << 30) + [0, 1] + Self.long((1 << 30) - 10)
    let server = FakeServer([
      .read(8), .send("N"), .read(20), .send(ready), .read(10), .send(column + row),
      .flood(.init(repeating: 0x78, count: 1 << 20)),
    ])
    let before = peakMemory()
    let result = try await ask(
      "{postgres: {port: \(server.port), user: mon, password: \"${SCRAPE_TEST_ECHO}\", timeout: 20s}}",
      within: .seconds(25))
    #expect(result.summary == "critical protocol_error down", "\(result.verdict.message)")
    #expect(result.verdict.message.contains("sends without end"))
    #expect(peakMemory() - before < 64 << 20)
  }

  @Test func `rows without end are left unread`() async throws {
    setenv("SCRAPE_TEST_ECHO", EchoedSecretTests.secret, 1)
    let column: [UInt8] =
      [1, 0, 0, 1, 1, 23, 0, 0, 2, 3] + Array("def".utf8) + [0, 0, 0, 1] + Array("x".utf8)
      + [0, 12, 0x21, 0, 255, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0, 5, 0, 0, 3, 0xfe, 0, 0, 2, 0]
    // 256 rows: a packet's number begins again after that.
    var rows: [UInt8] = []
    for number in 0..<256 {
      rows += [101, 0, 0, UInt8((number + 4) & 255), 100] + [UInt8](repeating: 0x79, count: 100)
    }
    let server = FakeServer([
      .send(EchoedSecretTests.greeting), .read(40), .send([7, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0]),
      .read(10), .send(column), .flood(rows),
    ])
    let before = peakMemory()
    let result = try await ask(
      "{mysql: {port: \(server.port), user: mon, password: \"${SCRAPE_TEST_ECHO}\", timeout: 20s}}",
      within: .seconds(25))
    #expect(result.summary == "ok - up", "\(result.verdict.message)")
    #expect(peakMemory() - before < 64 << 20)
  }

  /// The most memory that this process had at once, in bytes.
  private func peakMemory() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return (line?.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0) << 10
  }
}
