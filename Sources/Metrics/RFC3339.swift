extension JSON {
  /// A time in the format of all commands and sinks, RFC 3339.
  public static func time(_ time: Timestamp) -> JSON { .string(time.rfc3339) }
}

extension Timestamp {
  /// The time as `2025-02-03T04:05:06.789Z` (RFC 3339), in UTC: with milliseconds, or with nine
  /// digits if they are needed.
  public var rfc3339: String {
    let whole = seconds
    let (day, second) = Self.divided(whole, by: 86_400)
    let (year, month, date) = Self.civil(day)
    let fraction = Self.divided(nanoseconds, by: 1_000_000_000).rest
    let tail =
      fraction % 1_000_000 == 0
      ? Self.digits(fraction / 1_000_000, 3) : Self.digits(fraction, 9)
    let clock = [second / 3600, second / 60 % 60, second % 60].map { Self.digits($0, 2) }
    return "\(Self.digits(year, 4))-\(Self.digits(month, 2))-\(Self.digits(date, 2))T"
      + "\(clock.joined(separator: ":")).\(tail)Z"
  }

  /// Year, month and day of a number of days since 1970-01-01, in the Gregorian calendar.
  ///
  /// Howard Hinnant's `civil_from_days`: years begin in March, so that the leap day is the last.
  private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, day) = divided(days + 719_468, by: 146_097)
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365
    let inYear = day - (365 * year + year / 4 - year / 100)
    let month = (5 * inYear + 2) / 153
    let date = inYear - (153 * month + 2) / 5 + 1
    return (
      year + era * 400 + (month >= 10 ? 1 : 0), month < 10 ? month + 3 : month - 9, date
    )
  }

  /// Quotient and remainder, rounded down.
  private static func divided(_ value: Int64, by size: Int64) -> (quotient: Int64, rest: Int64) {
    let (quotient, rest) = value.quotientAndRemainder(dividingBy: size)
    return rest < 0 ? (quotient - 1, rest + size) : (quotient, rest)
  }

  private static func digits(_ number: Int64, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
  }
}
