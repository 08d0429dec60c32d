public import Engine
internal import Inventory
internal import Synchronization

/// Sessions with BMCs that stay open between polls, for `watch`: each for a minute at most.
///
/// A BMC has about four sessions for everybody, and ends idle ones after 60 s by itself. A session is kept
/// where a BMC is asked several times within that minute, is used by one poll at a time, and is closed by the
/// thread that finds it old. A BMC that ends them earlier is asked with a session of each poll's own. BMCs
/// behind jump hosts keep none: each would hold one of the few commands that run there at a time.
public final class KeptBMCs: Sendable {
  /// How long a session may live, from its opening.
  public let age: Duration
  /// For how long a BMC that ended one earlier keeps none.
  private static let rest = Duration.seconds(3600)
  /// Sessions kept at most.
  private static let most = 4096

  /// FreeIPMI's sessions may change threads between two calls.
  private struct Kept: @unchecked Sendable {
    let session: BMCSession
    let opened: Deadline
    let target: BMCTarget
  }

  private struct State {
    var sessions: [String: Kept] = [:]
    /// When each BMC was polled last.
    var polled: [String: Deadline] = [:]
    var resting: [String: Deadline] = [:]
    var isClosed = false
    var reused = 0
  }

  private let state = Mutex(State())
  private static let closers = BlockingPool(name: "bmc close", threads: 16)

  public init(age: Duration = .seconds(60)) { self.age = age }

  /// Open sessions that no poll uses.
  public var count: Int { state.withLock { $0.sessions.count } }
  /// Polls over a session that was there.
  public var reused: Int { state.withLock { $0.reused } }

  // MARK: Life

  /// Runs the body, closes old sessions meanwhile, and all at its end.
  public func serve<Value: Sendable>(on reactor: Reactor, _ body: () async -> Value) async -> Value
  {
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        await reactor.open { reactor in
          while !Task.isCancelled {
            do { try await reactor.sleep(until: .after(min(.seconds(1), self.age / 4))) } catch {
              return
            }
            await self.close(all: false, on: reactor)
          }
        }
      }
      let value = await body()
      group.cancelAll()
      await group.waitForAll()
      await reactor.open { reactor in await self.close(all: true, on: reactor) }
      return value
    }
  }

  /// Closes sessions that will be too old for another poll. A silent BMC delays that by one
  /// retransmission, so they are closed side by side, and none is waited for longer than two seconds.
  private func close(all: Bool, on reactor: isolated Reactor) async {
    let now = Deadline.now
    let old = state.withLock { state in
      if all { state.isClosed = true }
      state.polled = state.polled.filter { now.since($0.value) < age * 2 }
      state.resting = state.resting.filter { !$0.value.isPast }
      let old = state.sessions.filter { all || now.since($0.value.opened) >= age }
      for key in old.keys { state.sessions[key] = nil }
      return Array(old.values)
    }
    guard !old.isEmpty else { return }
    // Freed where it may block.
    let pieces = stride(from: 0, to: old.count, by: max(1, (old.count + 15) / 16)).map {
      Pile(Array(old[$0..<min(old.count, $0 + max(1, (old.count + 15) / 16))].map(\.session)))
    }
    let limit = Deadline.after(.seconds(2))
    await withTaskGroup(of: Void.self) { group in
      for piece in pieces {
        group.addTask { [reactor = reactor as Reactor] in
          await reactor.open { reactor in
            _ = await Self.closers.run(by: limit, on: reactor) { piece.free() }
          }
        }
      }
    }
  }

  private final class Pile: @unchecked Sendable {
    private var sessions: [BMCSession]
    init(_ sessions: [BMCSession]) { self.sessions = sessions }
    func free() { sessions = [] }
  }

  // MARK: Polls, on their threads

  private func key(_ target: BMCTarget, _ address: String) -> String {
    "\(target.host) \(address) \(target.settings.port)"
  }

  /// A session with the BMC from an earlier poll, made with the same settings and secrets.
  func take(_ target: BMCTarget, at address: String) -> BMCSession? {
    guard target.tunnel == nil else { return nil }
    let key = key(target, address)
    let now = Deadline.now
    let kept = state.withLock { state in
      let kept = state.sessions.removeValue(forKey: key)
      if let kept, now.since(kept.opened) < age, kept.target.opensSameSession(as: target) {
        state.reused += 1
      }
      return kept
    }
    guard let kept, now.since(kept.opened) < age, kept.target.opensSameSession(as: target) else {
      return nil  // Closed here, on the poll's thread.
    }
    return kept.session
  }

  /// Keeps a session for the next poll, if that may come before it is too old.
  func keep(_ session: BMCSession, of target: BMCTarget, at address: String) {
    guard target.tunnel == nil else { return }
    let key = key(target, address)
    let now = Deadline.now
    let replaced = state.withLock { state -> Kept? in
      let last = state.polled.updateValue(now, forKey: key)
      guard !state.isClosed, state.sessions.count < Self.most, state.resting[key] == nil,
        let last, now.since(last) + now.since(session.opened) < age
      else { return nil }
      return state.sessions.updateValue(
        Kept(session: session, opened: session.opened, target: target), forKey: key)
    }
    withExtendedLifetime(replaced) {}
  }

  /// Notes that a session had ended before it was old.
  func lost(_ target: BMCTarget, at address: String) {
    let key = key(target, address)
    state.withLock { $0.resting[key] = .after(Self.rest) }
  }
}

extension BMCTarget {
  /// Whether a session of the other one is as good as one of this one.
  fileprivate func opensSameSession(as other: BMCTarget) -> Bool {
    settings == other.settings && password == other.password && key == other.key
  }
}
