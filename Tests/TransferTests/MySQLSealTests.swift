import Engine
import Testing

@testable import Transfer

/// The part between libmariadb and a hostile server.
@Suite struct MySQLSealTests {
  private struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ (state >> 29)
    }
  }

  private static let greeting: [UInt8] =
    [0x4a, 0, 0, 0, 10] + Array("8.0.36".utf8) + [0, 7, 0, 0, 0] + Array("abcdefgh".utf8) + [0]
    + [0x0d, 0xaa, 45, 2, 0, 0x28, 0, 21] + [UInt8](repeating: 0, count: 10)
    + Array("ijklmnopqrst".utf8) + [0] + Array("caching_sha2_password".utf8) + [0]
  private static let secret = Array("the-secret".utf8)
  private static let answer: [UInt8] =
    [47, 0, 0, 1, 0x0d, 0xa2] + [UInt8](repeating: 0, count: 30) + Array("mon".utf8) + [0]
    + secret + [0]

  private static func mutated(_ bytes: [UInt8], with random: inout Seeded) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
      let place = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<4, using: &random) {
      case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case 1: bytes.removeSubrange(place...)
      case 2: bytes.insert(contentsOf: bytes[place...].prefix(9), at: place)
      default: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      }
    }
    return bytes
  }

  @Test func `nothing but the request for TLS leaves, whatever the server says`() async throws {
    let reactor = Reactor()
    let context = try await reactor.context()
    var random = Seeded(state: 20_261_127)
    var (requests, failures) = (0, 0)
    for _ in 0..<3_000 {
      let seal = try MySQLSeal(context, names: ["db.example"])
      do throws(TransferError) {
        var rest = Self.mutated(Self.greeting, with: &random)[...]
        while !rest.isEmpty {
          let piece = rest.prefix(Int.random(in: 1...40, using: &random))
          rest = rest.dropFirst(piece.count)
          try seal.take(server: Array(piece))
        }
        _ = seal.takeIncoming()
        try seal.take(library: Self.answer)
        let noise = (0..<200).map { _ in UInt8.random(in: 0...255, using: &random) }
        try seal.take(
          server: Self.mutated([0x16, 3, 3, 0, 90, 2, 0, 0, 86] + noise, with: &random))
        try seal.end()
      } catch { failures += 1 }
      let sent = seal.takeOutgoing()
      #expect(!seal.isSecured)
      guard !sent.isEmpty else { continue }
      requests += 1
      #expect(sent.count > 41 && Array(sent[..<4]) == [32, 0, 0, 1] && sent[5] & 8 != 0)
      // A record of TLS: a handshake, or an alert.
      #expect(sent[36] == 0x16 || sent[36] == 0x15)
      #expect(!sent.indices.contains { sent[$0...].starts(with: Self.secret) })
    }
    // Some greetings are still whole, and most conversations fail.
    #expect(requests > 300 && failures > 1_000, "\(requests) \(failures)")
  }

  @Test(
    arguments: [
      ([0xff, 0x69, 0x04] + Array("#HY000Host is blocked".utf8), true),
      (Array("SSH-2.0-OpenSSH".utf8), true), ([9, 0x33, 0], true),
    ] as [([UInt8], Bool)])
  func `an error instead of a greeting reaches the library, and its answer nobody`(
    payload: [UInt8], isShown: Bool
  ) async throws {
    let seal = try MySQLSeal(try await Reactor().context(), names: ["db.example"])
    let packet = [UInt8(payload.count), 0, 0, 0] + payload
    try seal.take(server: packet)
    #expect(seal.takeIncoming() == packet)
    try seal.take(library: Self.answer)
    #expect(seal.takeOutgoing().isEmpty && !seal.isSecured)
  }

  @Test func `a server without TLS is refused before anything is sent`() async throws {
    let seal = try MySQLSeal(try await Reactor().context(), names: ["db.example"])
    var greeting = Self.greeting
    let place = 5 + 7 + 4 + 8 + 1 + 1
    #expect(greeting[place] == 0xaa)
    greeting[place] &= ~8
    let error = #expect(throws: TransferError.self) { try seal.take(server: greeting) }
    #expect(error == TransferError(.insecure, "the server offers no TLS"))
    #expect(seal.takeOutgoing().isEmpty)
  }
}

extension Reactor {
  fileprivate func context() async throws -> TLSContext {
    try await TLSContext.of(.system, on: self, by: .after(.seconds(20)))
  }
}
