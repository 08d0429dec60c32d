internal import Engine
internal import Synchronization

/// Lets at most `rate` packets or connections begin per second.
final class Pace: Sendable {
  private let step: Duration
  private let next = Mutex(Deadline.now)

  init(rate: Int) { step = .nanoseconds(1_000_000_000 / max(1, Int64(rate))) }

  /// Waits for the next slot.
  func turn(on reactor: isolated Reactor) async {
    let slot = next.withLock { next in
      let slot = max(next, .now)
      next = slot.advanced(by: step)
      return slot
    }
    if !slot.isPast { try? await reactor.sleep(until: slot) }
  }
}
