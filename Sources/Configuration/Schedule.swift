internal import Glibc
public import Metrics

/// When something is done: at intervals, at times of the day, and all of that at some hours of the week only.
///
/// Written as `every:`, a duration or a list. Of several intervals that hold at a time the shortest counts.
public struct Schedule: Sendable, Hashable {
  /// An interval or times of the day, and the hours in which they hold.
  struct Part: Sendable, Hashable {
    var every: Duration?
    /// Minutes since midnight, and the days of the week (Sunday is 0) on which they hold.
    var starts: [Int] = []
    var days = Set(0..<7)
    /// Nil for all hours.
    var hours: Hours?

    func holds(at time: Timestamp) -> Bool { hours?.contains(time) ?? true }
  }

  private(set) var parts: [Part]

  /// One interval at all hours; zero is as often as possible.
  public init(every: Duration) { parts = [Part(every: every)] }

  init(_ parts: [Part]) { self.parts = parts }

  /// The shortest interval; nil where there are times of the day only.
  public var shortest: Duration? { parts.compactMap(\.every).min() }

  /// Whether it is one interval at all hours.
  public var isPlain: Bool { parts.count == 1 && parts[0].hours == nil && parts[0].every != nil }

  /// The same with no interval shorter than that.
  public func atLeast(_ least: Duration) -> Schedule {
    Schedule(
      parts.map { part in
        var part = part
        part.every = part.every.map { max($0, least) }
        return part
      })
  }

  /// The same with that interval in place of zero.
  public func zero(is interval: Duration) -> Schedule {
    Schedule(
      parts.map { part in
        var part = part
        part.every = part.every.map { $0 == .zero ? interval : $0 }
        return part
      })
  }

  /// The interval that holds now; nil where none does.
  public func interval(at time: Timestamp) -> Duration? {
    parts.filter { $0.holds(at: time) }.compactMap(\.every).min()
  }

  /// Whether it holds now for something that was never done: times of the day are waited for.
  public func isInForce(at time: Timestamp) -> Bool { interval(at: time) != nil }

  /// The next time after `time`, from which an interval counts.
  public func next(after time: Timestamp) -> Timestamp {
    soonest(after: time, delay: .zero) { every in time.after(every) }
  }

  /// The next time after `time` at a fixed phase: intervals count from 1970, shifted by the phase. Items
  /// with different phases are spread over each interval, and one item with several intervals meets itself.
  public func next(after time: Timestamp, phase: UInt64) -> Timestamp {
    // Times of the day and the begins of hours are the same for all: they are spread over half a minute.
    let delay = Duration.nanoseconds(Int64(phase % Self.spread))
    return soonest(after: time, delay: delay) { every in
      let length = max(1, every.nanoseconds)
      let offset = Int64(phase % UInt64(length))
      let (count, rest) = (time.nanoseconds &- offset).quotientAndRemainder(dividingBy: length)
      return Timestamp(nanoseconds: (count + (rest < 0 ? 0 : 1)) &* length &+ offset)
    }
  }

  private static let spread: UInt64 = 30_000_000_000

  private func soonest(
    after time: Timestamp, delay: Duration, _ step: (Duration) -> Timestamp
  ) -> Timestamp {
    var found: [Timestamp] = []
    let before = time.before(delay)
    for part in parts {
      if let every = part.every {
        let next = step(every)
        if part.holds(at: next) {
          found.append(next)
        } else if let begin = part.hours?.begin(after: before) {
          found.append(begin.after(delay))
        }
      }
      for start in part.starts {
        if let next = Hours.next(minute: start, on: part.days, after: before) {
          found.append(next.after(delay))
        }
      }
    }
    return found.min() ?? time.after(.seconds(86_400))
  }
}

extension Schedule {
  /// Reads a duration, an entry, or a list of both.
  public init(_ node: Node, _ what: String, least: Duration = .zero) throws(ConfigurationError) {
    parts = []
    for item in node.items ?? [node] { parts.append(try Self.part(item, what, least)) }
    if parts.isEmpty { throw node.mismatch(what, "a duration, or a list of schedules") }
  }

  private static func part(
    _ node: Node, _ what: String, _ least: Duration
  ) throws(ConfigurationError) -> Part {
    guard node.pairs != nil else { return Part(every: try node.interval(what, least: least)) }
    var part = Part()
    var from: Int?
    var until: Int?
    var hasDays = false
    for pair in try node.mapping(what) {
      switch pair.name {
      case "every": part.every = try pair.value.interval("every", least: least)
      case "from": from = try minute(pair.value, "from")
      case "until": until = try minute(pair.value, "until")
      case "days":
        hasDays = true
        part.days = []
        for day in pair.value.items ?? [pair.value] {
          part.days.formUnion(try Hours.days(Substring(try day.string("days")), day))
        }
      case "at":
        for start in pair.value.items ?? [pair.value] {
          part.starts.append(try minute(start, "at"))
        }
      default:
        throw unknown("key", pair.key, among: ["every", "from", "until", "days", "at"])
      }
    }
    guard part.every != nil || !part.starts.isEmpty else {
      throw ConfigurationError(
        "a schedule has neither `every` nor `at`", at: node,
        hint: "write {every: 5s, from: \"08:00\", until: \"18:00\", days: mon-fri}")
    }
    guard part.every == nil || part.starts.isEmpty else {
      throw ConfigurationError(
        "a schedule has both `every` and `at`", at: node, hint: "write two entries of the list")
    }
    if part.starts.isEmpty {
      guard from == nil || from != until else {
        throw ConfigurationError("`from` and `until` are the same time", at: node)
      }
      if hasDays || from != nil || until != nil {
        part.hours = Hours(days: part.days, from: from ?? 0, to: until ?? 24 * 60)
      }
    } else if from != nil || until != nil {
      throw ConfigurationError("`from` and `until` say nothing about `at`", at: node)
    }
    return part
  }

  private static func minute(_ node: Node, _ what: String) throws(ConfigurationError) -> Int {
    guard let minute = Hours.minute(Substring(try node.string(what))) else {
      throw node.mismatch(what, "a time of the day", hint: "write \"08:00\"")
    }
    return minute
  }
}

extension SettingType where Value == Schedule {
  /// An `every:` that may also be a list of schedules.
  public static func schedule(least: Duration = .zero) -> SettingType {
    SettingType(
      "duration, \(least.text) to 366d, or list of [schedules](watch.md#schedules)", example: "5m",
      show: { schedule in
        guard schedule.isPlain, let every = schedule.shortest else { return "a list" }
        return every == .zero ? "each pass" : "`\(every.text)`"
      }
    ) { node, what throws(ConfigurationError) in try Schedule(node, what, least: least) }
  }
}
