public import Engine
internal import Metrics
internal import Synchronization

/// Makes snapshots while somebody watches, and gives the newest to all who do.
///
/// The monitor calls `changed` after it has stored something; that costs a flag. A snapshot is made at
/// most once per `pause`, and at least once per `refresh`: another process may acknowledge, or a pass end.
public final class LiveFeed: SnapshotSource {
  private struct State {
    var number: UInt64 = 0
    var snapshot: Snapshot?
    /// The newest in the socket's form, once somebody has asked for it.
    var frame: [UInt8]?
    var isStale = true
    var viewers = 0
    var builder: Ticket?
    var waiting: [Ticket] = []
  }

  public let contents: any LiveContents
  private let pause: Duration
  private let refresh: Duration
  private let state = Mutex(State())

  public init(
    _ contents: any LiveContents, pause: Duration = .seconds(1), refresh: Duration = .seconds(5)
  ) {
    self.contents = contents
    self.pause = pause
    self.refresh = refresh
  }

  public var word: String { "live" }

  /// Something was stored: the next snapshot is made soon, if somebody watches.
  public func changed() {
    let builder = state.withLock { state -> Ticket? in
      state.isStale = true
      return state.viewers > 0 ? state.builder : nil
    }
    builder?.wake()
  }

  /// Makes snapshots until the task is cancelled.
  public func run(on reactor: isolated Reactor) async {
    while !Task.isCancelled {
      let ticket = reactor.ticket()
      let (isWanted, isWatched) = state.withLock { state in
        state.builder = ticket
        return (state.viewers > 0 && (state.isStale || state.snapshot == nil), state.viewers > 0)
      }
      if isWanted { ticket.wake() }
      _ = await reactor.wait(on: ticket, by: isWatched ? .after(refresh) : .never)
      if Task.isCancelled { return }
      guard state.withLock({ $0.viewers > 0 }) else { continue }
      state.withLock { $0.isStale = false }
      publish(await make())
      do { try await reactor.sleep(until: .after(pause)) } catch { return }
    }
  }

  private func make() async -> Snapshot {
    do {
      return try await contents.snapshot()
    } catch {
      // The view goes on with what it has, and says so.
      let last = state.withLock { $0.snapshot }
      var snapshot = last ?? Snapshot(title: "", time: .now, lastPass: nil, limit: .seconds(60))
      snapshot.notes = ["the store cannot be read: \(error)"]
      return snapshot
    }
  }

  func publish(_ snapshot: Snapshot) {
    let waiting = state.withLock { state in
      state.number += 1
      state.snapshot = snapshot
      state.frame = nil
      defer { state.waiting.removeAll() }
      return state.waiting
    }
    for ticket in waiting { ticket.wake() }
  }

  // MARK: Those who watch

  /// Counts a viewer until `leave`.
  func enter() {
    let builder = state.withLock { state in
      state.viewers += 1
      // What was made for an earlier viewer may be old.
      state.isStale = true
      return state.builder
    }
    builder?.wake()
  }

  func leave() { state.withLock { $0.viewers -= 1 } }

  /// The newest snapshot with its number, if it is another one; else the ticket is woken by the next.
  func newest(after number: UInt64, _ ticket: Ticket) -> (number: UInt64, snapshot: Snapshot)? {
    state.withLock { state in
      if state.number > number, let snapshot = state.snapshot { return (state.number, snapshot) }
      // A viewer that was woken by something else leaves its ticket behind.
      if state.waiting.count > 64 { state.waiting.removeFirst(32) }
      state.waiting.append(ticket)
      return nil
    }
  }

  /// The snapshot of that number as a frame, which all clients share.
  func frame(of number: UInt64, _ snapshot: Snapshot) -> [UInt8] {
    if let frame = state.withLock({ $0.number == number ? $0.frame : nil }) { return frame }
    let frame = Frame.bytes(snapshot.json)
    state.withLock { if $0.number == number { $0.frame = frame } }
    return frame
  }

  public func follow(
    on reactor: isolated Reactor, _ show: @Sendable (Snapshot) -> Void
  ) async throws(LiveError) {
    enter()
    defer { leave() }
    var number: UInt64 = 0
    while !Task.isCancelled {
      let ticket = reactor.ticket()
      if let (newer, snapshot) = newest(after: number, ticket) {
        number = newer
        show(snapshot)
        ticket.wake()
      }
      _ = await reactor.wait(on: ticket, by: .never)
    }
  }

  public func ask(_ request: LiveRequest, on reactor: isolated Reactor) async -> LiveAnswer {
    if request == .greeting { return .done("") }
    let answer = await contents.answer(request)
    switch request {
    case .acknowledge, .silence: changed()
    case .greeting, .select, .host: break
    }
    return answer
  }
}
