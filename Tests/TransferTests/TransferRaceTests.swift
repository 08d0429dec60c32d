import Lab
import Testing

@testable import Engine
@testable import Transfer

/// Transfers side by side against servers that close at every point, thousands of times: each must end
/// by itself, whoever of them drives the handle when another one goes.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct TransferRaceTests {
  static let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
  /// What a server does on each connection, and whether the answer is whole; nil where that is a matter
  /// of who is faster.
  static let scripts: [(steps: [Peer.Step], isWhole: Bool?)] = [
    ([.head, .say("HTTP/1.0 200 OK\r\n\r\nok")], true),
    ([.say("HTTP/1.0 200 OK\r\n\r\nok")], nil),
    ([.close], false),
    ([.head, .reset], false),
    ([.head, .say("HTTP/1.1 200 O")], false),
    ([.head, .say(head)], false),
    ([.head, .say(head + "o")], false),
    ([.head, .say(head + "ok")], true),
    ([.head, .say(head + "ok"), .head, .say(head + "ok")], true),
    ([.head, .say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")], false),
    (
      [.head, .say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")],
      true
    ),
    ([.head, .say("HTTP/1.1 100 Continue\r\n\r\n")], false),
  ]

  /// Passes of eight transfers each: half of them on one reactor, half on two.
  @Test(arguments: [nil, 1, 2, 3] as [UInt64?])
  func `no transfer outlives a server that closes, in any order of jobs`(seed: UInt64?) async throws
  {
    let servers = try Self.scripts.map { try Peer($0.steps) }
    defer { servers.forEach { $0.stop() } }
    let reactors = (0..<2).map { index in
      seed.map { Reactor(shuffle: $0 &* 7 &+ UInt64(index)) } ?? Reactor()
    }
    let transfers = Transfers()
    var longest = Duration.zero
    var wrong: [String] = []
    for pass in 0..<500 {
      await withTaskGroup(of: (Int, TransferAnswer).self) { group in
        for index in 0..<8 {
          let which = (pass &* 5 &+ index) % servers.count
          let reactor = reactors[pass % 2 == 0 ? 0 : index % 2]
          let port = servers[which].port
          group.addTask(executorPreference: reactor.executor) {
            var request = TransferRequest("GET", "http://127.0.0.1:\(port)/")
            request.address = "127.0.0.1"
            request.keepsConnection = index % 3 == 0
            let asked = request
            return (
              which,
              await reactor.run { reactor in
                await transfers.run(asked, on: reactor, by: .after(.seconds(5)))
              }
            )
          }
        }
        for await (which, answer) in group {
          longest = max(longest, answer.phases.total)
          let isWhole = answer.error == nil && answer.body == Array("ok".utf8)
          if let expected = Self.scripts[which].isWhole, isWhole != expected {
            wrong.append("pass \(pass), script \(which): \(answer)")
          }
        }
      }
    }
    #expect(wrong.isEmpty, "\(wrong.count): \(wrong.prefix(3))")
    // None came to its deadline, so none slept until it.
    #expect(longest < .seconds(4), "\(longest)")
  }

  @Test(arguments: [nil, 11, 12] as [UInt64?])
  func `a transfer that is cancelled or late leaves the others a driver`(seed: UInt64?) async throws
  {
    let silent = try Peer([.head, .silence])
    let server = try Peer([.head, .pause(5), .say("HTTP/1.0 200 OK\r\n\r\nok")])
    defer {
      silent.stop()
      server.stop()
    }
    let reactor = seed.map { Reactor(shuffle: $0) } ?? Reactor()
    let transfers = Transfers()
    for round in 0..<200 {
      // The first drives, and goes before the others.
      let driver = Task {
        await reactor.run { reactor in
          var request = TransferRequest("GET", "http://127.0.0.1:\(silent.port)/")
          request.address = "127.0.0.1"
          return await transfers.run(
            request, on: reactor, by: .after(.milliseconds(round % 2 == 0 ? 3 : 10_000)))
        }
      }
      async let others = withTaskGroup(of: TransferAnswer.self) { group in
        for _ in 0..<4 {
          group.addTask(executorPreference: reactor.executor) {
            await reactor.run { reactor in
              var request = TransferRequest("GET", "http://127.0.0.1:\(server.port)/")
              request.address = "127.0.0.1"
              request.keepsConnection = false
              return await transfers.run(request, on: reactor, by: .after(.seconds(5)))
            }
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      if round % 2 == 1 { driver.cancel() }
      #expect(await driver.value.error?.reason == (round % 2 == 0 ? .timeout : .cancelled))
      for answer in await others { #expect(answer.error == nil, "round \(round): \(answer)") }
    }
  }
}
