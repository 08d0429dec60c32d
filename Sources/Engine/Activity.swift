internal import Synchronization

/// The work of a task for a host, a service or a sink, and its current wait.
///
/// Waits on a reactor record themselves in the activity of their task, so that a process that hangs
/// can report the wait.
public final class Activity: Sendable {
  /// The activity of the current task; child tasks inherit it.
  @TaskLocal static var current: Activity?

  private struct State {
    var step: String?
    var since = Deadline.now
    var waits: Deadline?
    var limit = Deadline.never
  }

  let name: String
  fileprivate let registry: Activities
  private let state = Mutex(State())

  fileprivate init(_ name: String, in registry: Activities) {
    self.name = name
    self.registry = registry
  }

  /// Sets the current step of the activity: `key exchange`.
  public static func step(_ name: String) {
    current?.state.withLock { state in
      state.step = name
      state.since = .now
    }
  }

  /// Runs the body as its own activity next to the current one; without a current one, unchanged.
  public static func named<Value: Sendable>(
    _ name: @autoclosure () -> String, isolation: isolated (any Actor)? = #isolation,
    _ body: () async -> Value
  ) async -> Value {
    guard let registry = current?.registry else { return await body() }
    return await registry.run(name(), body)
  }

  func beginWait(by deadline: Deadline) {
    state.withLock { state in
      state.waits = .now
      state.limit = deadline
    }
  }

  func endWait() { state.withLock { $0.waits = nil } }

  /// The current step, for people; nil if the thread that changes it hangs.
  fileprivate var text: String? {
    state.withLockIfAvailable { state in
      let now = Deadline.now
      var text = name
      if let step = state.step { text += ": \(step)" }
      text += ", for \(Self.seconds(now.since(state.since)))"
      if let waits = state.waits {
        text += "; waits for \(Self.seconds(now.since(waits)))"
        text +=
          state.limit == .never
          ? " without a deadline"
          : state.limit < now
            ? ", \(Self.seconds(now.since(state.limit))) longer than it may"
            : ", \(Self.seconds(state.limit.since(now))) are left to it"
      }
      return text
    }
  }

  private static func seconds(_ duration: Duration) -> String {
    let tenths = duration / .milliseconds(100)
    return "\(Double(Int64(max(0, min(tenths, 1e12)))) / 10) s"
  }
}

/// The activities that have not ended.
public final class Activities: Sendable {
  private struct State {
    var running: [UInt64: Activity] = [:]
    var last: UInt64 = 0
  }

  private let state = Mutex(State())

  public init() {}

  /// Runs the body as an activity with this name.
  public func run<Value: Sendable>(
    _ name: String, isolation: isolated (any Actor)? = #isolation, _ body: () async -> Value
  ) async -> Value {
    let activity = Activity(name, in: self)
    let number = state.withLock { state in
      state.last &+= 1
      state.running[state.last] = activity
      return state.last
    }
    defer { state.withLock { $0.running[number] = nil } }
    return await Activity.$current.withValue(activity, operation: body)
  }

  /// The running activities, the longest first; never waits for a thread that hangs.
  public var descriptions: [String] {
    let running = state.withLockIfAvailable { $0.running.sorted { $0.key < $1.key } }
    guard let running else { return ["unknown: the thread that keeps the list stands still"] }
    return running.map { $0.value.text ?? "\($0.value.name): its thread stands still" }
  }
}
