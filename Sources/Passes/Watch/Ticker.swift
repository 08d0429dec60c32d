internal import Probes
internal import Inventory
internal import Configuration
internal import Engine
internal import Metrics

/// When each host, BMC and chore of the watch is due: a queue by time.
///
/// What was missed is not piled up: an item that is due several times at once is due once, and the rest is
/// counted. It holds no clock: all times are given.
struct Ticker {
  /// What is due.
  enum Key: Sendable, Hashable {
    case host(String)
    case bmc(String)
    case spool(String)
    case chore(Chore)
  }

  /// What the watch does besides asking.
  enum Chore: Sendable, Hashable, CaseIterable {
    /// Self-checks, summaries, own points, spools, the dead-man ping.
    case round
    /// Reminders, ends of silences, reports.
    case alerts
    case pages
  }

  private struct Item: Comparable {
    var key: Key
    var schedules: [Schedule]
    var phase: UInt64
    var due: Timestamp

    func next(after time: Timestamp) -> Timestamp {
      schedules.map { $0.next(after: time, phase: phase) }.min() ?? time.after(.seconds(86_400))
    }

    static func < (a: Item, b: Item) -> Bool { a.due < b.due }
  }

  private var items = Heap<Item>()

  /// Adds an item, which is due at its first phase after `now`.
  mutating func add(_ key: Key, _ schedules: Set<Schedule>, phase: UInt64, at now: Timestamp) {
    guard !schedules.isEmpty else { return }
    var item = Item(key: key, schedules: Array(schedules), phase: phase, due: now)
    item.due = item.next(after: now)
    items.push(item)
  }

  /// The time of the next item; nil without any.
  var next: Timestamp? { items.first?.due }

  /// The items that are due, each with its time and the number of times that were missed since.
  mutating func take(at now: Timestamp) -> [(key: Key, due: Timestamp, missed: Int)] {
    var taken: [(key: Key, due: Timestamp, missed: Int)] = []
    while var first = items.first, first.due <= now {
      var missed = 0
      var next = first.next(after: first.due)
      while next <= now, missed < Self.most {
        missed += 1
        next = first.next(after: next)
      }
      if next <= now { next = first.next(after: now) }
      taken.append((first.key, first.due, missed))
      first.due = next
      items.replaceFirst(by: first)
    }
    return taken
  }

  /// More are not counted one by one.
  private static let most = 1000

  /// Begins anew at `now`, after the clock was set: nothing is due at once, nothing was missed.
  mutating func restart(at now: Timestamp) {
    for item in items.takeAll() { add(item.key, Set(item.schedules), phase: item.phase, at: now) }
  }
}

extension Ticker {
  /// The items of these hosts, and the chores.
  init(
    of plan: Plan, pace: Pace, every base: Duration, facts: Duration?, at now: Timestamp
  ) {
    var schedules: [String: Set<Schedule>] = [:]
    for turn in plan.turns {
      for task in turn.tasks {
        schedules[turn.host.name, default: []].insert(pace.schedule(task.schedule, of: turn.host))
      }
    }
    for turn in plan.probes {
      for plan in turn.plans {
        let own = plan.schedule ?? Schedule(every: .zero)
        schedules[turn.host.name, default: []].insert(pace.schedule(own, of: turn.host))
      }
    }
    for turn in plan.collections {
      if turn.facts != nil, let facts {
        schedules[turn.host.name, default: []].insert(
          pace.schedule(Schedule(every: facts), of: turn.host))
      }
      for entry in turn.work.entries {
        schedules[turn.host.name, default: []].insert(
          pace.schedule(Schedule(every: entry.settings.every), of: turn.host))
      }
    }
    for (host, own) in schedules { add(.host(host), own, phase: Pace.phase(host), at: now) }
    for turn in plan.bmcs {
      // At another time than its host's collectors.
      add(
        .bmc(turn.host.name), [pace.schedule(turn.settings.schedule, of: turn.host)],
        phase: Pace.phase("\(turn.host.name) bmc"), at: now)
    }
    for chore in Chore.allCases {
      let every: Duration =
        switch chore {
        case .round: base
        case .alerts: .seconds(5)
        case .pages: max(base, .seconds(2))
        }
      add(.chore(chore), [Schedule(every: every)], phase: Pace.phase("\(chore)"), at: now)
    }
  }
}
