internal import Collectors
internal import Configuration
public import Metrics
internal import Sinks
public import Store
public import Hosts
public import Inventory
public import Probes

/// The work of one pass: hosts, BMCs and probes that are due.
public struct Plan: Sendable {
  /// The due collectors of one host.
  public struct Turn: Sendable {
    public var host: Host
    var profile: Profile
    /// The due collectors in the order of the list.
    public var tasks: [Profile.Task]
    /// The next due time of each.
    var due: [String: Timestamp]
    var state: HostState
    /// The largest delay since a due time.
    var lateness: Duration
    /// The batch, shared by hosts with the same due collectors.
    public var batch: Batch = Batch(of: [])

    public init(
      host: Host,
      profile: Profile,
      tasks: [Profile.Task],
      due: [String: Timestamp],
      state: HostState,
      lateness: Duration,
      batch: Batch? = nil
    ) {
      self.host = host
      self.profile = profile
      self.tasks = tasks
      self.due = due
      self.state = state
      self.lateness = lateness
      self.batch = batch ?? Batch(of: [])
    }
  }

  /// The BMC of one host, whether or not a collector of the host is due.
  public struct BMCTurn: Sendable {
    public var host: Host
    public var settings: BMCSettings
    var due: Timestamp?
    /// The memory of the BMC.
    public var memory: [String: [UInt64]]

    /// The limit that it shares with others.
    var shares: [Governor.Key] { [.init(.bmcs, settings.subnet)] }
  }

  /// The probes of one host.
  public struct ProbeTurn: Sendable {
    public var host: Host
    public var plans: [ProbePlan]
    /// The next due time, by the key of each plan.
    var due: [String: Timestamp]

    /// The key of a plan's due time in the store: those without a schedule share one.
    static func key(_ plan: ProbePlan) -> String {
      plan.schedule == nil ? ServiceReading.name : "\(ServiceReading.name) \(plan.service)"
    }
  }

  public var turns: [Turn]
  public var bmcs: [BMCTurn] = []
  public var probes: [ProbeTurn] = []
  /// Policies and facts.
  public internal(set) var collections: [CollectionTurn] = []
  /// Hosts that were slow at the last pass.
  var slow: Set<String> = []
  /// The number of hosts with nothing due.
  public var idle = 0

  /// Selects the due collectors of the hosts' profiles.
  ///
  /// A collector that missed several intervals runs once. The next due time counts from the last due time,
  /// so that an interval keeps its length when passes jitter.
  public init(
    _ hosts: [Host], settings: Settings, probes book: ProbeBook = ProbeBook(),
    states: [String: HostState], at now: Timestamp,
    only: Set<String>? = nil, pace: Pace = .passes, batches: BatchBook = BatchBook()
  ) {
    turns = []
    for host in hosts {
      guard let profile = settings.profiles[host.profile] else { continue }
      let state = states[host.name] ?? HostState()
      if HostLanes.wasSlow(state, at: now) { slow.insert(host.name) }
      var turn = Turn(
        host: host, profile: profile, tasks: [], due: [:], state: state, lateness: .zero)
      for task in profile.tasks {
        if let only {
          if only.contains(task.collector) { turn.tasks.append(task) }
          continue
        }
        switch pace.clock(task.schedule, of: host, due: state.due[task.collector], at: now) {
        case .always: turn.tasks.append(task)
        case .now(let next, let late):
          turn.tasks.append(task)
          turn.due[task.collector] = next
          turn.lateness = max(turn.lateness, late)
        case .later: break
        }
      }
      let bmc = bmcTurn(host, state, at: now, only: only, pace)
      if let bmc { bmcs.append(bmc) }
      let probe = Self.probeTurn(host, book[host.name], state, at: now, only: only, pace)
      if let probe { probes.append(probe) }
      if !turn.tasks.isEmpty {
        turns.append(turn)
      } else if bmc == nil, probe == nil {
        idle += 1
      }
    }
    makeBatches(batches)
  }

  private func bmcTurn(
    _ host: Host, _ state: HostState, at now: Timestamp, only: Set<String>?, _ pace: Pace
  ) -> BMCTurn? {
    guard let settings = host.bmc, only?.contains(BMCReading.name) != false else { return nil }
    var turn = BMCTurn(
      host: host, settings: settings, memory: state.memory[BMCReading.name]?.values ?? [:])
    if only != nil { return turn }
    switch pace.clock(settings.schedule, of: host, due: state.due[BMCReading.name], at: now) {
    case .always: return turn
    case .now(let next, _):
      turn.due = next
      return turn
    case .later: return nil
    }
  }

  private static func probeTurn(
    _ host: Host, _ plans: [ProbePlan], _ state: HostState, at now: Timestamp, only: Set<String>?,
    _ pace: Pace
  ) -> ProbeTurn? {
    guard !plans.isEmpty, only?.contains(ServiceReading.name) != false else { return nil }
    var turn = ProbeTurn(host: host, plans: plans, due: [:])
    if only != nil { return turn }
    turn.plans = plans.filter { plan in
      let key = ProbeTurn.key(plan)
      let schedule = plan.schedule ?? Schedule(every: .zero)
      switch pace.clock(schedule, of: host, due: state.due[key], at: now) {
      case .always: return true
      case .now(let next, _):
        turn.due[key] = next
        return true
      case .later: return false
      }
    }
    return turn.plans.isEmpty ? nil : turn
  }

  /// Makes the batches.
  public mutating func makeBatches(_ book: BatchBook = BatchBook()) {
    for index in turns.indices { turns[index].batch = book.batch(of: turns[index].tasks) }
  }
}

extension Batch {
  init(of tasks: [Profile.Task]) {
    self.init(
      tasks.compactMap { task in
        Collectors.collectors.first { $0.name == task.collector }.map { Item($0, task.options) }
      })
  }
}
