import Engine
import Foundation
import Lab
import Testing

@testable import Transfer

extension Reactor {
  func run<Value: Sendable, Failure: Error>(
    _ body: @Sendable (isolated Reactor) async throws(Failure) -> Value
  ) async throws(Failure) -> Value { try await body(self) }
}

@Suite(.serialized, .enabled(if: Nginx.isInstalled), .timeLimit(.minutes(2)))
struct TransferTimingTests {
  @Test func `one that is cancelled or late ends alone, whoever waits for the others`() async throws
  {
    let server = try Nginx()
    let silent = try Peer([.silence])
    defer { silent.stop() }
    let transfers = Transfers()
    let reactor = Reactor()
    let (open, quiet) = (server.port, silent.port)
    @Sendable func ask(_ port: UInt16, within: Duration) async -> (TransferAnswer, Duration) {
      let start = Deadline.now
      let answer = await reactor.run { reactor in
        let request = TransferRequest("GET", "http://127.0.0.1:\(port)/")
        return await transfers.run(request, on: reactor, by: .after(within))
      }
      return (answer, Deadline.now.since(start))
    }
    // The file of authorities is read once: not while the others are timed.
    #expect(await ask(open, within: .seconds(5)).0.status == 200)
    // The first waits for all; later ones end before it, with it and after it.
    let lengths = [900, 300, 600, 1200, 200]
    await withTaskGroup(of: Void.self) { group in
      for length in lengths {
        group.addTask {
          let (answer, took) = await ask(quiet, within: .milliseconds(length))
          #expect(answer.error?.reason == .timeout)
          #expect(took >= .milliseconds(length) && took < .milliseconds(length + 250), "\(took)")
        }
      }
      // Cancelled at once, while it waits for the others, and while another does.
      for delay in [0, 100, 150] {
        group.addTask {
          let task = Task { await ask(quiet, within: .seconds(20)) }
          try? await Task.sleep(for: .milliseconds(delay))
          task.cancel()
          let (answer, took) = await task.value
          #expect(answer.error?.reason == .cancelled, "\(delay) ms: \(answer)")
          #expect(took < .seconds(1), "\(took)")
        }
      }
      for _ in 0..<20 {
        group.addTask {
          let (answer, _) = await ask(open, within: .seconds(5))
          #expect(answer.status == 200)
        }
        try? await Task.sleep(for: .milliseconds(60))
      }
    }
    // Nothing of it is left: the next is as good as the first.
    #expect(await ask(open, within: .seconds(5)).0.status == 200)
  }
}
