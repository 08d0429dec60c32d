internal import CLinux
internal import Glibc

/// Starts a detached thread that runs the body once, with all signals blocked.
///
/// The threads that handle signals read them from a descriptor; no other thread is interrupted. The
/// corresponding C function is `pthread_create`.
@discardableResult
func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) -> pthread_t {
  final class Box {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var all = sigset_t()
  var before = sigset_t()
  sigfillset(&all)
  pthread_sigmask(SIG_BLOCK, &all, &before)
  defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
  var thread = pthread_t()
  let box = Unmanaged.passRetained(
    Box {
      scrape_name_thread(name)
      body()
    })
  let code = pthread_create(
    &thread, nil,
    { context in
      if let context { Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body() }
      return nil
    }, box.toOpaque())
  // The process cannot start a thread: nothing can run.
  guard code == 0 else {
    giveUp(
      SystemError("pthread_create", code).description,
      "raise `ulimit -v` and `ulimit -u`, or LimitAS= and TasksMax= in the unit")
  }
  pthread_detach(thread)
  return thread
}

/// A mutex with a condition, for threads that sleep until there is work.
final class Monitor<State>: @unchecked Sendable {
  private var state: State
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init(_ state: State) {
    self.state = state
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Changes the state and wakes one sleeper.
  func signal<Result>(_ change: (inout State) -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer {
      pthread_cond_signal(condition)
      pthread_mutex_unlock(mutex)
    }
    return change(&state)
  }

  /// Sleeps until the function returns a value.
  func take<Result>(_ find: (inout State) -> Result?) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let found = find(&state) { return found }
      pthread_cond_wait(condition, mutex)
    }
  }
}
