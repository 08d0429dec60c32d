internal import Glibc
internal import Metrics

/// The schedule of a report: an interval at round times of the local clock, or a time of day.
struct ReportSchedule: Equatable {
  var every: Duration
  /// Minutes since midnight; nil for an interval.
  var at: Int?

  /// The latest time of the schedule that is not after `now`.
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

  /// Whether the report is due, given the time of the last delivery.
  func isDue(at now: Timestamp, sent: Timestamp) -> Bool {
    // A delivery in the future was made before the clock was set back.
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
