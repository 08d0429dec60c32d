internal import Glibc
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
    /// The number of calls that have begun.
    var begun = 0
    /// Whether a thread looks after the calls that wait.
    var isWatched = false
  }

  private let queue = Monitor(Queue())
  private let name: String
  private let limit: Int
  private let first: Int

  /// Makes a pool of at most `threads` threads, each started on first use.
  ///
  /// Only the `first` of them start at once; without it all do. Many threads are good for calls that wait. Calls
  /// that are answered at once only share the cores, and then each further thread costs more than it gives.
  public init(name: String, threads: Int, first: Int? = nil) {
    self.name = name
    limit = max(1, threads)
    self.first = min(limit, max(1, first ?? threads))
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
    let (grows, watches) = queue.signal { queue in
      queue.jobs.append(job)
      guard queue.idle < queue.jobs.count, queue.threads < limit else { return (false, false) }
      guard queue.threads >= first else {
        queue.threads += 1
        return (true, false)
      }
      defer { queue.isWatched = true }
      return (false, !queue.isWatched)
    }
    if grows { startWorker() }
    if watches { startThread("\(name) pool") { self.watch() } }
  }

  private func startWorker() {
    startThread(name) { [queue] in
      while true {
        var isIdle = false
        // The job is taken and counted as busy in one step: otherwise a job submitted in between
        // would wait for this one, although another thread could be started for it.
        let job = queue.take { queue -> (@Sendable () -> Void)? in
          if queue.jobs.isEmpty {
            if !isIdle { queue.idle += 1 }
            isIdle = true
            return nil
          }
          if isIdle { queue.idle -= 1 }
          queue.begun &+= 1
          return queue.jobs.removeFirst()
        }
        job()
      }
    }
  }

  /// The time after which a call that waits gets another thread.
  private static let turn = Duration.milliseconds(20)

  /// Doubles the threads while calls wait: after a turn in which this process left a core idle for a third of it,
  /// and after five in which few calls began, whatever else the process does.
  private func watch() {
    var used = Self.cpuTime
    var begun = queue.signal { $0.begun }
    for turn in 1... {
      usleep(useconds_t(Self.turn / .microseconds(1)))
      let before = used
      used = Self.cpuTime
      let isIdle = (used - before) * 3 < Self.turn * 2
      let new = queue.signal { queue -> Int? in
        guard queue.idle < queue.jobs.count, queue.threads < limit else {
          queue.isWatched = false
          return nil
        }
        let isSlow = turn % 5 == 0 && queue.begun &- begun < queue.threads
        if turn % 5 == 0 { begun = queue.begun }
        guard isIdle || isSlow else { return 0 }
        let new = min(queue.threads, limit - queue.threads, queue.jobs.count - queue.idle)
        queue.threads += new
        return new
      }
      guard let new else { return }
      for _ in 0..<new { startWorker() }
    }
  }

  /// The time for which this process has computed.
  private static var cpuTime: Duration {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }
}
