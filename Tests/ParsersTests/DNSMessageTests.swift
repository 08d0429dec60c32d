@testable import Parsers
import Testing

struct DNSMessageTests {
  /// A header with so many questions and answers, then the rest.
  static func message(
    _ rest: [UInt8], flags: (UInt8, UInt8) = (0x81, 0x80), questions: UInt8 = 0, answers: UInt8 = 1
  ) -> [UInt8] {
    [0, 1, flags.0, flags.1, 0, questions, 0, answers, 0, 0, 0, 0] + rest
  }

  static func record(_ type: UInt16, _ content: [UInt8], owner: [UInt8] = [1, 0x41, 0]) -> [UInt8] {
    owner + [UInt8(type >> 8), UInt8(type & 255), 0, 1, 0, 0, 1, 0]
      + [UInt8(content.count >> 8), UInt8(content.count & 255)] + content
  }

  @Test(
    arguments: [
      (1, [192, 0, 2, 7], "192.0.2.7"),
      (28, [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [1], "2001:db8::1"),
      (28, [UInt8](repeating: 0, count: 16), "::"),
      (28, [0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4, 0, 5], "1:0:2::3:4:5"),
      (5, [3, 0x57, 0x57, 0x57, 0xc0, 12], "www.a"),
      (15, [0, 10, 1, 0x6d, 0xc0, 12], "10 m.a"),
      (33, [0, 1, 0, 2, 0x13, 0x8c, 1, 0x73, 0], "1 2 5004 s"),
      (16, [2, 0x68, 0x69, 1, 0x21], "hi!"),
      (6, [1, 0x6e, 0, 1, 0x6d, 0, 0, 0, 1, 2] + [UInt8](repeating: 0, count: 16), "n m 258"),
      (257, [0, 5, 0x69, 0x73, 0x73, 0x75, 0x65, 0x78], "0 issue \"x\""),
      (99, [1, 2, 3], nil), (1, [1, 2, 3], nil), (16, [9, 1], nil), (5, [0xc0, 200], nil),
      (5, [4, 0x61, 0x2e, 0x20, 0x5c, 0], "a\\.\\032\\\\"),
    ] as [(UInt16, [UInt8], String?)])
  func `a record reads as in a zone file`(
    type: UInt16, content: [UInt8], text: String?
  ) throws {
    let reading = try parse(Self.message(Self.record(type, content)), as: DNSMessage.self)
    #expect(reading.rcode == 0 && reading.isRecursive && !reading.isAuthoritative)
    #expect(reading.answers == [.init(name: "a", type: type, ttl: 256, text: text)])
  }

  @Test(
    arguments: [
      ([], "empty"), ([UInt8](repeating: 0, count: 11), "short"),
      (message([], flags: (1, 0)), "a question"), (message([]), "no record"),
      (message([1, 0x41]), "half a name"), (message([0xc0, 12]), "a name that points at itself"),
      (message([0xc0, 14, 0xc0, 12]), "names in a ring"), (message([0xc0, 200]), "beyond"),
      (message(record(1, [1, 2, 3, 4]).dropLast()), "a record cut"),
      (message([64, 1], questions: 1), "a label that is too long"),
    ] as [([UInt8], String)])
  func `a broken message is an error`(bytes: [UInt8], what: String) {
    #expect(throws: ParseError.self, "\(what)") { try parse(bytes, as: DNSMessage.self) }
  }

  @Test func `a truncated message gives what it holds`() throws {
    let bytes = Self.message(
      Self.record(1, [1, 2, 3, 4]) + [1], flags: (0x83, 0x80), answers: 9)
    let reading = try parse(bytes, as: DNSMessage.self)
    #expect(reading.isTruncated && reading.answers.count == 1)
  }

  @Test func `no nonsense traps or takes long`() throws {
    var generator = Fixed()
    for _ in 0..<20_000 {
      var bytes = Self.message(
        Self.record(1, [1, 2, 3, 4]) + Self.record(5, [1, 0x62, 0xc0, 12])
          + Self.record(16, [2, 0x61, 0x62]), answers: 3)
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(
          in: 0...255, using: &generator)
      }
      _ = try? parse(bytes, as: DNSMessage.self)
    }
  }

  private struct Fixed: RandomNumberGenerator {
    var state: UInt64 = 7
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 29
    }
  }
}
