import Glibc
import Synchronization
import Testing

@testable import Engine

extension Reactor {
  /// Runs the body on the reactor, as a target would.
  func run<Value: Sendable, Failure: Error>(
    _ body: @Sendable (isolated Reactor) async throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    try await body(self)
  }
}

/// The thread that calls. glibc declares `pthread_self` free of effects, so an optimiser may keep its
/// answer across a suspension: it must not look inside.
@inline(never) @_optimize(none)
func currentThread() -> UInt { UInt(pthread_self()) }

/// Something that many tasks count or note.
final class Shared<Value: Sendable>: Sendable {
  private let value: Mutex<Value>
  init(_ value: Value) { self.value = Mutex(value) }
  func callAsFunction<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
    value.withLock { value in
      let result = body(&value)
      return result
    }
  }
}

/// Two connected sockets that are closed when the test ends.
final class SocketPair: Sendable {
  let near: Int32
  let far: Int32

  init() {
    var pair: [Int32] = [0, 0]
    socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &pair)
    (near, far) = (pair[0], pair[1])
  }

  deinit {
    close(near)
    close(far)
  }
}

@Suite struct ReactorTests {
  let reactor = Reactor()

  @Test func `a wait ends when the descriptor is readable`() async throws {
    let sockets = SocketPair()
    async let ready = reactor.wait(sockets.near, for: .read, by: .after(.seconds(5)))
    #expect(write(sockets.far, "x", 1) == 1)
    #expect(try await ready == .read)
  }

  @Test func `a hang-up counts as readable`() async throws {
    let sockets = SocketPair()
    shutdown(sockets.far, Int32(SHUT_RDWR))
    let ready = try await reactor.wait(sockets.near, for: .read, by: .after(.seconds(5)))
    #expect(ready.contains(.read))
  }

  @Test func `a silent descriptor costs its deadline and no more`() async throws {
    let sockets = SocketPair()
    let start = Deadline.now
    await #expect(throws: WaitError.timedOut) {
      try await reactor.wait(sockets.near, for: .read, by: .after(.milliseconds(50)))
    }
    let took = Deadline.now.since(start)
    #expect(took >= .milliseconds(50) && took < .seconds(2))
  }

  @Test func `an event that comes after the deadline does not end the next wait`() async throws {
    let sockets = SocketPair()
    await #expect(throws: WaitError.timedOut) {
      try await reactor.wait(sockets.near, for: .read, by: .after(.milliseconds(5)))
    }
    #expect(write(sockets.far, "x", 1) == 1)
    let start = Deadline.now
    try await reactor.sleep(until: .after(.milliseconds(30)))
    #expect(Deadline.now.since(start) >= .milliseconds(30))
  }

  @Test func `a cancelled task stops waiting at once`() async throws {
    let sockets = SocketPair()
    let task = Task { try await reactor.wait(sockets.near, for: .read, by: .never) }
    try await Task.sleep(for: .milliseconds(20))
    task.cancel()
    await #expect(throws: WaitError.cancelled) { try await task.value }
  }

  @Test(.timeLimit(.minutes(1)))
  func `a cancellation that overtakes the wait is not lost`() async {
    await withTaskGroup { group in
      for _ in 0..<5_000 {
        group.addTask { try? await reactor.sleep(until: .never) }
        if Bool.random() { await Task.yield() }
      }
      group.cancelAll()
    }
    for _ in 0..<2_000 {
      let task = Task { try? await reactor.sleep(until: .never) }
      task.cancel()
      await task.value
    }
  }

  @Test func `a wait on a closed descriptor is an error, not a hang`() async throws {
    await #expect(throws: WaitError.failed(SystemError("epoll_ctl", EBADF))) {
      try await reactor.wait(987, for: .read, by: .after(.seconds(5)))
    }
  }

  @Test func `a reused descriptor number is waited for anew`() async throws {
    for _ in 0..<50 {
      let sockets = SocketPair()
      #expect(write(sockets.far, "x", 1) == 1)
      _ = try await reactor.wait(sockets.near, for: .read, by: .after(.seconds(5)))
    }
  }

  @Test func `of five hundred sleepers none wakes before its time and all wake`() async throws {
    let early = Shared<[Int]>([])
    let woken = Shared(0)
    await withTaskGroup { group in
      for index in (0..<500).shuffled() {
        let instant = Deadline.after(.milliseconds(20 + index / 5))
        group.addTask {
          await reactor.run { reactor in
            try? await reactor.sleep(until: instant)
            woken { $0 += 1 }
            if !instant.isPast { early { $0.append(index) } }
          }
        }
      }
    }
    #expect(woken { $0 } == 500)
    #expect(early { $0 } == [])
  }

  @Test func `ten thousand short waits leave nothing behind that disturbs a long one`() async throws
  {
    let sockets = SocketPair()
    async let sleeper: Void = reactor.sleep(until: .after(.milliseconds(200)))
    let begun = Deadline.now
    for _ in 0..<10_000 {
      #expect(write(sockets.far, "x", 1) == 1)
      try await reactor.wait(sockets.near, for: .read, by: .after(.seconds(60)))
      var byte: UInt8 = 0
      #expect(read(sockets.near, &byte, 1) == 1)
    }
    try await sleeper
    #expect(Deadline.now.since(begun) >= .milliseconds(200))
  }

  @Test func `what is isolated to a reactor runs on its thread, and nothing else does`()
    async throws
  {
    let first = await reactor.run { _ in currentThread() }
    let second = await reactor.run { reactor in
      try? await reactor.sleep(until: .after(.milliseconds(1)))
      return currentThread()
    }
    #expect(first == second)
    #expect(first != currentThread())
  }

  @Test func `a task that prefers a reactor's thread stays on it`() async {
    let reactor = reactor
    let threads = await withTaskGroup(of: [UInt].self) { group in
      group.addTask(executorPreference: reactor.executor) {
        let before = currentThread()
        let inside = await reactor.run { reactor in
          try? await reactor.sleep(until: .after(.milliseconds(1)))
          return currentThread()
        }
        return [before, inside, currentThread()]
      }
      return await group.next() ?? []
    }
    #expect(Set(threads).count == 1 && threads.count == 3)
    #expect(threads.first != currentThread())
  }
}

@Suite struct BlockingTests {
  let reactor = Reactor()

  @Test func `a blocking call's result comes back`() async {
    let pool = BlockingPool(name: "test", threads: 2)
    let value = await reactor.run { reactor in
      await pool.run(by: .after(.seconds(5)), on: reactor) { 42 }
    }
    #expect(value == 42)
  }

  @Test func `a call that outlasts its deadline is left behind`() async {
    let pool = BlockingPool(name: "test", threads: 1)
    let start = Deadline.now
    let value = await reactor.run { reactor in
      await pool.run(by: .after(.milliseconds(20)), on: reactor) { () -> Int in
        usleep(2_000_000)
        return 1
      }
    }
    #expect(value == nil)
    #expect(Deadline.now.since(start) < .seconds(1))
  }

  @Test func `a pool runs no more calls at once than it has threads`() async {
    let pool = BlockingPool(name: "test", threads: 3)
    let running = Shared((now: 0, most: 0))
    await withTaskGroup { group in
      for _ in 0..<30 {
        group.addTask {
          _ = await reactor.run { reactor in
            await pool.run(by: .never, on: reactor) {
              running {
                $0.now += 1
                $0.most = max($0.most, $0.now)
              }
              usleep(2_000)
              running { $0.now -= 1 }
            }
          }
        }
      }
    }
    #expect(running { $0.most } == 3)
  }

  /// Each call waits for all others: they meet only if threads beyond the first ones come by themselves.
  @Test(arguments: [1, 3, 40]) func `a pool that begins small grows while calls wait`(
    first: Int
  ) async {
    let pool = BlockingPool(name: "test", threads: 40, first: first)
    let running = Shared((now: 0, most: 0))
    let limit = Deadline.after(.seconds(20))
    await withTaskGroup { group in
      for _ in 0..<40 {
        group.addTask {
          _ = await reactor.run { reactor in
            await pool.run(by: .never, on: reactor) {
              running {
                $0.now += 1
                $0.most = max($0.most, $0.now)
              }
              while running({ $0.most }) < 40, !limit.isPast { usleep(1_000) }
              running { $0.now -= 1 }
            }
          }
        }
      }
    }
    #expect(running { $0.most } == 40)
    // The threads are still there for further calls.
    let value = await reactor.run { reactor in
      await pool.run(by: .after(.seconds(20)), on: reactor) { 42 }
    }
    #expect(value == 42)
  }

  @Test func `an actor on a blocking thread stays on it`() async {
    actor Clerk {
      let thread = BlockingThread(name: "clerk")
      nonisolated var unownedExecutor: UnownedSerialExecutor {
        thread.asUnownedSerialExecutor()
      }
      func identity() -> UInt { currentThread() }
      deinit { thread.stop() }
    }
    let clerk = Clerk()
    let first = await clerk.identity()
    await Task.yield()
    #expect(await clerk.identity() == first)
    #expect(first != currentThread())
  }
}

@Suite struct DeadlineTests {
  @Test(arguments: [
    (Duration.seconds(Int64.max / 1_000_000_000 + 1), true), (.seconds(1), false),
  ])
  func `a deadline beyond the clock's end is never`(timeout: Duration, isNever: Bool) {
    #expect((Deadline.after(timeout) == .never) == isNever)
  }

  @Test func `a deadline passes`() {
    #expect(Deadline.now.isPast)
    #expect(!Deadline.after(.seconds(60)).isPast)
    #expect(!Deadline.never.isPast)
    #expect(Deadline.now.remaining == .zero)
  }
}
