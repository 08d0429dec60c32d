internal import Engine
internal import Hosts
internal import IPMI
internal import Inventory
internal import Metrics
internal import Store

/// The hosts, BMCs and spools that wait to be asked or are being asked, each in a task of its own.
///
/// A pass appends all of them at once, the watch each at its time. Whatever one of them does, the others
/// go on: what limits how many run at once is the fan-out, and what they share with others.
struct Asking {
  /// The work for one BMC.
  struct BMCJob: Sendable {
    var turn: Plan.BMCTurn
    var gatherer: Gatherer
    var due: Deadline?
    var patience: Duration?
  }

  /// The deadline of all; `never` in the watch.
  private let deadline: Deadline
  /// The deadline of one, from its start.
  private var length: Duration?
  private let reactors: [Reactor]
  let limits: SharedLimits
  private let progress: any PassProgress
  private var lanes: HostLanes
  private var queue: BMCQueue
  private var jobs: [Int: Shared<Pass.Job>] = [:]
  private var bmcs: [String: BMCJob] = [:]
  private var spools: [(job: Pass.SpoolJob, store: Store)] = []
  private var appended = 0
  private var started = 0
  private var ended = 0
  private var isWaitingForTurn = false
  private var isWaitingASecond = false
  /// Nothing starts any more.
  var isStopped = false
  /// Hosts and BMCs that waited for longer than they may: they were not asked.
  private(set) var skipped: [(name: String, isBMC: Bool, late: Duration)] = []

  /// The longest time that one waited for its start.
  private var longestWait = Duration.zero

  init(
    fanout: Int, bmcFanout: Int, until deadline: Deadline, each length: Duration? = nil,
    reactors: [Reactor], limits: SharedLimits, progress: any PassProgress
  ) {
    self.deadline = deadline
    self.length = length
    self.reactors = reactors
    self.limits = limits
    self.progress = progress
    lanes = HostLanes([], fanout: fanout)
    queue = BMCQueue([], fanout: bmcFanout)
  }

  /// The number of tasks that run, and of those that wait for their start.
  var running: Int { started - ended }
  var waiting: Int { appended - started }
  /// Whether all that was appended has ended; or what had started, after a stop.
  var isDone: Bool { ended == (isStopped ? started : appended) }

  mutating func append(_ job: Pass.Job) {
    jobs[appended] = Shared(job)
    lanes.append(appended, wasSlow: job.wasSlow)
    appended += 1
  }

  mutating func append(_ job: BMCJob) {
    bmcs[job.turn.host.name] = job
    queue.append(job.turn)
    appended += 1
  }

  mutating func append(_ job: Pass.SpoolJob, known store: Store) {
    spools.append((job, store))
    appended += 1
  }

  /// What was skipped since the last call.
  mutating func takeSkipped() -> [(name: String, isBMC: Bool, late: Duration)] {
    defer { skipped = [] }
    return skipped
  }

  /// The longest wait since the last call.
  mutating func takeLongestWait() -> Duration {
    defer { longestWait = .zero }
    return longestWait
  }

  /// Goes on with other limits.
  mutating func change(fanout: Int, bmcFanout: Int, each length: Duration) {
    lanes.fanout = fanout
    queue.fanout = bmcFanout
    self.length = length
  }

  private var limit: Deadline { length.map { min(deadline, .after($0)) } ?? deadline }

  /// Starts as many as may run.
  mutating func start(in group: inout TaskGroup<PassEvent>) {
    guard !isStopped else { return }
    startHosts(in: &group)
    startBMCs(in: &group)
    startSpools(in: &group)
    waitASecond(in: &group)
  }

  /// Starts those whose host is not being scraped: a key that it refuses is shown once.
  private mutating func startSpools(in group: inout TaskGroup<PassEvent>) {
    guard !spools.isEmpty else { return }
    let scraped = Set(jobs.values.filter { $0.value.turn != nil }.map(\.value.host.name))
    for (job, store) in spools
    where job.tunnel == nil || !scraped.contains(job.spool.carrier.name) {
      let reactor = job.reactor ?? reactors[started % reactors.count]
      started += 1
      let (limit, progress) = (limit, progress)
      group.addTask(executorPreference: reactor.executor) {
        await Activity.named("\(job.spool.carrier.name) spool") {
          .spool(await job.fetch(known: store, on: reactor, by: limit, progress: progress))
        }
      }
    }
    spools.removeAll { $0.job.tunnel == nil || !scraped.contains($0.job.spool.carrier.name) }
  }

  /// What the collectors of a host met, a spool on it need not meet again.
  private mutating func passToSpools(of host: String?, _ failure: TargetError?) {
    guard let failure, failure.isOfSession else { return }
    for index in spools.indices where spools[index].job.spool.carrier.name == host {
      spools[index].job.failure = failure
    }
  }

  private mutating func startHosts(in group: inout TaskGroup<PassEvent>) {
    var gate = TurnGate(limits, until: deadline)
    while let place = lanes.next(where: { gate.admits(jobs[$0]?.value.shares ?? []) }) {
      guard let job = jobs[place] else { continue }
      let limits = limits
      started += 1
      if let late = late(job.value.due, job.value.patience) {
        skipped.append((job.value.host.name, false, late))
        limits.end(job.value.shares, answered: false)
        finish(place)
        continue
      }
      let reactor = job.value.reach.reactor ?? reactors[started % reactors.count]
      let (limit, progress) = (limit, progress)
      group.addTask(executorPreference: reactor.executor) {
        let name = job.value.host.name
        return await Activity.named(name) {
          progress.started(name)
          defer { progress.ended(name) }
          let (reading, services, policies) = await job.value.read(on: reactor, by: limit)
          limits.end(job.value.shares, answered: reading.map { $0.failure == nil } ?? true)
          return .host(place, reading, services, policies)
        }
      }
    }
    guard !isWaitingForTurn, let pause = gate.pause else { return }
    isWaitingForTurn = true
    let reactor = reactors[0]
    group.addTask {
      await reactor.open { try? await $0.sleep(until: .after(pause)) }
      return .turn
    }
  }

  private mutating func startBMCs(in group: inout TaskGroup<PassEvent>) {
    var gate = TurnGate(limits, until: deadline)
    while let turn = queue.next(where: { gate.admits($0.shares) }) {
      guard let job = bmcs.removeValue(forKey: turn.host.name) else { continue }
      let limits = limits
      started += 1
      if let late = late(job.due, job.patience) {
        skipped.append((turn.host.name, true, late))
        limits.end(turn.shares, answered: false)
        ended += 1
        queue.ended()
        continue
      }
      let reactor = reactors[started % reactors.count]
      let (limit, progress) = (limit, progress)
      group.addTask(executorPreference: reactor.executor) {
        await Activity.named("\(turn.host.name) bmc") {
          .bmc(await job.read(limits, on: reactor, by: limit, progress: progress))
        }
      }
    }
  }

  /// How late it is, where that is more than it may be.
  private mutating func late(_ due: Deadline?, _ patience: Duration?) -> Duration? {
    guard let due, let patience else { return nil }
    let late = Deadline.now.since(due)
    longestWait = max(longestWait, late)
    return late > patience ? late : nil
  }

  private mutating func waitASecond(in group: inout TaskGroup<PassEvent>) {
    guard !isWaitingASecond, lanes.hasWaiting else { return }
    isWaitingASecond = true
    let reactor = reactors[0]
    group.addTask {
      await reactor.open { try? await $0.sleep(until: .after(.seconds(1))) }
      return .second
    }
  }

  private mutating func finish(_ place: Int) {
    ended += 1
    lanes.ended(place)
    jobs[place] = nil
  }

  /// Takes what a task reports, and starts what may run now.
  mutating func take(
    _ event: PassEvent, into report: inout Pass.Report, in group: inout TaskGroup<PassEvent>
  ) {
    switch event {
    case .host(let place, let reading, let services, let collection):
      passToSpools(of: jobs[place]?.value.host.name, reading?.failure)
      finish(place)
      if let reading { report.readings.append(reading) }
      if let services { report.services.append(services) }
      if let collection { report.collections.append(collection) }
    case .bmc(let reading):
      ended += 1
      report.bmcs.append(reading)
      queue.ended()
    case .spool(let pull):
      ended += 1
      report.pulls.append(pull)
    case .second:
      isWaitingASecond = false
      lanes.sortOut()
    case .turn: isWaitingForTurn = false
    case .signal, .nothing, .watch: return
    }
    start(in: &group)
  }
}

/// A value that is handed on without a copy: that of a job counts a reference for each of its many parts.
private final class Shared<Value: Sendable>: Sendable {
  let value: Value

  init(_ value: Value) { self.value = value }
}

extension Asking.BMCJob {
  fileprivate func read(
    _ limits: SharedLimits, on reactor: Reactor, by deadline: Deadline, progress: any PassProgress
  ) async -> BMCReading {
    let name = "\(turn.host.name) bmc"
    let start = Deadline.now
    progress.started(name)
    defer { progress.ended(name) }
    let answer = await gatherer.ask(
      turn.settings, of: turn.host, remembering: turn.memory, on: reactor, by: deadline)
    if let failure = answer.failure, failure.reason == .busy, !answer.isResting {
      for key in turn.shares {
        limits.refuse(key, by: turn.host.name, .own, failure, began: start)
      }
    }
    limits.end(turn.shares, answered: answer.failure == nil)
    return BMCReading(answer, of: turn, took: Deadline.now.since(start))
  }
}

extension TargetError {
  /// Whether there was no session, and another one would fail alike.
  fileprivate var isOfSession: Bool {
    switch reason {
    case .authFailed, .resting, .connectionRefused, .unreachable, .nameUnknown, .hostKeyChanged,
      .hostKeyUnknown, .hostKeyRevoked, .forwardingRefused:
      true
    default: false
    }
  }
}
