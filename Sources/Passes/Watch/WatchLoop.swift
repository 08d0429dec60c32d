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
  private let means: Era.Means
  private let note: Lock.Note?
  private let window: WatchWindow
  private let changed: @Sendable () -> Void
  private let voice: any WatchVoice
  private let load: @Sendable () -> Result<WatchSetup, WatchError>

  private var era: Era
  private var ticker: Ticker
  private var states: [String: HostState]
  private var asking: Asking
  /// The last results of policies, by host.
  private var policies: [String: [String: PolicyOutcome]] = [:]
  /// What is being asked.
  private var busy: Set<Ticker.Key> = []
  private var figures = WatchFigures()
  private var clock = OwnClock()

  /// What was gathered for the next batch.
  private var pending = Pass.Report(start: .now)
  /// Nil while it works.
  private var keeper: Keeper?
  /// The files that the keeper goes on with at its next batch.
  private var next: Era?
  private var lastBatch = Deadline(nanoseconds: 0)
  private var isRoundDue = true
  private var isAlertTime = false
  private var hasStored = true

  private var lanes: [SinkLane]
  private var isAlerting = false
  private var arePagesDue = true
  private var isWriting = false
  private var lastPages = Deadline(nanoseconds: 0)
  private var isPinging = false

  private var folders: FolderWatch?
  private var fingerprint: UInt64 = 0
  private var reloadAt: Deadline?
  private var isForced = false
  private var isReading = false
  private var fault: WatchError?

  private var said: [String: Deadline] = [:]
  private var noted = Deadline(nanoseconds: 0)
  private var isStopping = false
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

  private var reactor: Reactor { means.reactors[0] }

  // MARK: Life

  mutating func run(beside companions: [Watch.Companion]) async -> Watch.End {
    let files = era.files
    fingerprint = await reactor.open { reactor in
      await Self.disk.run(by: .after(.seconds(10)), on: reactor) { files.fingerprint } ?? 0
    }
    folders = try? FolderWatch(files.folders)
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
      job.policies?.earlier = policies[name] ?? [:]
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
    _ place: Int, _ reading: HostReading?, _ services: ServiceReading?, _ policies: PolicyReading?
  ) -> PassEvent {
    var reading = reading
    guard let name = (reading?.result ?? services?.result ?? policies?.result)?.batch.host else {
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
    if let result = policies?.result { states[name, default: HostState()].take(result) }
    for outcome in policies?.outcomes ?? [] {
      self.policies[name, default: [:]][outcome.policy] = outcome
    }
    return .host(place, reading, services, policies)
  }

  // MARK: Batches

  /// At most one batch a second: small ones cost a transaction each.
  private static let pause = Duration.seconds(1)

  private mutating func keep(in group: inout TaskGroup<PassEvent>) {
    guard let keeper, Deadline.now.since(lastBatch) >= Self.pause else { return }
    let isEmpty =
      pending.readings.isEmpty && pending.services.isEmpty && pending.bmcs.isEmpty
      && pending.policies.isEmpty
    // What came from spools is evaluated together, once a round.
    let isFetching = busy.contains { if case .spool = $0 { true } else { false } }
    let hasPulls = !pending.pulls.isEmpty && !isFetching
    guard !isEmpty || hasPulls || isRoundDue || isAlertTime && !isAlerting else { return }
    var report = pending
    report.start = .now
    pending = Pass.Report(start: .now)
    if isFetching { swap(&pending.pulls, &report.pulls) }
    figures.batches += 1
    (figures.running, figures.waiting) = (asking.running, asking.waiting)
    let order = Keeper.Order(
      isRound: isRoundDue, alerts: !isAlerting, reminds: isAlertTime && !isAlerting,
      fault: fault?.line, figures: figures)
    if isRoundDue { figures.next() }
    if order.reminds { isAlertTime = false }
    isRoundDue = false
    lastBatch = .now
    self.keeper = nil
    let next = next
    self.next = nil
    // The batch may change incidents: it holds the place of their delivery until that begins.
    isAlerting = true
    group.addTask { [report] in
      await Activity.named("batch") {
        var keeper = keeper
        if let next { await keeper.enter(next) }
        let outcome = await keeper.keep(report, order)
        return .watch(.kept(keeper, outcome))
      }
    }
  }

  private mutating func kept(
    _ keeper: Keeper, _ outcome: Keeper.Outcome, in group: inout TaskGroup<PassEvent>
  ) {
    self.keeper = keeper
    guard !isStopping else { return }
    changed()
    report(outcome)
    for index in lanes.indices {
      if outcome.storeFailure != nil || !lanes[index].sink.isDurable {
        lanes[index].append(lanes[index].sink.payloads(outcome.batches))
      } else if outcome.points > 0 {
        lanes[index].isNew = true
      }
      deliver(index, in: &group)
    }
    alert(outcome, in: &group)
    if outcome.hasTransitions { arePagesDue = true }
    writePages(in: &group)
    if let ping = outcome.ping, !isPinging {
      isPinging = true
      let reactor = reactor
      group.addTask { .watch(.pinged(await ping.send(on: reactor))) }
    }
  }

  private mutating func report(_ outcome: Keeper.Outcome) {
    for trouble in outcome.news?.troubles ?? [] { voice.say(Notable(trouble)) }
    for (check, hosts) in outcome.recovered.sorted(by: { $0.key < $1.key }) {
      let names = fold(hosts.sorted())
      voice.say(
        Notable(.recovered, .ok, "\(names)  \(check)", [("HOSTS", names), ("CHECK", check)]))
    }
    warn(outcome.warnings)
    if let failure = outcome.storeFailure {
      if hasStored {
        say(Notable(.unstored, .critical, "the store cannot be written: \(failure)"), once: nil)
      }
    } else if !hasStored {
      voice.say(Notable(.stored, .ok, "the store is written again"))
    }
    hasStored = outcome.storeFailure == nil
    guard outcome.isRound else { return }
    let queued = lanes.contains { $0.failure != nil } ? " · a sink fails" : ""
    voice.status(
      "\(Format.count(outcome.up)) of \(Format.count(outcome.hosts, "host")) up · last batch "
        + "\(Format.time(.now))\(queued)\(fault == nil ? "" : " · FAULTY FILES NOT IN FORCE")")
  }

  // MARK: Deliveries

  private mutating func deliver(_ index: Int, in group: inout TaskGroup<PassEvent>) {
    guard let work = lanes[index].begin() else { return }
    let (sink, store, reactor) = (lanes[index].sink, means.store, reactor)
    let limit = Deadline.after(era.site.settings.deliveryTimeout)
    group.addTask(executorPreference: reactor.executor) {
      await Activity.named("sink \(sink.name)") {
        .watch(.delivered(sink.name, await work.deliver(sink, store, on: reactor, by: limit)))
      }
    }
  }

  private mutating func delivered(_ name: String, _ delivery: Delivery) {
    guard let index = lanes.firstIndex(where: { $0.sink.name == name }) else { return }
    lanes[index].isBusy = false
    let before = lanes[index].failure
    lanes[index].failure = delivery.error.map { "\($0)" }
    guard !isStopping else { return }
    if delivery.receipt.refused > 0 {
      let words = delivery.receipt.messages.first ?? "no reason given"
      say(
        Notable(
          .undelivered, .major,
          "\(name): \(Format.count(delivery.receipt.refused, "point")) refused: \(words)",
          [("SINK", name)]), once: "refused \(name)")
    }
    if let error = delivery.error {
      // The queue is tried again: the sink itself knows when.
      lanes[index].retryAt = .after(.seconds(1))
      if before == nil {
        voice.say(
          Notable(
            .undelivered, .major, "\(error); its points wait in the store", [("SINK", name)]))
      }
    } else if before != nil {
      voice.say(Notable(.delivered, .ok, "\(name): points are delivered again", [("SINK", name)]))
    }
  }

  private mutating func alert(_ outcome: Keeper.Outcome, in group: inout TaskGroup<PassEvent>) {
    guard outcome.hadAlerts else { return }
    let (reactor, contacts, path) = (reactor, era.site.contacts, era.site.storePath)
    let limit = Deadline.after(era.site.settings.deliveryTimeout)
    if let failure = outcome.storeFailure {
      // Without the store every batch would send the same notifications again.
      group.addTask {
        .watch(
          .notified(
            await StoreAlarm(beside: path, at: .now)
              .send(failure, to: contacts, on: reactor, by: limit)))
      }
    } else if let alerting = outcome.alerting {
      group.addTask {
        await Activity.named("alerts") {
          StoreAlarm(beside: path, at: .now).clear()
          var alerting = alerting
          await alerting.send(on: reactor, by: limit)
          return .watch(.notified(alerting.warnings))
        }
      }
    } else {
      isAlerting = false
    }
  }

  // MARK: Pages

  private static let pagesEvery = Duration.seconds(2)

  private mutating func writePages(in group: inout TaskGroup<PassEvent>) {
    guard arePagesDue, !isWriting, hasStored, !isStopping, !era.site.pages.isEmpty,
      Deadline.now.since(lastPages) >= Self.pagesEvery
    else { return }
    arePagesDue = false
    isWriting = true
    lastPages = .now
    let writer = PageWriter(era.site, means.store)
    group.addTask {
      await Activity.named("pages") { .watch(.pages(await writer.write(at: .now))) }
    }
  }

  // MARK: Files

  /// Reads files, which may block.
  private static let disk = BlockingPool(name: "files", threads: 2)

  private func waitForHangup(in group: inout TaskGroup<PassEvent>) {
    let (signals, reactor) = (means.watchdog.signals, reactor)
    group.addTask {
      await reactor.open { (try? await signals.nextHangup(on: $0)) != nil }
        ? .watch(.hangup) : .nothing
    }
  }

  private func waitForChanges(in group: inout TaskGroup<PassEvent>) {
    guard let folders, !isStopping else { return }
    let reactor = reactor
    group.addTask {
      let names = await reactor.open { try? await folders.next(on: $0) }
      return names.map { .watch(.changed($0)) } ?? .nothing
    }
  }

  private mutating func reload(in group: inout TaskGroup<PassEvent>) {
    reloadAt = nil
    isReading = true
    let (load, reactor, means) = (load, reactor, means)
    let (files, known, number) = (era.files, isForced ? nil : fingerprint, era.number + 1)
    isForced = false
    group.addTask {
      await Activity.named("files") {
        let found = await reactor.open { reactor in
          await Self.disk.run(by: .after(.seconds(30)), on: reactor) {
            () -> (UInt64, Result<WatchSetup, WatchError>?) in
            let fingerprint = files.fingerprint
            return (fingerprint, fingerprint == known ? nil : load())
          }
        }
        guard let (fingerprint, result) = found else {
          let words = "the files could not be read in 30 s"
          return .watch(.read(.failed(WatchError(text: words, line: words), 0)))
        }
        switch result {
        case nil: return .watch(.read(.same))
        case .failure(let error): return .watch(.read(.failed(error, fingerprint)))
        case .success(let setup):
          let era = await Era(number, setup, means, at: .now)
          let states = (try? await means.store.load(Array(era.hosts.keys))) ?? [:]
          return .watch(.read(.new(era, states, fingerprint)))
        }
      }
    }
  }

  private mutating func read(
    _ reading: WatchEvent.Reading, in group: inout TaskGroup<PassEvent>
  ) async {
    isReading = false
    switch reading {
    case .same: break
    case .failed(let error, let found):
      fingerprint = found
      fault = error
      window.show(notes: ["\(error.line); the files of before stay in force"])
      voice.say(
        Notable(.faulty, .major, "\(error.text)\nnot taken over: the files of before stay in force")
      )
      isRoundDue = true
    case .new(let era, let loaded, let found):
      fingerprint = found
      fault = nil
      await enter(era, loaded, in: &group)
    }
  }

  private mutating func enter(
    _ era: Era, _ loaded: [String: HostState], in group: inout TaskGroup<PassEvent>
  ) async {
    let before = Set(self.era.hosts.keys)
    let now = Set(era.hosts.keys)
    self.era = era
    next = era
    ticker = era.ticker
    // What is known here is newer than the store.
    states = loaded.merging(states.filter { now.contains($0.key) }) { $1 }
    policies = policies.filter { now.contains($0.key) }
    asking.change(
      fanout: era.setup.fanout, bmcFanout: era.site.settings.bmcFanout, each: era.length)
    var old = lanes
    lanes = era.setup.sinks.map { sink in
      var lane = SinkLane(sink)
      if let place = old.firstIndex(where: { $0.sink.name == sink.name }) {
        let earlier = old.remove(at: place)
        lane.isBusy = earlier.isBusy
        lane.failure = earlier.failure
        lane.append(earlier.waiting)
      }
      lane.isNew = true
      return lane
    }
    folders = (try? FolderWatch(era.files.folders)) ?? folders
    waitForChanges(in: &group)
    let (kept, names) = (means.kept, now)
    group.addTask {
      await kept.keep(only: names)
      return .nothing
    }
    figures.reloads += 1
    isRoundDue = true
    window.show(era.site)
    window.show(notes: [])
    var words = "files taken over: \(Format.count(now.count, "host"))"
    let (more, fewer) = (now.subtracting(before), before.subtracting(now))
    if !more.isEmpty { words += ", new \(fold(more.sorted()))" }
    if !fewer.isEmpty { words += ", removed \(fold(fewer.sorted()))" }
    voice.say(Notable(.reloaded, .ok, words))
  }

  // MARK: Words

  private mutating func warn(_ warnings: [String]) {
    for warning in warnings { say(Notable(.warning, .minor, warning), once: warning) }
  }

  /// Says it, but not again within ten minutes.
  private mutating func say(_ notable: Notable, once key: String?) {
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
