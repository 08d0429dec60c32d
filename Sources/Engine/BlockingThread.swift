/// A thread that may block, as the executor of an actor: a database file, for example.
///
/// Blocking calls must run neither on a reactor nor on Swift's cooperative pool, which has no spare
/// thread. An actor uses it so: `nonisolated var unownedExecutor: UnownedSerialExecutor {
/// thread.asUnownedSerialExecutor() }`, and stops it in its `deinit`.
public final class BlockingThread: SerialExecutor {
  private struct Queue {
    var jobs: [UnownedJob] = []
    var stopped = false
  }

  private let queue = Monitor(Queue())

  /// Starts the thread; the name is cut to 15 bytes.
  public init(name: String) {
    startThread(name) { [self] in
      while true {
        let (jobs, stopped) = queue.take { queue -> ([UnownedJob], Bool)? in
          if queue.jobs.isEmpty && !queue.stopped { return nil }
          defer { queue.jobs.removeAll() }
          return (queue.jobs, queue.stopped)
        }
        for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
        if stopped { return }
      }
    }
  }

  /// Ends the thread after its present jobs; no further job may be enqueued.
  public func stop() { queue.signal { $0.stopped = true } }

  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.signal { $0.jobs.append(job) }
  }
}
