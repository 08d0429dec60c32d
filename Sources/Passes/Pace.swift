internal import Configuration
internal import Inventory
internal import Metrics

/// Which due times follow each other: those of passes that a timer starts, or those of the watch.
public enum Pace: Sendable {
  /// From the last due time; what has no interval is due in each pass.
  case passes
  /// At fixed phases of each interval, so that hosts are spread over it; `base` is the interval of what has
  /// none.
  case phases(base: Duration)

  /// The shortest interval of the watch.
  private static let shortest = Duration.seconds(1)

  /// Whether something is due now.
  enum Clock {
    case always
    /// The next due time, and the delay.
    case now(next: Timestamp, late: Duration)
    case later
  }

  /// The phase of a host or of something else with a name: the same in each process, and spread evenly over
  /// all numbers, also for names that differ in one letter.
  static func phase(_ name: String) -> UInt64 {
    // FNV leaves similar names close to each other: the finalizer of MurmurHash3 spreads them.
    var hash = name.utf8.fnv1a
    hash ^= hash >> 33
    hash = hash &* 0xff51_afd7_ed55_8ccd
    hash ^= hash >> 33
    hash = hash &* 0xc4ce_b9fe_1a85_ec53
    return hash ^ (hash >> 33)
  }

  /// The schedule as it holds for a host.
  func schedule(_ schedule: Schedule, of host: Host) -> Schedule {
    switch self {
    case .passes: schedule.atLeast(host.every ?? .zero)
    case .phases(let base):
      // A host with `every` is asked that often, be that more or less often than others.
      schedule.zero(is: host.every ?? base).atLeast(max(host.every ?? .zero, Self.shortest))
    }
  }

  func clock(
    _ schedule: Schedule, of host: Host, due known: Timestamp?, at now: Timestamp
  ) -> Clock {
    let own = self.schedule(schedule, of: host)
    switch self {
    case .passes:
      guard own.isPlain, let every = own.shortest else {
        return Self.clock(own, due: known, at: now)
      }
      return Self.clock(every: every, due: known, at: now)
    case .phases:
      let phase = Self.phase(host.name)
      guard own.isPlain, let every = own.shortest else {
        return Self.clock(own, due: known, at: now, phase: phase)
      }
      guard case .now(_, let late) = Self.clock(every: every, due: known, at: now) else {
        return .later
      }
      // One that is due a moment early is not due once more at that time.
      let wait = known.map { $0.since(now) } ?? .zero
      let from = wait > .zero && wait <= every ? now.after(wait) : now
      return .now(next: own.next(after: from, phase: phase), late: late)
    }
  }

  static func clock(every: Duration, due known: Timestamp?, at now: Timestamp) -> Clock {
    guard every > .zero else { return .always }
    let due = known ?? now
    // Timers jitter: up to a tenth of the interval, at most 2 s, early counts as due.
    let slack = slack(of: every).nanoseconds
    let wait = due.nanoseconds.subtractingReportingOverflow(now.nanoseconds)
    // A due time further away than the interval comes from a clock that was set back.
    if !wait.overflow, wait.partialValue > slack, wait.partialValue <= every.nanoseconds {
      return .later
    }
    let late = Duration.nanoseconds(max(0, 0 &- wait.partialValue))
    let isPunctual = late < every && wait.partialValue <= slack
    return .now(
      next: (isPunctual ? due : now).after(every),
      late: known == nil ? .zero : late)
  }

  private static func slack(of every: Duration) -> Duration { min(every / 10, .seconds(2)) }

  /// The same for a schedule of several parts. What was never done waits until one of them holds.
  private static func clock(
    _ schedule: Schedule, due known: Timestamp?, at now: Timestamp, phase: UInt64? = nil
  ) -> Clock {
    func next(after time: Timestamp) -> Timestamp {
      phase.map { schedule.next(after: time, phase: $0) } ?? schedule.next(after: time)
    }
    guard let known else {
      if let every = schedule.interval(at: now) {
        return every == .zero ? .always : .now(next: next(after: now), late: .zero)
      }
      // Its first time of the day may be in a week, and is not stored yet.
      let slack = Duration.seconds(60)
      let start = next(after: now.before(slack))
      return start <= now ? .now(next: next(after: now), late: .zero) : .later
    }
    let every = schedule.interval(at: now)
    if every == .zero { return .always }
    let slack = slack(of: every ?? .seconds(20))
    let wait = known.since(now)
    // As above: no schedule waits for longer than its interval, or than eight days.
    guard wait <= slack || wait > every ?? .seconds(9 * 86_400) else { return .later }
    let from = wait > .zero && wait <= slack ? known : now
    return .now(next: next(after: from), late: max(.zero, .zero - wait))
  }
}
