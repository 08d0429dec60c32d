public import Metrics
internal import Sinks
public import Store

/// The last pass over all hosts: its age, and whether that is too old.
///
/// Passes of a timer count. Passes from a terminal count only as long as there are no others; passes over
/// a part of the inventory never count. Neither shows that the timer runs.
public struct LastPass: Sendable {
  /// The last pass that counts; nil before the first.
  let pass: PassSummary?
  /// The latest pass of any kind.
  private let newest: PassSummary?
  /// The usual interval; nil with fewer than three passes.
  public let interval: Duration?
  private let now: Timestamp

  /// The number of intervals of the median.
  private static let intervals = 9
  /// The limit of the age without an interval.
  private static let unlearnt = Duration.seconds(3600)
  /// The minimum of the limit of three intervals: passes in quick succession come from a script.
  private static let least = Duration.seconds(30)

  public init(in store: Store, at now: Timestamp = .now) async throws {
    var passes = try await store.passes(Self.intervals + 1, of: .timer)
    if passes.isEmpty { passes = try await store.passes(Self.intervals + 1, of: .hand) }
    self.init(passes, newest: try await store.passes(1).first, at: now)
  }

  /// `passes` are those that count, newest first.
  init(_ passes: [PassSummary], newest: PassSummary?, at now: Timestamp) {
    pass = passes.first
    self.newest = newest
    self.now = now
    let steps = zip(passes, passes.dropFirst())
      .map { Self.length(from: $1.start, to: $0.start) }.filter { $0 > .zero }.sorted()
    interval = steps.count >= 2 ? steps[steps.count / 2] : nil
  }

  private static func length(from: Timestamp, to: Timestamp) -> Duration {
    let (length, overflow) = to.nanoseconds.subtractingReportingOverflow(from.nanoseconds)
    return .nanoseconds(overflow ? 0 : length)
  }

  /// The age, from its end; negative if the clock was set back.
  var age: Duration? { pass.map { Self.length(from: $0.end, to: now) } }

  /// The age above which passes seem to have stopped.
  var limit: Duration {
    interval.map { max($0 * 3, Self.least) } ?? Self.unlearnt
  }

  private var isAhead: Bool { age.map { $0 < .zero - Self.least } ?? false }

  /// Whether passes seem to have stopped.
  public var isLate: Bool { age.map { $0 > limit || isAhead } ?? true }

  /// What to do.
  private static let cure =
    "does the timer run? systemctl list-timers scrape.timer, journalctl -u scrape, or cron's mail"

  /// The age as text; in capitals if passes seem to have stopped.
  public var words: String {
    guard let pass, let age else {
      guard let newest else { return "NO PASS YET; `scrape run`" }
      return "NO WHOLE PASS YET: only parts of the inventory were asked, the last one "
        + "\(Format.age(Self.length(from: newest.end, to: now))) ago (\(Format.moment(newest.end)))"
    }
    let end = Format.moment(pass.end)
    if isAhead {
      return "THE LAST WHOLE PASS ENDED IN THE FUTURE (\(end)): the clock of this machine was set "
        + "back, so its age is unknown"
    }
    let origin = pass.scope == .hand ? ", started by hand" : ""
    let took = Format.duration(Self.length(from: pass.start, to: pass.end))
    guard isLate else {
      return "last whole pass \(Format.age(age)) ago\(origin) (\(end), took \(took))"
    }
    var words = "NO WHOLE PASS FOR \(Format.age(age)): the last one ended \(end)\(origin)"
    if let interval { words += ", and one came every \(Format.age(interval))" }
    if let newest, newest.end > pass.end {
      let kind = newest.scope == .hand ? "one by hand" : "one of a part"
      words += "; \(kind) \(Format.age(Self.length(from: newest.end, to: now))) ago"
    }
    return words + "; all below is as it was then; \(Self.cure)"
  }

  /// The age in a few words: `pass 4 s ago`.
  var shortWords: String {
    guard let age, !isAhead else { return pass == nil ? "NO PASS YET" : "THE CLOCK WAS SET BACK" }
    return isLate ? "NO PASS FOR \(Format.age(age))" : "pass \(Format.age(age)) ago"
  }

  /// The first object of `scrape status --json`.
  public var json: JSON {
    var members: [(String, JSON)] = []
    if let pass, let age {
      members = [
        ("start", .time(pass.start)), ("end", .time(pass.end)),
        ("age_s", .integer(age.components.seconds)),
        ("by_hand", .boolean(pass.scope == .hand)), ("points", .integer(Int64(pass.points))),
      ]
    }
    if let interval { members.append(("interval_s", .integer(interval.components.seconds))) }
    members.append(("late", .boolean(isLate)))
    return .object([("last_pass", .object(members))])
  }
}
