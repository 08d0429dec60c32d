internal import CLinux
public import Engine
internal import Glibc
internal import Metrics
internal import Synchronization

/// The live view on the terminal of this process.
public struct LiveView: Sendable {
  /// Why it ended.
  public enum End: Sendable, Equatable {
    /// A person typed q.
    case quit
    /// The task was cancelled.
    case cancelled
    /// The terminal is gone, as when a connection broke.
    case terminalGone
  }

  private let source: any SnapshotSource
  private let capabilities: Capabilities
  private let who: String

  /// `who` is the name under which a person acknowledges and silences.
  public init(_ source: any SnapshotSource, _ capabilities: Capabilities, who: String) {
    self.source = source
    self.capabilities = capabilities
    self.who = who
  }

  /// Restores the terminal at once, for a process that ends in another way than through `run`.
  public static func restoreTerminal() { scrape_restore_terminal() }

  private enum Input: Sendable {
    case snapshot(Snapshot)
    case lost(String)
    case answer(LiveAnswer, LiveRequest)
  }

  /// Takes the terminal, shows the view until its end, and gives the terminal back.
  ///
  /// It throws where the terminal cannot show it, before anything is drawn.
  public func run(on reactor: isolated Reactor) async throws(LiveError) -> End {
    // Before ncurses, which else installs a handler of its own.
    let window = scrape_watch_window()
    let screen = LiveScreen(capabilities, ViewState(who: who), word: source.word)
    try await screen.open()
    let inbox = Inbox<Input>()
    let end = await withDiscardingTaskGroup { group in
      group.addTask { [source] in await Self.follow(source, inbox, on: reactor) }
      if window >= 0 { group.addTask { await Self.watch(window, inbox, on: reactor) } }
      var end: End?
      while end == nil {
        await screen.draw()
        let ticket = reactor.ticket()
        inbox.wait(ticket)
        let awakening = await reactor.wait(on: ticket, 0, for: .read, by: .after(.seconds(1)))
        if Task.isCancelled {
          end = .cancelled
          break
        }
        if case .failed = awakening { end = .terminalGone }
        var requests: [LiveRequest] = []
        for input in inbox.take() {
          switch input {
          case .snapshot(let snapshot): requests += await screen.take(snapshot)
          case .lost(let words): await screen.lose(words)
          case .answer(let answer, let request): await screen.receive(answer, to: request)
          }
        }
        guard let effects = await screen.type() else {
          end = .terminalGone
          break
        }
        for effect in effects {
          switch effect {
          case .quit: end = .quit
          case .ask(let request): requests.append(request)
          case .redraw: break
          }
        }
        for request in requests {
          group.addTask { [source] in
            inbox.post(.answer(await source.ask(request, on: reactor), request))
          }
        }
      }
      group.cancelAll()
      return end ?? .cancelled
    }
    await screen.close()
    return end
  }

  /// Posts snapshots; after a failure tries again each second.
  private static func follow(
    _ source: any SnapshotSource, _ inbox: Inbox<Input>, on reactor: isolated Reactor
  ) async {
    while !Task.isCancelled {
      do throws(LiveError) {
        try await source.follow(on: reactor) { inbox.post(.snapshot($0)) }
      } catch {
        inbox.post(.lost(error.message))
      }
      do { try await reactor.sleep(until: .after(.seconds(1))) } catch { return }
    }
  }

  /// Draws anew when the window has another size.
  private static func watch(
    _ window: Int32, _ inbox: Inbox<Input>, on reactor: isolated Reactor
  ) async {
    var value: UInt64 = 0
    while (try? await reactor.wait(window, for: .read, by: .never)) != nil {
      _ = read(window, &value, 8)
      inbox.ring()
    }
  }
}

/// What other tasks hand to the view.
private final class Inbox<Input: Sendable>: Sendable {
  private struct State {
    var inputs: [Input] = []
    var isRung = false
    var ticket: Ticket?
  }

  private let state = Mutex(State())

  func post(_ input: Input) {
    state.withLock { $0.inputs.append(input) }
    ring()
  }

  func ring() {
    let ticket = state.withLock { state in
      state.isRung = true
      return state.ticket
    }
    ticket?.wake()
  }

  /// Names the ticket that the next input wakes; one that is there already does so now.
  func wait(_ ticket: Ticket) {
    let isRung = state.withLock { state in
      state.ticket = ticket
      return state.isRung
    }
    if isRung { ticket.wake() }
  }

  func take() -> [Input] {
    state.withLock { state in
      state.isRung = false
      defer { state.inputs.removeAll() }
      return state.inputs
    }
  }
}
