internal import CLinux
internal import Glibc
internal import Synchronization

/// A thread that waits in epoll and runs the jobs of one actor between the waits.
///
/// Everything but the job queue belongs to the loop's own thread. It is reached only through
/// `Reactor`, whose executor this is, so the compiler keeps other threads out.
final class EventLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
  /// How a wait ended.
  enum Outcome: Sendable {
    case ready(Readiness)
    case timedOut
    case cancelled
    case failed(Int32)
  }

  private struct Queue {
    var jobs: [UnownedJob] = []
    var cancelled: [UInt64] = []
    /// The loop is in epoll, or about to be, and must be woken for a new job.
    var asleep = false
    var stopped = false
  }

  private struct Waiter {
    /// Unchecked: `end` alone resumes the one of a waiter, and takes the waiter out first.
    let continuation: UnsafeContinuation<Outcome, Never>
    /// The descriptor; -1 for a plain sleep.
    let fd: Int32
  }

  private struct Timer: Comparable {
    let deadline: Deadline
    let waiter: UInt64

    static func < (a: Timer, b: Timer) -> Bool { a.deadline < b.deadline }
  }

  private let queue = Mutex(Queue())
  private let epoll: Int32
  private let wakeup: Int32
  private var waiters: [UInt64: Waiter] = [:]
  private var timers = Heap<Timer>()
  private var nextWaiter: UInt64 = 1
  /// Tickets that are not yet waited on, and whether they were cancelled meanwhile: a task may
  /// change threads between the two, and its cancellation may overtake it.
  private var reserved: [UInt64: Bool] = [:]
  private let thread = Mutex<pthread_t?>(nil)
  private var shuffle: JobShuffle?

  init(shuffle seed: UInt64?) {
    shuffle = seed.map { JobShuffle(seed: $0) }
    epoll = epoll_create1(scrape_epoll_cloexec)
    wakeup = eventfd(0, scrape_eventfd_flags)
    // Without descriptors nothing can run: the process is at its limit from the start.
    guard epoll >= 0 && wakeup >= 0 else {
      giveUp(
        SystemError("epoll_create1").description,
        "raise `ulimit -n`, or LimitNOFILE= in the unit")
    }
    _ = scrape_epoll_control(epoll, EPOLL_CTL_ADD, wakeup, EPOLLIN.rawValue, 0)
    let identifier = startThread("reactor") { [self] in run() }
    thread.withLock { $0 = identifier }
  }

  deinit {
    close(epoll)
    close(wakeup)
  }

  // MARK: Jobs, from any thread

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let wake = queue.withLock { queue in
      queue.jobs.append(job)
      defer { queue.asleep = false }
      return queue.asleep
    }
    if wake { self.wake() }
  }

  func checkIsolated() {
    precondition(
      thread.withLock { $0.map { pthread_equal($0, pthread_self()) != 0 } ?? false },
      "not on the reactor's thread")
  }

  /// Ends a wait early; it returns `.cancelled`. Has no effect on an ended wait.
  func cancel(_ waiter: UInt64) {
    let wake = queue.withLock { queue in
      queue.cancelled.append(waiter)
      defer { queue.asleep = false }
      return queue.asleep
    }
    if wake { self.wake() }
  }

  /// Ends the thread after the present jobs.
  func stop() {
    queue.withLock { $0.stopped = true }
    wake()
  }

  private func wake() {
    var one: UInt64 = 1
    _ = write(wakeup, &one, 8)
  }

  // MARK: Waits, on the loop's thread

  func reserve() -> UInt64 {
    defer { nextWaiter += 1 }
    reserved[nextWaiter] = false
    return nextWaiter
  }

  /// Releases the number of a ticket that will not be waited on.
  func release(_ id: UInt64) { reserved[id] = nil }

  func wait(
    _ id: UInt64, fd: Int32, for readiness: Readiness, by deadline: Deadline,
    _ continuation: UnsafeContinuation<Outcome, Never>
  ) {
    if reserved.removeValue(forKey: id) == true {
      continuation.resume(returning: .cancelled)
      return
    }
    if fd >= 0 {
      let events = readiness.events | EPOLLONESHOT.rawValue
      // Known descriptors are the common case. A closed and reused number is unknown again, as the
      // kernel removes a descriptor at its last close.
      if scrape_epoll_control(epoll, EPOLL_CTL_MOD, fd, events, id) != 0 {
        let code = errno
        guard code == ENOENT,
          scrape_epoll_control(epoll, EPOLL_CTL_ADD, fd, events, id) == 0
        else {
          continuation.resume(returning: .failed(code == ENOENT ? errno : code))
          return
        }
      }
    }
    waiters[id] = Waiter(continuation: continuation, fd: fd)
    if deadline != .never { push(Timer(deadline: deadline, waiter: id)) }
  }

  private func end(_ id: UInt64, _ outcome: Outcome) {
    guard let waiter = waiters.removeValue(forKey: id) else { return }
    if waiter.fd >= 0 {
      // Disarms the descriptor, so that a late event does not report to an ended wait.
      if case .ready = outcome {
      } else {
        _ = scrape_epoll_control(epoll, EPOLL_CTL_MOD, waiter.fd, 0, 0)
      }
    }
    waiter.continuation.resume(returning: outcome)
  }

  // MARK: The loop

  private func run() {
    let room = 256
    let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: room)
    defer { events.deallocate() }
    var jobs: [UnownedJob] = []
    while true {
      let (cancelled, stopped) = queue.withLock { queue in
        swap(&jobs, &queue.jobs)
        defer { queue.cancelled.removeAll() }
        queue.asleep =
          jobs.isEmpty && queue.cancelled.isEmpty && !queue.stopped && shuffle?.isEmpty ?? true
        return (queue.cancelled, queue.stopped)
      }
      let idle = jobs.isEmpty && cancelled.isEmpty && shuffle?.isEmpty ?? true
      if stopped && idle && waiters.isEmpty { return }
      shuffle?.deal(&jobs)
      for job in jobs {
        job.runSynchronously(
          isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
      }
      jobs.removeAll(keepingCapacity: true)
      for id in cancelled {
        if reserved[id] != nil { reserved[id] = true } else { end(id, .cancelled) }
      }

      let count = epoll_wait(epoll, events, Int32(room), idle ? milliseconds : 0)
      queue.withLock { $0.asleep = false }
      for index in 0..<max(0, Int(count)) {
        let tag = scrape_epoll_tag(events + index)
        if tag == 0 {
          var value: UInt64 = 0
          _ = read(wakeup, &value, 8)
        } else {
          end(tag, .ready(Readiness(events: scrape_epoll_events(events + index))))
        }
      }
      expire()
    }
  }

  /// The limit of epoll's sleep: the time to the next timer, rounded up so that it has passed then.
  private var milliseconds: Int32 {
    while let first = timers.first, waiters[first.waiter] == nil { timers.removeFirst() }
    guard let first = timers.first else { return -1 }
    let left = first.deadline.nanoseconds &- Deadline.now.nanoseconds
    return left <= 0 ? 0 : Int32(clamping: left / 1_000_000 + 1)
  }

  private func expire() {
    guard !timers.isEmpty else { return }
    let now = Deadline.now
    while let first = timers.first, first.deadline <= now {
      timers.removeFirst()
      end(first.waiter, .timedOut)
    }
  }

  private func push(_ timer: Timer) {
    // Most waits end long before their deadline and leave their timer behind. A host that sends
    // single bytes would pile them up: once they outnumber the waits, they are removed.
    if timers.count > 256, timers.count > 4 * waiters.count {
      timers.removeAll { waiters[$0.waiter] == nil }
    }
    timers.push(timer)
  }
}

/// The readiness that a descriptor waits for or has reached.
public struct Readiness: OptionSet, Sendable, Hashable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let read = Readiness(rawValue: 1)
  public static let write = Readiness(rawValue: 2)

  init(events: UInt32) {
    var readiness: Readiness = []
    let broken = EPOLLERR.rawValue | EPOLLHUP.rawValue
    // The waiter's next read or write returns the error.
    if events & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue | broken) != 0 { readiness.insert(.read) }
    if events & (EPOLLOUT.rawValue | broken) != 0 { readiness.insert(.write) }
    self = readiness
  }

  var events: UInt32 {
    (contains(.read) ? EPOLLIN.rawValue | EPOLLRDHUP.rawValue : 0)
      | (contains(.write) ? EPOLLOUT.rawValue : 0)
  }
}
