import Foundation
import Testing

@testable import Parsers

/// Captures of ping(8) of iputils 20221126, busybox 1.35 and inetutils 2.4, beside this file.
@Suite struct PingTests {
  static func capture(_ name: String) throws -> [UInt8] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
      path: "Fixtures/ping")
    return [UInt8](try Data(contentsOf: folder.appending(path: "\(name).txt")))
  }

  private func reading(_ name: String) throws -> Ping.Reading {
    try parse(try Self.capture(name), as: Ping.self)
  }

  @Test(
    arguments: [
      ("iputils-loss", 5, [2, 3, 5], [0.050, 0.045, 0.047]),
      ("busybox-loss", 5, [0, 2, 3], [0.059, 0.071, 0.076]),
      ("inetutils-loss", 5, [0, 1, 3, 4], [0.059, 0.060, 0.068, 0.064]),
      ("iputils-v6", 2, [1, 2], [0.033, 0.046]), ("busybox-v6", 2, [0, 1], [0.057, 0.069]),
      ("iputils-silent", 3, [], []), ("busybox-silent", 2, [], []), ("inetutils-silent", 3, [], []),
    ] as [(String, Int, [UInt64], [Double])])
  func `replies have their numbers and times`(
    name: String, sent: Int, numbers: [UInt64], times: [Double]
  ) throws {
    let reading = try reading(name)
    #expect(reading.transmitted == sent && reading.fault == nil && !reading.isUnreachable)
    #expect(reading.replies.map(\.number) == numbers)
    #expect(reading.replies.map(\.milliseconds) == times)
    #expect(reading.replies.allSatisfy { $0.hops == 64 })
  }

  @Test(
    arguments: [
      ("iputils-host", 3), ("inetutils-host", 3), ("iputils-net", nil), ("busybox-net", nil),
      ("inetutils-net", nil),
    ] as [(String, Int?)])
  func `no route is known`(name: String, sent: Int?) throws {
    let reading = try reading(name)
    #expect(reading.isUnreachable && reading.replies.isEmpty && reading.transmitted == sent)
  }

  @Test(
    arguments: [
      ("iputils-name", .unknownName), ("busybox-name", .unknownName),
      ("inetutils-name", .unknownName),
      ("iputils-perm", .notPermitted("socket: Operation not permitted")),
      ("busybox-perm", .notPermitted("permission denied (are you root?)")),
      ("iputils-fast", .other("cannot flood; minimal interval allowed for user is 2ms")),
      ("busybox-usage", .other("invalid option -- 'V'")),
    ] as [(String, Ping.Fault)])
  func `faults are told apart`(name: String, fault: Ping.Fault) throws {
    let reading = try reading(name)
    #expect(reading.fault == fault && reading.replies.isEmpty && reading.transmitted == nil)
  }

  @Test func `duplicates count once, and reports of routers are no replies`() throws {
    let reading = try parse(
      """
      PING 10.0.0.5 (10.0.0.5) 56(84) bytes of data.
      64 bytes from 10.0.0.5: icmp_seq=1 ttl=61 time=1.5 ms
      64 bytes from 10.0.0.5: icmp_seq=1 ttl=61 time=2.5 ms (DUP!)
      From 10.0.0.1: icmp_seq=2 Redirect Host(New nexthop: 10.0.0.2)
      64 bytes from 10.0.0.5: icmp_seq=2
      64 bytes from 10.0.0.5: icmp_seq=3 ttl=999 time=-1 ms
      64 bytes from 10.0.0.5: icmp_seq=3 ttl=999 time=2.25 ms
      """, as: Ping.self)
    #expect(reading.replies.map(\.number) == [1, 3])
    #expect(reading.replies.map(\.milliseconds) == [1.5, 2.25])
    #expect(reading.replies.map(\.hops) == [61, nil])
    // The end is missing.
    #expect(reading.transmitted == nil)
  }

  @Test func `a flood of replies is cut`() throws {
    var text = "PING x\n"
    for number in 0..<5_000 { text += "64 bytes from ::1: seq=\(number) ttl=64 time=1 ms\n" }
    #expect(try parse(text, as: Ping.self).replies.count == Ping.replyLimit)
  }

  @Test(arguments: ["", "This account is currently not available.\n", "\u{1b}[2J", "0 packets"])
  func `other texts are an error`(_ text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: Ping.self) }
  }
}
