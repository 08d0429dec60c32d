import Engine
import Lab
import Metrics
import Testing

@testable import Probes

/// What a sound server of each protocol says, in turns: it waits for so many bytes, then answers.
struct Transcript: Sendable, CustomTestStringConvertible {
  var entry: String
  var summary: String
  var turns: [(waits: Int, says: [UInt8])]

  var testDescription: String { entry }

  static let all: [Transcript] = [
    Transcript(
      entry: "ssh", summary: "ok - up",
      turns: [
        (0, Array("SSH-2.0-OpenSSH_9.2p1\r\n".utf8)),
        (
          16,
          [0, 0, 0, 52, 4, 20] + [UInt8](repeating: 7, count: 16) + [0, 0, 0, 17]
            + Array("curve25519-sha256".utf8) + [UInt8](repeating: 0, count: 13)
        ),
      ]),
    Transcript(
      entry: "vnc", summary: "ok - up",
      turns: [(0, Array("RFB 003.008\n".utf8)), (12, [2, 2, 19])]),
    Transcript(
      entry: "{vnc: {no_password: minor, port: PORT}}", summary: "minor no_password up",
      turns: [(0, Array("RFB 003.889\n".utf8)), (12, [1, 1]), (1, [0, 0, 0, 0])]),
    Transcript(
      entry: "vnc", summary: "minor refused_by_protection up",
      turns: [
        (0, Array("RFB 003.003\n".utf8)),
        (0, [0, 0, 0, 0, 0, 0, 0, 26] + Array("Too many security failures".utf8)),
      ]),
    Transcript(
      entry: "x11", summary: "ok - up",
      turns: [
        (12, [0, 22, 11, 0, 0, 0, 6, 0] + Array("No protocol specified\n\0\0".utf8))
      ]),
    Transcript(
      entry: "x11", summary: "minor open_display up",
      turns: [
        (
          12,
          [1, 0, 11, 0, 0, 0, 10, 0] + [UInt8](repeating: 0, count: 16) + [5, 0]
            + [UInt8](repeating: 0, count: 14) + Array("ACME!".utf8) + [0, 0, 0]
        )
      ]),
    Transcript(
      entry: "rdp", summary: "ok - up",
      turns: [(19, [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 3, 0, 8, 0, 2, 0, 0, 0])]),
    Transcript(
      entry: "rdp", summary: "major wrong_answer up",
      turns: [(19, [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 3, 0, 8, 0, 5, 0, 0, 0])]),
    Transcript(
      entry: "proxy", summary: "ok - up",
      turns: [(60, Array("HTTP/1.1 403 Filtered\r\nServer: tinyproxy\r\n\r\n".utf8))]),
    Transcript(
      entry: "smb", summary: "ok - up",
      turns: [
        (
          178,
          [0, 0, 0, 129, 0xfe, 0x53, 0x4d, 0x42, 64, 0] + [UInt8](repeating: 0, count: 58)
            + [65, 0, 1, 0, 0x11, 3] + [UInt8](repeating: 0, count: 59)
        )
      ]),
  ]

  func ask(_ acts: [FakeServer.Act], timeout: String = "300ms") async throws -> ServiceResult {
    let server = FakeServer(acts)
    return try await ask(server.port, timeout: timeout)
  }

  func ask(_ port: UInt16, timeout: String) async throws -> ServiceResult {
    let options = entry.contains("PORT") ? entry : "{\(entry): {port: PORT}}"
    return try await TargetsTests.ask(
      options.replacing("PORT", with: "\(port), timeout: \(timeout)"))
  }
}

/// Servers that break off, drip, flood and talk nonsense, at every place of every protocol.
struct MisbehaviourTests {
  @Test(arguments: Transcript.all)
  func `what a sound server says is understood, also a byte at a time`(_ transcript: Transcript)
    async throws
  {
    let whole = try await transcript.ask(
      transcript.turns.flatMap { [.read($0.waits), .send($0.says)] } + [.silence], timeout: "2s")
    #expect(whole.summary == transcript.summary, "\(whole.verdict.message)")
    #expect(whole.isSound)
    let dripped = try await transcript.ask(
      transcript.turns.flatMap { [.read($0.waits), .drip($0.says, microseconds: 200)] }
        + [.silence], timeout: "2s")
    #expect(dripped.summary == transcript.summary, "\(dripped.verdict.message)")
  }

  enum End: CaseIterable { case close, reset, silence }

  @Test(arguments: Transcript.all, End.allCases)
  func `a conversation that breaks off anywhere is down, by its deadline`(
    _ transcript: Transcript, _ end: End
  ) async throws {
    for (index, turn) in transcript.turns.enumerated() {
      let before = transcript.turns[..<index].flatMap {
        [FakeServer.Act.read($0.waits), .send($0.says)]
      }
      // At each byte would be slow: at the ends and in between.
      let cuts = Set([0, 1, 3, turn.says.count / 2, turn.says.count - 1]).sorted()
      for cut in cuts where cut < turn.says.count {
        let act: FakeServer.Act =
          switch end {
          case .close: .close
          case .reset: .reset
          case .silence: .silence
          }
        let start = Deadline.now
        let answer = try await transcript.ask(
          before + [.read(turn.waits), .send(Array(turn.says.prefix(cut))), act], timeout: "60ms")
        let summary = answer.summary
        #expect(
          summary == "critical timeout down" || summary == "critical connection_lost down",
          "turn \(index) byte \(cut): \(summary) \(answer.verdict.message)")
        #expect(summary.contains("timeout") == (end == .silence), "\(summary)")
        #expect(answer.isSound)
        #expect(Deadline.now.since(start) < .seconds(2))
      }
    }
  }

  @Test(
    arguments: Transcript.all,
    [[UInt8(0)], [0xff], [65], Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), [1, 0, 0, 0]])
  func `nonsense without end is never ok, and bounded`(_ transcript: Transcript, _ noise: [UInt8])
    async throws
  {
    let block = [[UInt8]](repeating: noise, count: 4096 / noise.count).flatMap { $0 }
    let start = Deadline.now
    for index in 0..<transcript.turns.count {
      let before = transcript.turns[..<index].flatMap {
        [FakeServer.Act.read($0.waits), .send($0.says)]
      }
      let answer = try await transcript.ask(before + [.flood(block)], timeout: "500ms")
      #expect(answer.verdict.severity != .ok, "turn \(index): \(answer.summary)")
      #expect(answer.isSound, "\(answer.verdict.message)")
    }
    #expect(Deadline.now.since(start) < .seconds(4))
  }

  /// A generator whose numbers are the same in each run.
  private struct Fixed: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 29
    }
  }

  @Test(arguments: Transcript.all)
  func `good answers with wrong bytes neither trap nor hang`(_ transcript: Transcript) async throws
  {
    var random = Fixed(state: 4)
    var servers: [FakeServer] = []
    for _ in 0..<60 {
      var turns = transcript.turns
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let turn = Int.random(in: 0..<turns.count, using: &random)
        guard !turns[turn].says.isEmpty else { continue }
        let place = Int.random(in: 0..<turns[turn].says.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: turns[turn].says[place] = UInt8.random(in: .min ... .max, using: &random)
        case 1: turns[turn].says[place] = [0, 0xff, 0x7f, 0x80].randomElement(using: &random) ?? 0
        case 2: turns[turn].says.remove(at: place)
        default: turns[turn].says.insert(0xff, at: place)
        }
      }
      servers.append(
        FakeServer(turns.flatMap { [.read($0.waits), .send($0.says)] } + [.silence]))
    }
    let start = Deadline.now
    let ports = servers.map(\.port)
    try await withThrowingTaskGroup(of: ServiceResult.self) { group in
      for port in ports { group.addTask { try await transcript.ask(port, timeout: "150ms") } }
      for try await answer in group { #expect(answer.isSound, "\(answer.verdict.message)") }
    }
    #expect(Deadline.now.since(start) < .seconds(10))
    withExtendedLifetime(servers) {}
  }
}
