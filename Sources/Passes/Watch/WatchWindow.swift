internal import Synchronization

/// What others may see of a running watch: a live view beside it.
public final class WatchWindow: Sendable {
  private struct State {
    var site: Site
    var notes: [String] = []
  }

  private let state: Mutex<State>

  init(_ site: Site) { state = Mutex(State(site: site)) }

  /// The site that the watch goes by now.
  public var site: Site { state.withLock { $0.site } }
  /// What is wrong with the watch itself: a file that could not be taken over.
  public var notes: [String] { state.withLock { $0.notes } }

  func show(_ site: Site) { state.withLock { $0.site = site } }
  func show(notes: [String]) { state.withLock { $0.notes = notes } }
}
