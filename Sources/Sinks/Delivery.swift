public import Engine

/// What came of delivering to one sink.
public struct Delivery: Sendable, Equatable {
  public var receipt = Receipt()
  /// Why it ended before all was delivered; what was not stays in the queue of a durable sink.
  public var error: SinkError?
  /// Why the queue could not be read or shortened: what was delivered may be sent once more.
  public var storeError: StoreError?

  public init(receipt: Receipt = Receipt(), error: SinkError? = nil) {
    self.receipt = receipt
    self.error = error
  }
}

extension Sink {
  /// Delivers all that waits for the sink in the store, the oldest first, and forgets it there.
  public func drain(
    _ store: Store, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Delivery {
    var delivery = Delivery()
    var last: Int64 = 0
    do {
      while let waiting = try await store.next(for: name, after: last) {
        last = waiting.id
        delivery.receipt += try await deliver(waiting.payload, on: reactor, by: deadline)
        try await store.delivered([waiting.id])
      }
    } catch let error as SinkError {
      delivery.error = error
    } catch {
      delivery.storeError = error as? StoreError
    }
    return delivery
  }

  /// Delivers payloads that are in no queue: those of a sink that has none, or all of them where the
  /// store is not to be had.
  public func deliver(
    _ payloads: [Payload], on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Delivery {
    var delivery = Delivery()
    for payload in payloads {
      do throws(SinkError) {
        delivery.receipt += try await deliver(payload, on: reactor, by: deadline)
      } catch {
        delivery.error = error
        return delivery
      }
    }
    return delivery
  }
}
