internal import Probes
internal import Notifiers
internal import Alerts
internal import Engine
internal import Hosts
internal import Inventory
internal import Metrics
internal import Sinks
internal import Store

/// Batches of the watch: results are evaluated and stored together, and what follows from them: lines of
/// the log, deliveries, notifications, pages.
extension WatchLoop {
  // MARK: Batches

  /// At most one batch a second: small ones cost a transaction each.
  private static let pause = Duration.seconds(1)

  mutating func keep(in group: inout TaskGroup<PassEvent>) {
    guard let keeper, Deadline.now.since(lastBatch) >= Self.pause else { return }
    let isEmpty =
      pending.readings.isEmpty && pending.services.isEmpty && pending.bmcs.isEmpty
      && pending.collections.isEmpty
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

  mutating func kept(
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

  mutating func deliver(_ index: Int, in group: inout TaskGroup<PassEvent>) {
    guard let work = lanes[index].begin() else { return }
    let (sink, store, reactor) = (lanes[index].sink, means.store, reactor)
    let limit = Deadline.after(era.site.settings.deliveryTimeout)
    group.addTask(executorPreference: reactor.executor) {
      await Activity.named("sink \(sink.name)") {
        .watch(.delivered(sink.name, await work.deliver(sink, store, on: reactor, by: limit)))
      }
    }
  }

  mutating func delivered(_ name: String, _ delivery: Delivery) {
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

  mutating func writePages(in group: inout TaskGroup<PassEvent>) {
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
}
