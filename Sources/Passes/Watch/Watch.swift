internal import Inventory
internal import Hosts
public import Engine
internal import Metrics
public import Store

/// Passes without an end: what `run` does once, each host and each collector at its own times.
public struct Watch: Sendable {
  /// How it ended.
  public struct End: Sendable {
    public var isInterrupted = false
    /// Why the store could not be written at last.
    public var storeFailure: String?
    /// Whether no sink took the last points.
    public var isUndelivered = false
  }

  /// A task beside the watch; it returns true where the watch is to end.
  public typealias Companion = @Sendable (Reactor) async -> Bool

  private let setup: WatchSetup
  private let store: Store
  private let watchdog: PassWatchdog
  private let note: Lock.Note?
  private let unfinished: Lock.Unfinished?
  private let spool: OwnSpool?
  private let voice: any WatchVoice
  private let load: @Sendable () -> Result<WatchSetup, WatchError>
  public let window: WatchWindow
  /// Called after each change of the store.
  public var changed: @Sendable () -> Void = {}
  public var companions: [Companion] = []

  /// `load` reads all files again; it may block.
  public init(
    _ setup: WatchSetup, store: Store, watchdog: PassWatchdog, note: Lock.Note?,
    unfinished: Lock.Unfinished?, spool: OwnSpool?, voice: any WatchVoice,
    load: @escaping @Sendable () -> Result<WatchSetup, WatchError>
  ) {
    self.setup = setup
    self.store = store
    self.watchdog = watchdog
    self.note = note
    self.unfinished = unfinished
    self.spool = spool
    self.voice = voice
    self.load = load
    window = WatchWindow(setup.site)
  }

  /// Runs until a signal, or until a companion ends it.
  public func run() async -> End {
    let logins = LoginBook((try? await store.rests()) ?? [:])
    let governor = await Governor.known(in: store, setup.site.settings)
    let limits = SharedLimits(governor)
    let means = Era.Means(
      store: store, watchdog: watchdog, logins: logins, limits: limits, kept: Kept(limits: limits),
      spool: spool)
    let era = await Era(0, setup, means, at: .now)
    let names = Array(era.hosts.keys) + [SelfReading.host]
    let states = (try? await store.load(names)) ?? [:]
    let own = states[SelfReading.host] ?? HostState()
    let keeper = await Keeper(era, means, unfinished: unfinished, own: own)
    let policies = ((try? await store.policyRecords()) ?? [:]).mapValues { records in
      records.reduce(into: [String: PolicyOutcome]()) { known, record in
        if let outcome = PolicyOutcome(record) { known[record.policy] = outcome }
      }
    }
    var loop = WatchLoop(
      era, means, states: states, policies: policies, keeper: keeper, note: note, window: window,
      changed: changed,
      voice: voice, load: load)
    let end = await means.kept.serving { await loop.run(beside: companions) }
    await store.close()
    return end
  }
}

/// Why files cannot be taken over, for people: all faults, and the first one in a line.
public struct WatchError: Error {
  public var text: String
  public var line: String

  public init(text: String, line: String) {
    self.text = text
    self.line = line
  }
}
