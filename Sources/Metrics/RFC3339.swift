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

extension Timestamp {
  /// Reads a time as of RFC 3339, with `Z` or an offset; nil if it is none or beyond the years 1678 to 2261.
  ///
  /// Digits beyond nanoseconds are left out; a leap second is the second after it.
  public init?(rfc3339 text: String) {
    let bytes = Array(text.utf8)
    func number(_ start: Int, _ count: Int) -> Int64? {
      guard start + count <= bytes.count else { return nil }
      var value: Int64 = 0
      for byte in bytes[start..<start + count] {
        guard (0x30...0x39).contains(byte) else { return nil }
        value = value * 10 + Int64(byte - 0x30)
      }
      return value
    }
    func has(_ characters: String, at place: Int) -> Bool {
      place < bytes.count && characters.utf8.contains(bytes[place])
    }
    guard let year = number(0, 4), has("-", at: 4), let month = number(5, 2), has("-", at: 7),
      let day = number(8, 2), has("Tt ", at: 10), let hour = number(11, 2), has(":", at: 13),
      let minute = number(14, 2), has(":", at: 16), let second = number(17, 2),
      (1678...2261).contains(year), (1...12).contains(month), (1...31).contains(day), hour < 24,
      minute < 60, second <= 60
    else { return nil }
    var place = 19
    var fraction: Int64 = 0
    if has(".", at: place) {
      place += 1
      var unit: Int64 = 100_000_000
      guard number(place, 1) != nil else { return nil }
      while let digit = number(place, 1) {
        fraction += digit * unit
        unit /= 10
        place += 1
      }
    }
    var offset: Int64 = 0
    if has("+-", at: place), let hours = number(place + 1, 2), has(":", at: place + 3),
      let minutes = number(place + 4, 2), hours < 24, minutes < 60
    {
      offset = (hours * 3600 + minutes * 60) * (has("-", at: place) ? -1 : 1)
      place += 6
    } else if has("Zz", at: place) {
      place += 1
    } else {
      return nil
    }
    guard place == bytes.count else { return nil }
    // Howard Hinnant's `days_from_civil`: years begin in March.
    let shifted = month <= 2 ? year - 1 : year
    let inYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + inYear - 719_468
    // A day that the month lacks.
    guard Self.civil(days).month == month else { return nil }
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
    self.init(nanoseconds: seconds * 1_000_000_000 + fraction)
  }
}
