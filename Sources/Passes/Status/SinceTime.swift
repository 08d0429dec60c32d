internal import Configuration
internal import Glibc
public import Metrics

/// The beginning of a period on a command line: `2h`, `18:00`, `yesterday`, `2026-11-20`,
/// `2026-11-20 18:00`.
public enum SinceTime {
  private static let hint =
    "write 30m, 2h, 3d, 18:00, yesterday, 2026-11-20 or \"2026-11-20 18:00\""

  /// A time of day is the last one of this machine's clock, a day its first moment.
  public static func parse(_ text: String, at now: Timestamp) throws(UsageError) -> Timestamp {
    if let length = Duration(text: text), length > .zero { return now.before(length) }
    if let time = Timestamp(rfc3339: text), time <= now { return time }
    var words = text.split { $0 == " " || $0 == "T" && text.contains("-") }.map(String.init)
    var wanted = now.local
    (wanted.tm_hour, wanted.tm_min, wanted.tm_sec, wanted.tm_isdst) = (0, 0, 0, -1)
    var hasClock = false
    if let last = words.last, let (hour, minute) = clock(last) {
      (wanted.tm_hour, wanted.tm_min) = (hour, minute)
      words.removeLast()
      hasClock = true
    }
    switch (words.first?.lowercased(), words.count) {
    case (nil, _) where hasClock:
      if made(wanted) > now { wanted.tm_mday -= 1 }
    case ("today", 1): break
    case ("yesterday", 1): wanted.tm_mday -= 1
    case (let day?, 1):
      let parts = day.split(separator: "-", omittingEmptySubsequences: false).map { Int32($0) ?? 0 }
      let ranges: [ClosedRange<Int32>] = [1970...2200, 1...12, 1...31]
      guard parts.count == 3, zip(ranges, parts).allSatisfy({ $0.contains($1) }) else {
        throw UsageError(message: "\"\(text)\" is no time; \(hint)")
      }
      (wanted.tm_year, wanted.tm_mon, wanted.tm_mday) = (parts[0] - 1900, parts[1] - 1, parts[2])
      // The 31st of November would be the 1st of December.
      guard made(wanted).local.tm_mday == parts[2] else {
        throw UsageError(message: "there is no day \(day)")
      }
    default: throw UsageError(message: "\"\(text)\" is no time; \(hint)")
    }
    let time = made(wanted)
    guard time <= now else { throw UsageError(message: "\"\(text)\" is in the future") }
    return time
  }

  private static func clock(_ text: String) -> (Int32, Int32)? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ (1...2).contains($0.utf8.count) }),
      let hour = Int32(parts[0]), let minute = Int32(parts[1]), (0...23).contains(hour),
      (0...59).contains(minute)
    else { return nil }
    return (hour, minute)
  }

  private static func made(_ parts: tm) -> Timestamp {
    var parts = parts
    return Timestamp(seconds: Int64(mktime(&parts)))
  }
}
