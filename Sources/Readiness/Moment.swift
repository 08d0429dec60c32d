internal import Configuration
internal import Glibc
public import Metrics

/// A moment in the past, as people write it.
public enum Moment {
  /// What is accepted, for messages.
  public static let forms = "yesterday, today, 14:05, 2026-11-26, \"2026-11-26 14:05\" or 2h"

  /// `yesterday` is its last moment and `today` its first, so that the last sheet of yesterday counts for both;
  /// nil for what is no time.
  public static func parse(_ text: String, at now: Timestamp) -> Timestamp? {
    let day = now.local
    switch text {
    case "yesterday", "today": return time(day.tm_year, day.tm_mon, day.tm_mday, 0, 0)
    default: break
    }
    if let length = Duration(text: text), length > .zero, text.contains(where: \.isLetter) {
      return now.before(length)
    }
    let words = text.split(whereSeparator: { $0 == " " || $0 == "T" })
    if words.count == 1, let (hour, minute) = clock(words[0]) {
      let then = time(day.tm_year, day.tm_mon, day.tm_mday, hour, minute)
      // A time of day that is still to come is that of yesterday.
      return then.flatMap {
        $0 <= now ? $0 : time(day.tm_year, day.tm_mon, day.tm_mday - 1, hour, minute)
      }
    }
    guard let first = words.first, words.count <= 2, let date = date(first) else { return nil }
    // A day alone is meant with all of it.
    guard words.count == 2 else { return time(date.year, date.month, date.day + 1, 0, 0) }
    guard let (hour, minute) = clock(words[1]) else { return nil }
    return time(date.year, date.month, date.day, hour, minute)
  }

  private static func numbers(_ text: Substring, by mark: Character) -> [Int32] {
    let parts = text.split(separator: mark, omittingEmptySubsequences: false)
    let numbers = parts.compactMap { part in
      part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int32(part) : nil
    }
    return numbers.count == parts.count ? numbers : []
  }

  private static func clock(_ text: Substring) -> (Int32, Int32)? {
    let parts = numbers(text, by: ":")
    guard parts.count == 2, parts[0] < 24, parts[1] < 60 else { return nil }
    return (parts[0], parts[1])
  }

  private static func date(_ text: Substring) -> (year: Int32, month: Int32, day: Int32)? {
    let parts = numbers(text, by: "-")
    guard parts.count == 3, (1970...9999).contains(parts[0]), (1...12).contains(parts[1]),
      (1...31).contains(parts[2])
    else { return nil }
    return (parts[0] - 1900, parts[1] - 1, parts[2])
  }

  /// In the local zone, as in mktime(3).
  private static func time(
    _ year: Int32, _ month: Int32, _ day: Int32, _ hour: Int32, _ minute: Int32
  ) -> Timestamp? {
    var parts = tm()
    (parts.tm_year, parts.tm_mon, parts.tm_mday) = (year, month, day)
    (parts.tm_hour, parts.tm_min, parts.tm_isdst) = (hour, minute, -1)
    let seconds = mktime(&parts)
    return seconds == -1 ? nil : Timestamp(seconds: Int64(seconds))
  }
}
