/// A date and time of day as tools print it: without a time zone, and often without year or
/// seconds.
public struct CalendarTime: Sendable, Equatable {
  public var year: Int?
  /// 1 to 12.
  public var month: Int
  public var day: Int
  public var hour: Int
  public var minute: Int
  /// Nil if the text has only minutes.
  public var second: Int?

  public init?(year: Int?, month: Int, day: Int, hour: Int, minute: Int, second: Int? = nil) {
    guard (1...12).contains(month), (1...31).contains(day), (0...23).contains(hour),
      (0...59).contains(minute), (0...60).contains(second ?? 0), (1...9999).contains(year ?? 1)
    else { return nil }
    if let year, day > Self.days(in: month, of: year) { return nil }
    self.year = year
    self.month = month
    self.day = day
    self.hour = hour
    self.minute = minute
    self.second = second
  }

  /// The date and time `seconds` after 1970-01-01 00:00 UTC, in UTC; nil beyond the years 1 to
  /// 9999.
  public init?(seconds: Int64) {
    guard (-62_135_596_800...253_402_300_799).contains(seconds) else { return nil }
    let (days, rest) = Self.floored(Int(seconds), by: 86_400)
    // Howard Hinnant's civil_from_days: eras of 400 years that begin on 1 March.
    let (era, dayOfEra) = Self.floored(days + 719_468, by: 146_097)
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    month = shifted < 10 ? shifted + 3 : shifted - 9
    day = dayOfYear - (153 * shifted + 2) / 5 + 1
    year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    hour = rest / 3600
    minute = rest / 60 % 60
    second = rest % 60
  }

  /// Seconds since 1970 if this is UTC.
  ///
  /// A missing year becomes the latest with a time no more than a day after `now`: the time is in
  /// the past, and the host's clock may be slightly ahead.
  public func seconds(before now: Int64) -> Int64? {
    if let year { return Self.seconds(self, in: year) }
    guard let current = CalendarTime(seconds: now)?.year else { return nil }
    // Nine years, for a 29 February around the year 2100.
    for candidate in stride(from: current + 1, through: max(current - 8, 1), by: -1)
    where day <= Self.days(in: month, of: candidate) {
      if let seconds = Self.seconds(self, in: candidate), seconds <= now + 86_400 { return seconds }
    }
    return nil
  }

  private static func seconds(_ time: CalendarTime, in year: Int) -> Int64? {
    guard (1...9999).contains(year), time.day <= days(in: time.month, of: year) else { return nil }
    let shifted = time.month <= 2 ? year - 1 : year
    let (era, yearOfEra) = floored(shifted, by: 400)
    let dayOfYear =
      (153 * (time.month > 2 ? time.month - 3 : time.month + 9) + 2) / 5 + time.day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    return Int64(days * 86_400 + time.hour * 3600 + time.minute * 60 + (time.second ?? 0))
  }

  private static func floored(_ value: Int, by divisor: Int) -> (Int, Int) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }

  static func days(in month: Int, of year: Int) -> Int {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }
}

extension CalendarTime: CustomStringConvertible {
  /// `2026-11-20 09:10`, without the year if it is unknown.
  public var description: String {
    let two = { (value: Int) in value < 10 ? "0\(value)" : "\(value)" }
    let date = "\(two(month))-\(two(day)) \(two(hour)):\(two(minute))"
    guard let year else { return date }
    let zeros = String(repeating: "0", count: max(0, 4 - String(year).utf8.count))
    return "\(zeros)\(year)-\(date)"
  }
}

extension CalendarTime {
  /// Reads a time that begins with the word at `index`; also returns the number of its words.
  ///
  /// Accepts `2020-02-29 18:43[:05]` and `[Sat] Feb 29 18:43[:05]`, the latter with a year after it
  /// only if it begins with the weekday (as in ctime(3)): otherwise the number is another column.
  static func read(_ line: Span<UInt8>, _ words: [Range<Int>], at index: Int) -> (
    time: CalendarTime, words: Int
  )? {
    guard index < words.count else { return nil }
    // Most words do not begin a time, and their length shows it.
    let first = line.extracting(words[index])
    guard first.count == 3 || first.count == 10 else { return nil }
    if let date = isoDate(first) {
      guard index + 1 < words.count, let clock = clock(line.extracting(words[index + 1])),
        let time = CalendarTime(
          year: date.year, month: date.month, day: date.day, hour: clock.hour,
          minute: clock.minute, second: clock.second)
      else { return nil }
      return (time, 2)
    }
    var next = index
    let hasWeekday = weekdays.index(of: first) != nil
    if hasWeekday { next += 1 }
    guard next + 2 < words.count, let month = month(line.extracting(words[next])),
      let day = line.extracting(words[next + 1]).unsigned.flatMap({ Int(exactly: $0) }),
      let clock = clock(line.extracting(words[next + 2]))
    else { return nil }
    next += 3
    var year: Int?
    if hasWeekday, clock.second != nil, next < words.count {
      let word = line.extracting(words[next])
      if word.count == 4, let value = word.unsigned {
        year = Int(value)
        next += 1
      }
    }
    guard
      let time = CalendarTime(
        year: year, month: month, day: day, hour: clock.hour, minute: clock.minute,
        second: clock.second)
    else { return nil }
    return (time, next - index)
  }

  private static let weekdays = Names(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
  private static let months = Names([
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ])

  private static func isoDate(_ word: Span<UInt8>) -> (year: Int, month: Int, day: Int)? {
    guard word.count == 10, word[4] == UInt8(ascii: "-"), word[7] == UInt8(ascii: "-"),
      let year = word.extracting(0..<4).unsigned, let month = word.extracting(5..<7).unsigned,
      let day = word.extracting(8..<10).unsigned
    else { return nil }
    return (Int(year), Int(month), Int(day))
  }

  private static func month(_ word: Span<UInt8>) -> Int? {
    months.index(of: word).map { $0 + 1 }
  }

  /// `18:43` or `18:43:05`.
  static func clock(_ word: Span<UInt8>) -> (hour: Int, minute: Int, second: Int?)? {
    guard word.count == 5 || word.count == 8, word[2] == UInt8(ascii: ":"),
      let hour = word.extracting(0..<2).unsigned, let minute = word.extracting(3..<5).unsigned
    else { return nil }
    guard word.count == 8 else { return (Int(hour), Int(minute), nil) }
    guard word[5] == UInt8(ascii: ":"), let second = word.extracting(6..<8).unsigned else {
      return nil
    }
    return (Int(hour), Int(minute), Int(second))
  }
}

extension Span<UInt8> {
  /// The positions of the first `limit` words between blanks.
  func wordRanges(limit: Int = 64) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    ranges.reserveCapacity(Swift.min(limit, 16))
    var index = 0
    while ranges.count < limit {
      while index < count, self[index].isBlank { index &+= 1 }
      guard index < count else { break }
      let start = index
      while index < count, !self[index].isBlank { index &+= 1 }
      ranges.append(start..<index)
    }
    return ranges
  }
}
