internal import Glibc
public import Metrics

/// Times of the week in this machine's zone: `22:00-06:00`, `mon-fri 08:00-18:00`, `sat,sun`.
///
/// A span whose end is before its begin passes midnight, and belongs to the day of its begin.
public struct Hours: Sendable, Hashable {
  private struct Span: Sendable, Hashable {
    /// Sunday is 0, as in localtime(3).
    var days: Set<Int>
    /// Minutes since midnight; the end is not in it.
    var from: Int
    var to: Int

    func holds(_ day: Int, _ minute: Int) -> Bool {
      if from < to { return days.contains(day) && (from..<to).contains(minute) }
      return days.contains(day) && minute >= from
        || days.contains((day + 6) % 7) && minute < to
    }
  }

  private var spans: [Span] = []

  private static let names = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

  /// The times between two minutes of these days, Sunday being 0; the end is not among them.
  init(days: Set<Int>, from: Int, to: Int) { spans = [Span(days: days, from: from, to: to)] }

  /// Reads one text or a list of texts.
  public init(_ node: Node, _ what: String) throws(ConfigurationError) {
    for item in node.items ?? [node] { spans.append(try Self.span(item, what)) }
  }

  private static func span(_ node: Node, _ what: String) throws(ConfigurationError) -> Span {
    var span = Span(days: Set(0..<7), from: 0, to: 24 * 60)
    let words = try node.string(what).split(separator: " ")
    guard (1...2).contains(words.count) else {
      throw node.mismatch(what, "times of the week", hint: "write mon-fri 08:00-18:00")
    }
    let times = words.count { $0.first?.isNumber == true }
    guard times <= 1, words.count - times <= 1 else {
      throw node.mismatch(
        what, "days, and one span of the day",
        hint: "write mon,tue 08:00-18:00; several stand in a list")
    }
    for word in words {
      if word.first?.isNumber == true {
        let ends = word.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let from = minute(ends[0]), let to = minute(ends[1]), from != to,
          from < 24 * 60
        else {
          throw node.mismatch(what, "a span of the day", hint: "write 22:00-06:00")
        }
        (span.from, span.to) = (from, to)
      } else {
        span.days = try days(word, node)
      }
    }
    return span
  }

  static func minute(_ text: Substring) -> Int? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ $0.count == 2 }), let hour = Int(parts[0]),
      let minute = Int(parts[1]), (0...24).contains(hour), (0..<60).contains(minute),
      hour < 24 || minute == 0
    else { return nil }
    return hour * 60 + minute
  }

  static func days(_ text: Substring, _ node: Node) throws(ConfigurationError) -> Set<Int> {
    var days: Set<Int> = []
    for part in text.lowercased().split(separator: ",") {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false)
      guard ends.count <= 2 else { throw unknown("day", node, among: names) }
      var numbers: [Int] = []
      for end in ends {
        guard let number = names.firstIndex(of: String(end.prefix(3))), end.count >= 3 else {
          throw unknown("day", Node(String(end), like: node), among: names)
        }
        numbers.append(number)
      }
      var day = numbers[0]
      days.insert(day)
      while day != numbers[numbers.count - 1] {
        day = (day + 1) % 7
        days.insert(day)
      }
    }
    return days
  }

  /// Whether the local time is within the hours.
  public func contains(_ time: Timestamp) -> Bool {
    var seconds = time_t(time.seconds)
    var parts = tm()
    guard localtime_r(&seconds, &parts) != nil else { return false }
    return contains(day: Int(parts.tm_wday), minute: Int(parts.tm_hour) * 60 + Int(parts.tm_min))
  }

  /// The next begin of one of its spans after that time; nil where there is none within eight days.
  func begin(after time: Timestamp) -> Timestamp? {
    spans.compactMap { Self.next(minute: $0.from, on: $0.days, after: time) }.min()
  }

  /// The next time after `time` at which the local clock shows that minute of one of the days. One that the
  /// clock leaves out in spring is as much later; of two in autumn it is the first.
  static func next(minute: Int, on days: Set<Int>, after time: Timestamp) -> Timestamp? {
    let today = time.local
    for more in 0...8 {
      var day = tm()
      day.tm_year = today.tm_year
      day.tm_mon = today.tm_mon
      day.tm_mday = today.tm_mday + Int32(more)
      day.tm_hour = Int32(minute / 60)
      day.tm_min = Int32(minute % 60)
      day.tm_isdst = -1
      let found = sure(Timestamp(seconds: Int64(mktime(&day))), minute: minute)
      if found > time, days.contains((Int(today.tm_wday) + more) % 7) { return found }
    }
    return nil
  }

  /// What mktime(3) gave, where it may choose: of two times the first, and in a gap the later one.
  private static func sure(_ found: Timestamp, minute: Int) -> Timestamp {
    func shown(_ time: Timestamp) -> Int { Int(time.local.tm_hour) * 60 + Int(time.local.tm_min) }
    let hour = Duration.seconds(3600)
    if shown(found) < minute { return found.after(hour) }
    return shown(found.before(hour)) == minute ? found.before(hour) : found
  }

  /// The same for a weekday (Sunday is 0) and a minute of the day.
  public func contains(day: Int, minute: Int) -> Bool {
    spans.contains { $0.holds(day, minute) }
  }
}

extension SettingType where Value == Hours {
  /// Times of the week: one text, or a list.
  public static var hours: SettingType {
    SettingType("times of the week, or list of them", example: "\"mon-fri 08:00-18:00\"") {
      node, what throws(ConfigurationError) in try Hours(node, what)
    }
  }
}
