internal import Glibc
internal import Metrics

/// When a report comes: every so often at round times of the local clock, or daily at one.
struct ReportSchedule: Equatable {
  var every: Duration
  /// Minutes since midnight; nil where it does not come daily.
  var at: Int?

  /// Its last time until now, now included.
  func last(until now: Timestamp) -> Timestamp {
    let today = now.local
    guard let at else {
      let period = max(1, every.components.seconds)
      let offset = Int64(today.tm_gmtoff)
      let (count, rest) = (now.seconds + offset).quotientAndRemainder(dividingBy: period)
      return Timestamp(seconds: (count - (rest < 0 ? 1 : 0)) * period - offset)
    }
    let time = Self.moment(of: today, minute: at)
    return Timestamp(
      seconds: time <= now.seconds ? time : Self.moment(of: today, minute: at, daysBefore: 1))
  }

  /// Whether it is to be told now, where it was last told at that time.
  func isDue(at now: Timestamp, sent: Timestamp) -> Bool {
    // What was told in the future was told before the clock was set back.
    sent > now || last(until: now) > sent
  }

  private static func moment(of day: tm, minute: Int, daysBefore: Int32 = 0) -> Int64 {
    var time = tm()
    time.tm_year = day.tm_year
    time.tm_mon = day.tm_mon
    time.tm_mday = day.tm_mday - daysBefore
    time.tm_hour = Int32(minute / 60)
    time.tm_min = Int32(minute % 60)
    time.tm_isdst = -1
    return Int64(mktime(&time))
  }
}
