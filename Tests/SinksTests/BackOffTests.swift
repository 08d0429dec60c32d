import Transfer
import Engine
import Metrics
import Testing

@testable import Sinks
@testable import Store

@Suite(.timeLimit(.minutes(1))) struct BackOffTests {
  private func queue(_ sink: some Sink, _ number: Int, in store: Store) async throws {
    let batches = [batch(InfluxDBAnswersTests.points, at: time(number))]
    try await store.finish(pass(number), [], queue: [sink.name: sink.payloads(batches)])
  }

  private func drain(
    _ sink: some Sink, _ store: Store, within timeout: Duration = .seconds(5)
  ) async -> Delivery {
    await Reactor().run { reactor in
      await sink.drain(store, on: reactor, by: .after(timeout))
    }
  }

  @Test func `a sink that hangs costs one pass its time, and not the next`() async throws {
    let server = try FakeServer([.silence])
    defer { server.stop() }
    let sink = InfluxDB(.init(url: server.url, database: "x"))
    try await withStore { store in
      try await queue(sink, 1, in: store)
      let first = await drain(sink, store, within: .milliseconds(1200))
      #expect(first.error?.reason == .timeout)
      let start = Deadline.now
      let second = await drain(sink, store)
      // It is not asked: that would last five seconds.
      #expect(Deadline.now.since(start) < .seconds(1))
      #expect(second.error?.message.hasPrefix("left alone for another") == true, "\(second)")
      let trouble = try await store.queues().first?.trouble
      #expect(trouble?.failures == 1 && trouble?.reason == "timeout")
      // After at most one and a quarter of twice its cost it is asked again.
      try await Reactor().run { reactor in try await reactor.sleep(until: .after(.seconds(4))) }
      let third = await drain(sink, store)
      #expect(third == Delivery(receipt: Receipt(taken: 4)))
      #expect(try await store.trouble(of: sink.name) == nil)
    }
  }

  @Test func `a sink that refuses at once is tried in each pass`() async throws {
    let sink = InfluxDB(.init(url: "http://127.0.0.1:1", database: "x"))
    try await withStore { store in
      try await queue(sink, 1, in: store)
      for failures in 1...3 {
        let delivery = await drain(sink, store)
        #expect(delivery.error?.message.contains("left alone") == false)
        #expect(try await store.trouble(of: sink.name)?.failures == failures)
      }
    }
  }

  @Test func `Retry-After holds from pass to pass`() async throws {
    let server = try FakeServer([.status(503, headers: "Retry-After: 60\r\n")])
    defer { server.stop() }
    let sink = InfluxDB(.init(url: server.url, database: "x"))
    try await withStore { store in
      try await queue(sink, 1, in: store)
      _ = await drain(sink, store)
      #expect(await drain(sink, store).error?.message.contains("left alone") == true)
      #expect(server.requests.count == 1)
    }
  }

  @Test(
    arguments: [
      (0.0, 1, nil, 0.0, 0.0), (0.9, 9, nil, 0, 0), (1, 0, nil, 1.5, 2.5), (1, 1, nil, 3, 5),
      (10, 20, nil, 240, 300), (1000, 5, nil, 300, 300), (0, 0, 30, 30, 30),
      (0, 0, 1_000_000, 3600, 3600),
    ] as [(Double, Int, Int?, Double, Double)])
  func `a sink is backed off for some times its cost, and never for long`(
    took: Double, failures: Int, asked: Int?, least: Double, most: Double
  ) {
    let earlier = Store.Trouble(
      failures: failures, since: noon, until: noon, reason: "timeout", message: "")
    let error = DeliveryError(.timeout, "x", "", retryAfter: asked.map { .seconds($0) })
    let trouble = Store.Trouble(error, took: .seconds(took), at: noon, after: earlier)
    let wait = Double(trouble.until.nanoseconds - noon.nanoseconds) / 1e9
    #expect(wait >= least && wait <= most, "\(wait)")
    #expect(trouble.failures == failures + 1)
    // A clock that was set back a year does not hold it for a year.
    #expect(!trouble.holds(at: Timestamp(nanoseconds: noon.nanoseconds - 31_536_000_000_000_000)))
  }

  @Test func `a deadline in the middle of a queue is no failure`() async throws {
    let server = try FakeServer([.status(204), .silence])
    defer { server.stop() }
    let sink = InfluxDB(.init(url: server.url, database: "x"))
    try await withStore { store in
      try await queue(sink, 1, in: store)
      try await queue(sink, 2, in: store)
      let delivery = await drain(sink, store, within: .milliseconds(1200))
      #expect(delivery == Delivery(receipt: Receipt(taken: 4)))
      #expect(try await store.queues().first?.lines == 4)
      #expect(try await store.trouble(of: sink.name) == nil)
    }
  }
}
