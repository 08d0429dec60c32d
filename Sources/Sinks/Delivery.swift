public import Transfer
public import Engine
internal import Glibc
internal import Metrics
public import Store

/// The result of a delivery to one sink.
public struct Delivery: Sendable, Equatable {
  public var receipt = Receipt()
  /// Why the delivery ended early; the rest stays in the queue of a durable sink.
  public var error: DeliveryError?
  /// Why the queue could not be read or shortened: delivered payloads may be sent again.
  public var storeError: StoreError?

  public init(receipt: Receipt = Receipt(), error: DeliveryError? = nil) {
    self.receipt = receipt
    self.error = error
  }
}

extension Sink {
  /// Delivers the sink's queue from the store, oldest first, and deletes delivered payloads.
  ///
  /// A sink that failed slowly is in back-off for a while; the store keeps its end. The next pass
  /// delivers what the deadline left over.
  public func drain(
    _ store: Store, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Delivery {
    var delivery = Delivery()
    let start = Deadline.now
    do throws(StoreError) {
      let trouble = try await store.trouble(of: name)
      if let trouble, trouble.holds(at: .now),
        let reason = DeliveryError.Reason(rawValue: trouble.reason)
      {
        let left = trouble.until.since(.now).components.seconds + 1
        delivery.error = DeliveryError(
          reason, name,
          "left alone for another \(left) s, having failed \(trouble.failures) times: "
            + trouble.message)
        return delivery
      }
      let error = try await drain(store, into: &delivery, on: reactor, by: deadline)
      // The deadline was too short; the sink is not at fault.
      let wasBusy = error?.reason == .timeout && deadline.isPast && delivery.receipt.taken > 0
      if !wasBusy { delivery.error = error }
      if let error, error.reason != .cancelled, !wasBusy {
        try await store.remember(
          Store.Trouble(
            error, took: Deadline.now.since(start), at: .now,
            after: delivery.receipt.taken > 0 ? nil : trouble),
          of: name)
      } else if trouble != nil {
        try await store.remember(nil, of: name)
      }
    } catch {
      delivery.storeError = error
    }
    return delivery
  }

  private func drain(
    _ store: Store, into delivery: inout Delivery, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(StoreError) -> DeliveryError? {
    var waiting = try await store.next(for: name)
    // A deletion costs a commit, and a repeated delivery changes nothing: several are deleted at
    // once.
    var done: [Int64] = []
    var failure: DeliveryError?
    while !deadline.isPast, failure == nil, let one = waiting {
      // The disk reads the next payload while the network sends this one.
      async let next = store.next(for: name, after: one.id)
      do throws(DeliveryError) {
        delivery.receipt += try await deliver(one.payload, on: reactor, by: deadline)
        done.append(one.id)
      } catch {
        failure = error
      }
      do { waiting = try await next } catch {
        try await store.delivered(done)
        throw error as? StoreError ?? StoreError(.failed, "\(error)")
      }
      if done.count == 16 {
        try await store.delivered(done)
        done.removeAll()
      }
    }
    if !done.isEmpty { try await store.delivered(done) }
    return failure
  }

  /// Delivers payloads without a queue: those of a sink that has none, or all of them if the store
  /// is unavailable.
  public func deliver(
    _ payloads: [Payload], on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Delivery {
    var delivery = Delivery()
    for payload in payloads {
      do throws(DeliveryError) {
        delivery.receipt += try await deliver(payload, on: reactor, by: deadline)
      } catch {
        delivery.error = error
        return delivery
      }
    }
    return delivery
  }
}

extension Store.Trouble {
  /// Records one more failure. The back-off is a multiple of the time that the failure cost: a
  /// database that hangs takes a bounded share of each pass; one that refuses at once is tried in
  /// each.
  init(_ error: DeliveryError, took: Duration, at now: Timestamp, after earlier: Self?) {
    var wait = Duration.zero
    if took >= .seconds(1) {
      let failures = (earlier?.failures ?? 0) + 1
      let factor = Double(1 << min(failures, 5)) * Double.random(in: 0.75...1.25)
      wait = min(Self.longest.cost, took * factor)
    }
    wait = max(wait, min(error.retryAfter ?? .zero, Self.longest.asked))
    self.init(
      failures: (earlier?.failures ?? 0) + 1, since: earlier?.since ?? now, until: now.after(wait),
      reason: error.reason.rawValue, message: error.message)
  }
}
