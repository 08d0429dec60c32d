internal import Console
internal import Engine
internal import Glibc
internal import Live
internal import Metrics
internal import Passes
internal import Store
internal import Synchronization

/// The live view of this terminal and the socket for others, beside a running watch.
enum WatchViews {
  /// Lines, as long as no view has the terminal.
  final class Voice: WatchVoice {
    private let lines: WatchLines
    fileprivate let hasView = Atomic(false)

    init(quiet: Bool) { lines = WatchLines(quiet: quiet) }

    func say(_ notable: Notable) {
      // What is wrong stands in the view; a log that is not the terminal is written all the same.
      if hasView.load(ordering: .relaxed), isatty(2) == 1 { return }
      lines.say(notable)
    }

    func isReady() { lines.isReady() }
    func status(_ text: String) { lines.status(text) }
    func isAlive() { lines.isAlive() }
    func isStopping() { lines.isStopping() }
  }

  static func add(
    to watch: inout Watch, _ store: Store, socket: String, _ voice: Voice, hasView: Bool
  ) {
    let window = watch.window
    let feed = LiveFeed(WatchContents({ window.site }, store, notes: { window.notes }))
    watch.changed = { feed.changed() }
    watch.companions.append { reactor in
      await feed.run(on: reactor)
      return false
    }
    watch.companions.append { reactor in
      do {
        let server = try LiveServer(at: socket, feed)
        await server.serve(on: reactor)
      } catch {
        Terminal.note("scrape watch: no socket for --attach: \("\(error)".visible)")
      }
      return false
    }
    guard hasView, isatty(0) == 1, isatty(1) == 1 else { return }
    watch.companions.append { reactor in
      voice.hasView.store(true, ordering: .relaxed)
      defer { voice.hasView.store(false, ordering: .relaxed) }
      do {
        return try await LiveView(feed, .ofTerminal, who: Account.person).run(on: reactor)
          != .cancelled
      } catch {
        Terminal.note("scrape watch: no live view: \("\(error)".visible)")
        return false
      }
    }
  }
}
