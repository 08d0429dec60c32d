internal import Configuration
internal import Console
internal import Engine
internal import Inventory
internal import Metrics
internal import Passes
internal import Sinks
internal import Store

/// `scrape watch`: passes without an end.
enum WatchCommand: Subcommand {
  static let name = "watch"
  static let summary =
    "Runs for ever: scrapes each host, collector and probe on its own schedule, as a service."
  static let operands = ""
  static let options =
    Site.options + Site.hostOptions + Site.storeOptions + [
      Option("--attach", "Shows the view of the service with this store, through its socket."),
      Option("--plain", "Prints lines also on a terminal, instead of the live view."),
      Option("--quiet", short: "-q", "Prints only what is wrong."),
    ]
  static let discussion = """
    Does what `scrape run` does, without a timer. What `run` does in each pass is done every 15 s here, or
    as `watch: {every: 5s}` in scrape.yml says; `every:` of a collector, probe, host or BMC counts from 1 s.
    Hosts are spread evenly over their interval. A host that is still being asked when it is due again is
    left in peace; one that cannot be asked within `lateness:` is left out, and that is reported.

    Results are stored, evaluated, delivered and alerted about once a second. A host or sink that hangs
    delays only itself.

    The inventory and scrape.yml are read again when they change, and on SIGHUP. A faulty file changes
    nothing: the files of before stay in force, which the log, `scrape status`, an event and an alert say.

    On a terminal it is a live view; ? lists its keys, q ends the watch. Elsewhere, and with --plain or
    --quiet, it prints a line for each notable thing. As a service of systemd it reports readiness and signs
    of life (Type=notify, WatchdogSec=) and writes structured entries to the journal. SIGTERM and SIGINT end
    it in order within 5 s. A second `watch`, or `run`, on the same store exits with a message meanwhile.
    """
  static let examples: [Example] = [
    ("scrape watch --attach", "the live view of the service on this machine"),
    ("scrape watch", "watches ./inventory or /etc/scrape until Ctrl-C"),
    ("systemctl reload scrape", "reads the files again"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    if arguments.has("--attach") { return try await AttachView.run(arguments) }
    let fanout = try arguments.integer("--fanout", in: 1...10_000)
    let spool = try OwnSpool(arguments)
    // Reading and locking must not hang for ever.
    let watchdog = try PassWatchdog(by: .after(.seconds(120)), isWatch: true)
    let setup = try setup(arguments, fanout: fanout)
    let site = setup.site
    let store = site.store()
    do {
      try await store.open()
      if let group = site.settings.store.group { try store.share(with: group) }
      for note in await store.notes() { Terminal.note("scrape: \(note.visible)") }
    } catch  where error.reason == .foreign {
      Terminal.note("scrape watch: \(error)")
      return ExitCode.usage
    } catch {
      Terminal.note("scrape: \("\(error)".visible)")
    }
    var lock: Lock?
    do {
      lock = try await Lock.take(beside: site.storePath, until: .after(.seconds(120)), as: .watch)
    } catch let error as SystemError {
      Terminal.note("scrape: no lock: \(error.description.visible)")
    } catch let held as Lock.Held {
      Terminal.note("scrape: \(held.text.visible)")
      return ExitCode.notOK
    }
    watchdog.expect(by: .after(.seconds(120)), lock?.note)
    let unfinished = lock?.unfinished
    do {
      try await site.claim(store, adopting: arguments.has("--adopt-store"))
    } catch is StoreError {
      // It watches all the same, as a pass does.
    }
    let voice = WatchViews.Voice(quiet: arguments.has("--quiet"))
    var watch = Watch(
      setup, store: store, watchdog: watchdog, note: lock?.note, unfinished: unfinished,
      spool: spool,
      voice: voice
    ) { load(arguments, fanout: fanout, storePath: site.storePath) }
    WatchViews.add(
      to: &watch, store, socket: site.liveSocket, voice,
      hasView: !arguments.has("--plain") && !arguments.has("--quiet"))
    let end = await watchdog.activities.run("watch") { [watch] in await watch.run() }
    lock?.release()
    if end.isInterrupted { return ExitCode.interrupted }
    return end.storeFailure != nil || end.isUndelivered ? ExitCode.undelivered : ExitCode.ok
  }

  private static func setup(_ arguments: Arguments, fanout: Int?) throws -> WatchSetup {
    let site = try Site(arguments, secretsOf: { _ in true })
    let hosts = try site.hosts(arguments)
    var findings = Findings()
    let sinks = Sinks.sinks(from: site.settings.sinks, &findings)
    try findings.finish()
    return WatchSetup(
      site: site, hosts: hosts, sinks: sinks, fanout: fanout ?? site.settings.fanout)
  }

  /// Reads all files again.
  private static func load(
    _ arguments: Arguments, fanout: Int?, storePath: String
  ) -> Result<WatchSetup, WatchError> {
    do {
      let setup = try setup(arguments, fanout: fanout)
      guard setup.site.storePath == storePath else {
        let words = "`store: {path: …}` changed: that needs a restart"
        return .failure(WatchError(text: words, line: words))
      }
      return .success(setup)
    } catch let errors as ConfigurationErrors {
      let text = "\(errors.description)"
      return .failure(WatchError(text: text, line: errors.errors.first?.oneLine ?? text))
    } catch let error as ConfigurationError {
      return .failure(WatchError(text: "\(error.description)", line: error.oneLine))
    } catch let error as UsageError {
      return .failure(WatchError(text: error.message, line: error.message))
    } catch {
      return .failure(WatchError(text: "\(error)", line: "\(error)"))
    }
  }
}
