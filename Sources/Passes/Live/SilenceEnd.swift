internal import Configuration
internal import Glibc
public import Metrics

/// The end of a silence on a command line: `2h`, `90 minutes`, `until 18:00`, `until mon 08:00`,
/// `until 2026-11-20 18:00`.
public enum SilenceEnd {
  private static let longest = Duration.seconds(90 * 86_400)
  private static let hint =
    "write 30m, 2h, 1h30m, 3 days, until 18:00 or until \"2026-11-20 18:00\""

  /// Words may be one argument or several.
  public static func parse(_ words: [String], at now: Timestamp) throws(UsageError) -> Timestamp {
    let words = words.flatMap { $0.split(separator: " ").map(String.init) }
    guard let first = words.first else {
      throw UsageError(message: "for how long? \(hint)")
    }
    let end: Timestamp
    if first.lowercased() == "until" {
      end = try moment(Array(words.dropFirst()), at: now)
    } else {
      end = Timestamp(
        nanoseconds: now.nanoseconds &+ (try length(words.joined())).nanoseconds)
    }
    let (span, overflow) = end.nanoseconds.subtractingReportingOverflow(now.nanoseconds)
    guard !overflow, span > 0 else {
      throw UsageError(message: "\(Format.moment(end)) is over already")
    }
    guard .nanoseconds(span) <= longest else {
      throw UsageError(message: "a silence lasts 90 days at most")
    }
    return end
  }

  /// Whether the word begins a time, not a host pattern.
  public static func isTime(_ word: String) -> Bool {
    let first = word.split(separator: " ").first ?? ""
    return first.lowercased() == "until" || (try? length(word)) != nil || Int(first) != nil
  }

  // MARK: lengths

  private static let units = [
    "s": ["s", "sec", "secs", "second", "seconds"],
    "m": ["m", "min", "mins", "minute", "minutes"],
    "h": ["h", "hr", "hrs", "hour", "hours"],
    "d": ["d", "day", "days"],
    "w": ["w", "wk", "week", "weeks"],
  ]

  private static func length(_ text: String) throws(UsageError) -> Duration {
    var rest = Substring(text.filter { $0 != " " })
    var short = ""
    while !rest.isEmpty {
      let number = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
      rest = rest.dropFirst(number.count)
      let word = rest.prefix { !($0.isASCII && $0.isNumber) }
      rest = rest.dropFirst(word.count)
      guard !number.isEmpty else { throw notTime(text) }
      guard !word.isEmpty else {
        throw UsageError(message: "\(text) what? \(text)m is minutes, \(text)h hours; \(hint)")
      }
      guard let unit = units.first(where: { $0.value.contains(word.lowercased()) })?.key else {
        throw notTime(text)
      }
      short += number + unit
    }
    guard let length = Duration(text: short), length > .zero else { throw notTime(text) }
    return length
  }

  private static func notTime(_ text: String) -> UsageError {
    UsageError(message: "\"\(text)\" is no length of time; \(hint)")
  }

  // MARK: moments

  private static let days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

  /// The next `18:00` or `mon 08:00`; `tomorrow 08:00`; a date and a time.
  private static func moment(
    _ words: [String], at now: Timestamp
  ) throws(UsageError) -> Timestamp {
    let parts = words.flatMap { word in
      word.split(separator: "T", omittingEmptySubsequences: false).count == 2
        && word.contains("-")
        ? word.split(separator: "T").map(String.init) : [word]
    }
    guard let clock = parts.last, let (hour, minute) = time(clock), parts.count <= 2 else {
      throw UsageError(message: "until when? \(hint)")
    }
    var wanted = now.local
    (wanted.tm_hour, wanted.tm_min, wanted.tm_sec, wanted.tm_isdst) = (hour, minute, 0, -1)
    guard parts.count == 2 else {
      if made(wanted) <= now { wanted.tm_mday += 1 }
      return made(wanted)
    }
    let day = parts[0].lowercased()
    if day == "today" { return made(wanted) }
    if day == "tomorrow" {
      wanted.tm_mday += 1
      return made(wanted)
    }
    if let index = days.firstIndex(of: String(day.prefix(3))), day.allSatisfy(\.isLetter) {
      wanted.tm_mday += (Int32(index) - wanted.tm_wday + 7) % 7
      if made(wanted) <= now { wanted.tm_mday += 7 }
      return made(wanted)
    }
    let numbers = day.split(separator: "-", omittingEmptySubsequences: false).map { Int32($0) ?? 0 }
    let ranges: [ClosedRange<Int32>] = [1970...2200, 1...12, 1...31]
    guard numbers.count == 3, zip(ranges, numbers).allSatisfy({ $0.contains($1) }) else {
      throw UsageError(message: "until when? \(hint)")
    }
    (wanted.tm_year, wanted.tm_mon, wanted.tm_mday) = (
      numbers[0] - 1900, numbers[1] - 1, numbers[2]
    )
    let end = made(wanted)
    // The 31st of November would be the 1st of December.
    guard end.local.tm_mday == numbers[2] else {
      throw UsageError(message: "there is no day \(day)")
    }
    return end
  }

  private static func time(_ text: String) -> (Int32, Int32)? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard (2...3).contains(parts.count), parts.allSatisfy({ (1...2).contains($0.utf8.count) }),
      let hour = Int32(parts[0]), let minute = Int32(parts[1]), (0...23).contains(hour),
      (0...59).contains(minute), parts.count == 2 || parts[2] == "00"
    else { return nil }
    return (hour, minute)
  }

  private static func made(_ parts: tm) -> Timestamp {
    var parts = parts
    return Timestamp(seconds: Int64(mktime(&parts)))
  }
}
