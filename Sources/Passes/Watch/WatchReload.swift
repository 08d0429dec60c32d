internal import Probes
internal import Notifiers
internal import Alerts
internal import Engine
internal import Hosts
internal import Inventory
internal import Metrics
internal import Sinks
internal import Store

/// Files of the watch: when they are read again, and what is taken over.
extension WatchLoop {
  /// Reads files, which may block.
  private static let disk = BlockingPool(name: "files", threads: 2)

  mutating func beginWatchingFiles() async {
    let files = era.files
    fingerprint = await reactor.open { reactor in
      await Self.disk.run(by: .after(.seconds(10)), on: reactor) { files.fingerprint } ?? 0
    }
    folders = try? FolderWatch(files.folders)
  }

  func waitForHangup(in group: inout TaskGroup<PassEvent>) {
    let (signals, reactor) = (means.watchdog.signals, reactor)
    group.addTask {
      await reactor.open { (try? await signals.nextHangup(on: $0)) != nil }
        ? .watch(.hangup) : .nothing
    }
  }

  func waitForChanges(in group: inout TaskGroup<PassEvent>) {
    guard let folders, !isStopping else { return }
    let reactor = reactor
    group.addTask {
      let names = await reactor.open { try? await folders.next(on: $0) }
      return names.map { .watch(.changed($0)) } ?? .nothing
    }
  }

  mutating func reload(in group: inout TaskGroup<PassEvent>) {
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

  mutating func read(
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
    warn(era.warnings)
  }
}
