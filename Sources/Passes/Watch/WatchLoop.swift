internal import Probes
internal import Notifiers
internal import Alerts
internal import Engine
internal import Hosts
internal import Inventory
internal import Metrics
internal import Sinks
internal import Store

/// The loop of the watch: it starts what is due, and takes what ends.
///
/// Everything that takes time is a child task: a host, a batch for the store, a delivery, a page. Of each
/// kind of work that must not run beside itself at most one runs. A task that hangs holds up nothing else.
struct WatchLoop {
  let means: Era.Means
  private let note: Lock.Note?
  let window: WatchWindow
  let changed: @Sendable () -> Void
  let voice: any WatchVoice
  let load: @Sendable () -> Result<WatchSetup, WatchError>

  var era: Era
  var ticker: Ticker
  var states: [String: HostState]
  var asking: Asking
  /// The last results of policies, by host.
  var policies: [String: [String: PolicyOutcome]] = [:]
  /// What is being asked.
  var busy: Set<Ticker.Key> = []
  var figures = WatchFigures()
  private var clock = OwnClock()

  /// What was gathered for the next batch.
  var pending = Pass.Report(start: .now)
  /// Nil while it works.
  var keeper: Keeper?
  /// The files that the keeper goes on with at its next batch.
  var next: Era?
  var lastBatch = Deadline(nanoseconds: 0)
  var isRoundDue = true
  var isAlertTime = false
  var hasStored = true

  var lanes: [SinkLane]
  var isAlerting = false
  var arePagesDue = true
  var isWriting = false
  var lastPages = Deadline(nanoseconds: 0)
  var isPinging = false

  var folders: FolderWatch?
  var fingerprint: UInt64 = 0
  var reloadAt: Deadline?
  var isForced = false
  var isReading = false
  var fault: WatchError?

  private var said: [String: Deadline] = [:]
  private var noted = Deadline(nanoseconds: 0)
  var isStopping = false
  private var end = Watch.End()

  init(
    _ era: Era, _ means: Era.Means, states: [String: HostState],
    policies: [String: [String: PolicyOutcome]], keeper: Keeper, note: Lock.Note?,
    window: WatchWindow, changed: @escaping @Sendable () -> Void, voice: any WatchVoice,
    load: @escaping @Sendable () -> Result<WatchSetup, WatchError>
  ) {
    self.era = era
    self.means = means
    self.states = states
    self.policies = policies
    self.keeper = keeper
    self.note = note
    self.window = window
    self.changed = changed
    self.voice = voice
    self.load = load
    ticker = era.ticker
    lanes = era.setup.sinks.map { SinkLane($0) }
    asking = Asking(
      fanout: era.setup.fanout, bmcFanout: era.site.settings.bmcFanout, until: .never,
      each: era.length, reactors: means.reactors, limits: means.limits, progress: NoProgress())
  }

  var reactor: Reactor { means.reactors[0] }

  // MARK: Life

  mutating func run(beside companions: [Watch.Companion]) async -> Watch.End {
    await beginWatchingFiles()
    await withTaskGroup(of: PassEvent.self) { group in
      let (signals, reactor) = (means.watchdog.signals, reactor)
      group.addTask { await Interrupt(signals: signals).wait(on: reactor) ? .signal : .nothing }
      waitForHangup(in: &group)
      waitForChanges(in: &group)
      for companion in companions {
        group.addTask { await companion(reactor) ? .watch(.left) : .nothing }
      }
      wait(in: &group)
      voice.isReady()
      voice.say(
        Notable(
          .started, .ok,
          "watching \(Format.count(era.hosts.count, "host")), "
            + "\(Format.count(era.hosts.values.count { $0.bmc != nil }, "BMC"))"))
      warn(era.warnings)
      while !isDone, let event = await group.next() {
        await take(event, in: &group)
      }
      group.cancelAll()
    }
    await finish()
    return end
  }

  /// Whether everything that was begun has ended, after a signal.
  private var isDone: Bool { isStopping && asking.isDone && keeper != nil }

  private mutating func take(
    _ event: PassEvent, in group: inout TaskGroup<PassEvent>
  ) async {
    switch event {
    case .signal: stop(&group, interrupted: true)
    case .watch(.left): stop(&group, interrupted: false)
    case .host(let place, let reading, let services, let policies):
      asking.take(arrived(place, reading, services, policies), into: &pending, in: &group)
    case .bmc(let reading):
      let name = reading.result.batch.host
      busy.remove(.bmc(name))
      states[name, default: HostState()].take(reading.result)
      asking.take(event, into: &pending, in: &group)
      if era.hosts[name] == nil || reading.failure?.reason == .cancelled {
        pending.bmcs.removeLast()
        if era.hosts[name] == nil { states[name] = nil }
      }
    case .spool(let pull):
      busy.remove(.spool(pull.spool.carrier.name))
      asking.take(event, into: &pending, in: &group)
    case .second, .turn: asking.take(event, into: &pending, in: &group)
    case .nothing: break
    case .watch(let event): await take(event, in: &group)
    }
    guard !isStopping else { return }
    skip()
    keep(in: &group)
  }

  private mutating func take(_ event: WatchEvent, in group: inout TaskGroup<PassEvent>) async {
    switch event {
    case .time: tick(in: &group)
    case .kept(let keeper, let outcome): kept(keeper, outcome, in: &group)
    case .delivered(let name, let delivery): delivered(name, delivery)
    case .notified(let warnings):
      isAlerting = false
      warn(warnings)
    case .pages(let results):
      isWriting = false
      for folder in results {
        if let failure = folder.failure { warn(["pages in \(folder.folder): \(failure)"]) }
      }
    case .pinged(let trouble):
      isPinging = false
      if let trouble { warn([trouble]) }
    case .changed(let names):
      if names.contains(where: era.files.matters) {
        // Editors write several times, and several files.
        reloadAt = .after(.milliseconds(300))
      }
      waitForChanges(in: &group)
    case .hangup:
      reloadAt = .now
      isForced = true
      waitForHangup(in: &group)
    case .read(let reading): await read(reading, in: &group)
    case .left: break
    }
  }

  private mutating func stop(_ group: inout TaskGroup<PassEvent>, interrupted: Bool) {
    guard !isStopping else { return }
    isStopping = true
    end.isInterrupted = interrupted
    voice.isStopping()
    // Running tasks end at once; what they have so far is kept.
    asking.isStopped = true
    group.cancelAll()
  }

  /// The last batch, and its delivery: outside of the group, whose tasks were cancelled.
  private mutating func finish() async {
    guard var keeper else { return }
    if let next { await keeper.enter(next) }
    let order = Keeper.Order(isLast: true, fault: fault?.line, figures: figures)
    var report = pending
    report.start = .now
    let outcome = await keeper.keep(report, order)
    end.storeFailure = outcome.storeFailure
    let limit = Deadline.after(.milliseconds(1_500))
    var failed = 0
    for index in lanes.indices {
      lanes[index].isBusy = false
      lanes[index].isNew = true
      if !lanes[index].sink.isDurable || outcome.storeFailure != nil {
        lanes[index].append(lanes[index].sink.payloads(outcome.batches))
      }
      guard let work = lanes[index].begin() else { continue }
      let delivery = await work.deliver(lanes[index].sink, means.store, on: reactor, by: limit)
      if delivery.error != nil { failed += 1 }
      lanes[index].sink.close()
    }
    end.isUndelivered = !lanes.isEmpty && failed == lanes.count
    for notifier in era.site.contacts.flatMap(\.notifiers) { notifier.close() }
    voice.say(Notable(.ended, .ok, "ended in order"))
  }

  // MARK: Times

  /// Starts what is due, and waits for what is due next.
  private mutating func tick(in group: inout TaskGroup<PassEvent>) {
    let now = Timestamp.now
    let instant = Deadline.now
    let present = OwnClock()
    let jump = present.jump(since: clock)
    clock = present
    if jump > .seconds(1) || jump < .seconds(-1) { ticker.restart(at: now) }
    for (key, due, missed) in ticker.take(at: now) {
      let late = now.since(due)
      begin(key, due: instant.advanced(by: .zero - late), missed: missed, at: now)
    }
    asking.start(in: &group)
    if let at = reloadAt, at <= instant, !isReading { reload(in: &group) }
    for index in lanes.indices { deliver(index, in: &group) }
    writePages(in: &group)
    voice.isAlive()
    let limit = Deadline.after(Self.patience)
    if instant.since(noted) > .seconds(5) {
      noted = instant
      means.watchdog.expect(by: limit, note?.extended(to: limit))
    } else {
      means.watchdog.expect(by: limit)
    }
    wait(in: &group)
  }

  /// How long the loop may stand still.
  private static let patience = Duration.seconds(30)

  private mutating func begin(
    _ key: Ticker.Key, due: Deadline, missed: Int, at now: Timestamp
  ) {
    switch key {
    case .host(let name):
      count(missed)
      if busy.contains(key) { return count(1) }
      guard var job = era.job(name, states[name] ?? HostState(), due: due, at: now) else { return }
      job.collection?.earlier = policies[name] ?? [:]
      busy.insert(key)
      figures.asked += 1
      asking.append(job)
    case .bmc(let name):
      count(missed)
      if busy.contains(key) { return count(1) }
      guard let job = era.bmc(name, states[name] ?? HostState(), due: due, at: now) else { return }
      busy.insert(key)
      figures.asked += 1
      asking.append(job)
    case .chore(.round):
      isRoundDue = true
      for job in era.spools where busy.insert(.spool(job.spool.carrier.name)).inserted {
        asking.append(job, known: means.store)
      }
      means.limits.beginPass()
    case .spool: break
    case .chore(.alerts): isAlertTime = true
    case .chore(.pages): arePagesDue = true
    }
  }

  private mutating func count(_ missed: Int) {
    figures.missed += missed
    figures.allMissed += missed
  }

  /// Waits for the next due time, at most a second.
  private func wait(in group: inout TaskGroup<PassEvent>) {
    var length = Duration.seconds(1)
    if let next = ticker.next { length = min(length, next.since(.now)) }
    if let reloadAt { length = min(length, reloadAt.remaining) }
    let until = Deadline.after(max(length, .milliseconds(10)))
    let reactor = reactor
    group.addTask(executorPreference: reactor.executor) {
      await reactor.open { try? await $0.sleep(until: until) }
      return .watch(.time)
    }
  }

  /// Reports those that were left out.
  private mutating func skip() {
    let skipped = asking.takeSkipped()
    figures.lateness = max(figures.lateness, asking.takeLongestWait())
    guard !skipped.isEmpty else { return }
    for item in skipped { busy.remove(item.isBMC ? .bmc(item.name) : .host(item.name)) }
    figures.skipped += skipped.count
    figures.allSkipped += skipped.count
    let worst = skipped.map(\.late).max() ?? .zero
    let names = fold(Set(skipped.map(\.name)).sorted())
    say(
      Notable(
        .skipped, .minor,
        "\(names): not asked, being \(Format.duration(worst)) late (`lateness:`); "
          + "raise --fanout, or see `scrape status --limits`", [("HOSTS", names)]),
      once: "skipped")
  }

  // MARK: Answers

  /// What a host answered, as it goes into the batch.
  private mutating func arrived(
    _ place: Int, _ reading: HostReading?, _ services: ServiceReading?,
    _ collection: CollectionReading?
  ) -> PassEvent {
    var reading = reading
    guard let name = (reading?.result ?? services?.result ?? collection?.result)?.batch.host else {
      return .host(place, nil, nil, nil)
    }
    busy.remove(.host(name))
    // One that was removed since, or was cut short by the end.
    guard era.hosts[name] != nil, reading?.failure?.reason != .cancelled else {
      return .host(place, nil, nil, nil)
    }
    // The BMC was read meanwhile: what the session of the host knows of it is older.
    if reading != nil, let memory = states[name]?.memory[BMCReading.name] {
      reading?.result.memory[BMCReading.name] = memory
    }
    if let result = reading?.result { states[name, default: HostState()].take(result) }
    if let result = services?.result { states[name, default: HostState()].take(result) }
    if let result = collection?.result { states[name, default: HostState()].take(result) }
    for outcome in collection?.outcomes ?? [] {
      self.policies[name, default: [:]][outcome.policy] = outcome
    }
    return .host(place, reading, services, collection)
  }

  // MARK: Words

  mutating func warn(_ warnings: [String]) {
    for warning in warnings { say(Notable(.warning, .minor, warning), once: warning) }
  }

  /// Says it, but not again within ten minutes.
  mutating func say(_ notable: Notable, once key: String?) {
    if let key {
      if let last = said[key], Deadline.now.since(last) < .seconds(600) { return }
      if said.count > 256 { said = said.filter { Deadline.now.since($0.value) < .seconds(600) } }
      if said.count < 1024 { said[key] = .now }
    }
    voice.say(notable)
  }
}

/// No display: the watch shows its progress in another way.
struct NoProgress: PassProgress {
  func begin(_ total: Int) {}
  func started(_ host: String) {}
  func ended(_ host: String) {}
  func tick(on reactor: Reactor) async {}
  func end() {}
}
