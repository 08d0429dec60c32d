internal import Glibc

/// A thread with an epoll loop, as an actor: code isolated to it suspends instead of blocking.
///
/// A target is an ordinary `async` function that takes `on reactor: isolated Reactor`. Where a
/// socket would block, the function awaits `wait`, and the thread serves other targets meanwhile.
/// Blocking calls must not run on it: see `BlockingPool` and `BlockingThread`.
public actor Reactor {
  private nonisolated let loop: EventLoop

  public init() { loop = EventLoop(shuffle: Self.seed) }

  /// Runs ready jobs in an order that the seed decides; see `JobShuffle`.
  init(shuffle seed: UInt64) { loop = EventLoop(shuffle: seed) }

  private static var seed: UInt64? {
    #if DEBUG
      getenv("SCRAPE_SHUFFLE").flatMap { UInt64(String(cString: $0)) }
    #else
      nil
    #endif
  }

  deinit { loop.stop() }

  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    loop.asUnownedSerialExecutor()
  }

  /// The reactor's thread for tasks that are not isolated to it but work closely with it.
  ///
  /// A task that prefers it does not change threads between its waits and its own work. Such work
  /// holds up the reactor: it must be short and must not block.
  public nonisolated var executor: any TaskExecutor { loop }

  /// Suspends until the descriptor is ready; returns the kind of readiness.
  ///
  /// A descriptor can have one wait at a time. An error or a hang-up counts as ready: the next read
  /// or write returns it. Throws `.timedOut` at the deadline and `.cancelled` if the task is
  /// cancelled.
  @discardableResult
  public func wait(
    _ fd: Int32, for readiness: Readiness, by deadline: Deadline
  ) async throws(WaitError) -> Readiness {
    switch await outcome(of: reserve(), fd: fd, for: readiness, by: deadline) {
    case .ready(let readiness): return readiness
    case .timedOut: throw .timedOut
    case .cancelled: throw .cancelled
    case .failed(let code): throw .failed(SystemError("epoll_ctl", code))
    }
  }

  /// Suspends until the instant; throws only `.cancelled`.
  public func sleep(until instant: Deadline) async throws(WaitError) {
    if case .cancelled = await outcome(of: reserve(), fd: -1, for: [], by: instant) {
      throw .cancelled
    }
  }

  /// Announces a wait, so that the code that ends it can get the ticket before the wait begins.
  ///
  /// Each ticket must be waited on once. A wake-up before the wait is not lost.
  public func ticket() -> Ticket { Ticket(waiter: loop.reserve(), loop: loop) }

  /// Suspends until the ticket is woken, the descriptor is ready or the deadline passes.
  ///
  /// With a descriptor of -1 only the ticket and the deadline end it. A cancelled task counts as
  /// woken.
  public func wait(
    on ticket: Ticket, _ fd: Int32 = -1, for readiness: Readiness = [], by deadline: Deadline
  ) async -> Awakening {
    switch await outcome(of: ticket.waiter, fd: fd, for: readiness, by: deadline) {
    case .ready: .ready
    case .timedOut: .timedOut
    case .cancelled: .woken
    case .failed(let code): .failed(SystemError("epoll_ctl", code))
    }
  }

  func reserve() -> UInt64 { loop.reserve() }

  nonisolated func cancel(_ waiter: UInt64) { loop.cancel(waiter) }

  // The wait is registered on the loop's thread in the same step in which it suspends: the closures
  // use `loop` of this actor, so they are isolated to it and no other job runs in between.
  func outcome(
    of waiter: UInt64, fd: Int32, for readiness: Readiness, by deadline: Deadline
  ) async -> EventLoop.Outcome {
    if Task.isCancelled {
      loop.release(waiter)
      return .cancelled
    }
    let activity = Activity.current
    activity?.beginWait(by: deadline)
    defer { activity?.endWait() }
    return await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        loop.wait(waiter, fd: fd, for: readiness, by: deadline, continuation)
      }
    } onCancel: {
      loop.cancel(waiter)
    }
  }
}

extension Reactor {
  /// Runs the body on the reactor.
  public func open<Value: Sendable>(
    _ body: @Sendable (isolated Reactor) async -> Value
  ) async -> Value {
    await body(self)
  }
}

/// An announced wait that any thread can end, also before it begins.
public struct Ticket: Sendable {
  let waiter: UInt64
  let loop: EventLoop

  /// Ends the wait; has no effect after its end.
  public func wake() { loop.cancel(waiter) }
}

/// How a wait on a ticket ended.
public enum Awakening: Sendable, Equatable {
  case ready
  case timedOut
  /// By `Ticket.wake`, or because the task was cancelled.
  case woken
  case failed(SystemError)
}

/// Why a wait ended without readiness.
public enum WaitError: Error, Sendable, Equatable {
  case timedOut
  case cancelled
  case failed(SystemError)
}
