internal import Glibc
package import Metrics

/// The time axis: its span, and marks at round times of the local clock and calendar.
package struct TimeAxis {
  /// In seconds since 1970.
  package let from: Double
  package let to: Double

  package init(from: Timestamp, to: Timestamp) {
    let (from, to) = (Double(from.nanoseconds) / 1e9, Double(to.nanoseconds) / 1e9)
    // A single time has no width: it stands in the middle of a minute.
    (self.from, self.to) = to > from ? (from, to) : (from - 30, from + 30)
  }

  /// The horizontal position of the time: 0 at the left end, 1 at the right.
  package func share(of second: Double) -> Double { (second - from) / (to - from) }

  private static let day = 86_400.0
  private static let steps: [Double] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, day,
    2 * day, 7 * day, 14 * day, 28 * day, 91 * day, 182 * day, 365 * day, 3650 * day, 36_500 * day,
  ]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]
  private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]

  struct Mark {
    var second: Double
    var label: String
    /// Whether a day begins here, which ranks above other clock marks.
    var isDay: Bool
  }

  /// Approximately the requested number of marks, and not more.
  func marks(atMost count: Int) -> [Mark] {
    let span = to - from
    let step = Self.steps.first { span / $0 <= Double(max(1, count)) } ?? span
    return moments(every: step).map { second in
      let time = Self.local(second)
      let isMidnight = time.tm_hour == 0 && time.tm_min == 0 && time.tm_sec == 0
      let label =
        if step >= 91 * Self.day {
          "\(Self.month(time)) \(time.tm_year + 1900)"
        } else if step >= Self.day || (isMidnight && span > 7200) {
          "\(time.tm_mday) \(Self.month(time))"
        } else {
          Self.clock(time, seconds: step < 60)
        }
      return Mark(second: second, label: label, isDay: isMidnight && span > 7200 && step < Self.day)
    }
  }

  private func moments(every step: Double) -> [Double] {
    var moments: [Double] = []
    if step <= 900 {
      // All zones are whole quarters of an hour from UTC.
      var second = (from / step).rounded(.up) * step
      while second <= to {
        moments.append(second)
        second += step
      }
      return moments
    }
    // Steps by the calendar, so that marks are round again after a change of summer time.
    let start = Self.local(from)
    for index in 0..<1000 {
      var time = tm()
      time.tm_year = start.tm_year
      time.tm_mon = start.tm_mon
      time.tm_mday = start.tm_mday
      if step < Self.day {
        time.tm_min = Int32(step / 60) * Int32(index)
      } else {
        time.tm_mday += Int32(step / Self.day) * Int32(index)
      }
      time.tm_isdst = -1
      let second = Double(mktime(&time))
      if second > to { break }
      if second >= from, second > moments.last ?? -.infinity { moments.append(second) }
    }
    return moments
  }

  /// The span as text: `Fri 20 Nov 14:00 – 17:00 CET`.
  var text: String {
    let (start, end) = (Self.local(from), Self.local(to))
    let isShort = to - from < 300
    let hasYear = start.tm_year != end.tm_year
    var text = "\(Self.date(start, hasYear)) \(Self.clock(start, seconds: isShort)) – "
    if start.tm_yday != end.tm_yday || start.tm_year != end.tm_year {
      text += "\(Self.date(end, hasYear)) "
    }
    text += Self.clock(end, seconds: isShort)
    return end.tm_zone.map { "\(text) \(String(cString: $0))" } ?? text
  }

  /// The time of day, with the day if the axis has several.
  package func text(of second: Double) -> String {
    let time = Self.local(second)
    let clock = Self.clock(time, seconds: to - from < 300)
    return to - from > Self.day ? "\(time.tm_mday) \(Self.month(time)) \(clock)" : clock
  }

  private static func local(_ second: Double) -> tm {
    var seconds = time_t(second.rounded(.down))
    var time = tm()
    localtime_r(&seconds, &time)
    return time
  }

  private static func date(_ time: tm, _ hasYear: Bool) -> String {
    let day = "\(weekdays[Int(time.tm_wday) % 7]) \(time.tm_mday) \(month(time))"
    return hasYear ? "\(day) \(time.tm_year + 1900)" : day
  }

  private static func month(_ time: tm) -> String { months[Int(time.tm_mon) % 12] }

  private static func clock(_ time: tm, seconds: Bool) -> String {
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : String(value) }
    return "\(two(time.tm_hour)):\(two(time.tm_min))" + (seconds ? ":\(two(time.tm_sec))" : "")
  }
}
