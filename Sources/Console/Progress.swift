public import Engine
internal import Metrics
public import Passes
internal import Synchronization
internal import Inventory
internal import Probes

/// One line on a terminal with the progress of a pass and the hosts it waits for.
///
/// It is drawn at most 10 times per second and erased at the end; without a terminal it is not drawn.
public final class Progress: PassProgress {
  private struct State {
    var total = 0
    var done = 0
    var begun = Deadline.now
    var drawn = Deadline.now
    var waiting: Set<String> = []
    var line = false
  }

  private let state = Mutex(State())
  private let shows: Bool
  private let time = Format.time(.now)

  public init(shown: Bool) { shows = shown && Terminal.isLively(2) }

  public func begin(_ total: Int) {
    guard shows else { return }
    state.withLock { $0.total = total }
  }

  public func started(_ host: String) {
    guard shows else { return }
    state.withLock { state in
      state.waiting.insert(host)
      draw(&state)
    }
  }

  public func ended(_ host: String) {
    guard shows else { return }
    state.withLock { state in
      state.waiting.remove(host)
      state.done += 1
      draw(&state)
    }
  }

  /// Redraws the line while no host answers, until the task is cancelled.
  public func tick(on reactor: Reactor) async {
    guard shows else { return }
    await reactor.open { reactor in
      while (try? await reactor.sleep(until: .after(.milliseconds(250)))) != nil {
        state.withLock { draw(&$0) }
      }
    }
  }

  public func end() {
    guard shows else { return }
    state.withLock { state in
      if state.line { Terminal.write("\r\u{1b}[K", to: 2) }
      state.line = false
      state.total = 0
    }
  }

  private func draw(_ state: inout State) {
    let now = Deadline.now
    guard state.total > 0, now.since(state.drawn) > .milliseconds(100) else { return }
    state.drawn = now
    state.line = true
    let full = 24
    let bar = full * state.done / max(1, state.total)
    var line =
      "pass \(time)  ▕\(String(repeating: "█", count: bar))\(String(repeating: " ", count: full - bar))▏"
      + " \(state.done)/\(state.total)  \(Format.duration(now.since(state.begun)))"
    if state.waiting.count <= 20 {
      line += "  waiting: \(fold(state.waiting.sorted()))"
    }
    Terminal.writeText("\r\(line.prefix(Terminal.width - 1))\u{1b}[K", to: 2)
  }
}
