internal import Synchronization

/// A few threads for blocking calls: `getaddrinfo`, bcrypt, FreeIPMI.
///
/// A call cannot be interrupted. At its deadline the caller continues without it; the thread
/// becomes free when the call ends, and the result is dropped.
public final class BlockingPool: Sendable {
  private struct Queue {
    var jobs: [@Sendable () -> Void] = []
    var threads = 0
    var idle = 0
  }

  private let queue = Monitor(Queue())
  private let name: String
  private let limit: Int

  /// Makes a pool of at most `threads` threads, each started on first use.
  public init(name: String, threads: Int) {
    self.name = name
    limit = max(1, threads)
  }

  /// Runs the call on one of the threads; nil if it has not ended by the deadline.
  public func run<Value: Sendable>(
    by deadline: Deadline, on reactor: isolated Reactor, _ call: @escaping @Sendable () -> Value
  ) async -> Value? {
    let outcome = Once<Value>()
    let waiter = reactor.reserve()
    submit {
      let value = call()
      outcome.value.withLock { $0 = value }
      reactor.cancel(waiter)
    }
    _ = await reactor.outcome(of: waiter, fd: -1, for: [], by: deadline)
    return outcome.value.withLock { $0 }
  }

  /// Runs the call on one of the threads and waits for its end, whatever the deadline and even if
  /// the task is cancelled: for calls on objects that must outlive them.
  public func finish<Value: Sendable>(
    on reactor: isolated Reactor, _ call: @escaping @Sendable () -> Value
  ) async -> Value {
    await withCheckedContinuation { continuation in
      submit { continuation.resume(returning: call()) }
    }
  }

  private final class Once<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)
  }

  private func submit(_ job: @escaping @Sendable () -> Void) {
    let grow = queue.signal { queue in
      queue.jobs.append(job)
      guard queue.idle < queue.jobs.count, queue.threads < limit else { return false }
      queue.threads += 1
      return true
    }
    guard grow else { return }
    startThread(name) { [queue] in
      while true {
        queue.signal { $0.idle += 1 }
        // The job is taken and counted as busy in one step: otherwise a job submitted in between
        // would wait for this one, although another thread could be started for it.
        let job = queue.take { queue -> (@Sendable () -> Void)? in
          guard !queue.jobs.isEmpty else { return nil }
          queue.idle -= 1
          return queue.jobs.removeFirst()
        }
        job()
      }
    }
  }
}
