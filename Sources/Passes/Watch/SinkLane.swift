internal import Engine
internal import Metrics
internal import Sinks
internal import Store

/// The delivery to one sink of the watch: one at a time, beside all others.
struct SinkLane {
  /// What one delivery does.
  struct Work: Sendable {
    var payloads: [Payload]
    var isDrain: Bool

    func deliver(
      _ sink: any Sink, _ store: Store, on reactor: Reactor, by limit: Deadline
    ) async -> Delivery {
      await reactor.open { reactor in
        var delivery = Delivery()
        if !payloads.isEmpty { delivery = await sink.deliver(payloads, on: reactor, by: limit) }
        guard isDrain, delivery.error == nil else { return delivery }
        let receipt = delivery.receipt
        delivery = await sink.drain(store, on: reactor, by: limit)
        delivery.receipt += receipt
        return delivery
      }
    }
  }

  let sink: any Sink
  var isBusy = false
  /// Whether there is something new in its queue.
  var isNew = true
  /// When the queue is tried again after a failure.
  var retryAt: Deadline?
  /// Why the last delivery failed; nil after one that did not.
  var failure: String?
  /// What waits for a sink without a queue.
  private(set) var waiting: [Payload] = []

  private static let most = 256

  init(_ sink: any Sink) { self.sink = sink }

  /// Takes payloads for a sink without a queue. The oldest are dropped beyond a limit; returns how many.
  @discardableResult
  mutating func append(_ payloads: [Payload]) -> Int {
    waiting += payloads
    isNew = isNew || !payloads.isEmpty
    let excess = max(0, waiting.count - Self.most)
    waiting.removeFirst(excess)
    return excess
  }

  /// The delivery to begin now; nil for none.
  mutating func begin() -> Work? {
    guard !isBusy, isNew || retryAt?.isPast == true else { return nil }
    isBusy = true
    isNew = false
    retryAt = nil
    defer { waiting = [] }
    return Work(payloads: waiting, isDrain: sink.isDurable)
  }
}
