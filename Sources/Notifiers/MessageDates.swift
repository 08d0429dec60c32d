internal import Glibc
internal import Metrics

extension Timestamp {
  /// The moment as `Mon, 03 Feb 2025 04:05:06 +0000` (RFC 5322, 3.3), in UTC.
  var rfc5322: String {
    let parts = utc
    let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let weekday = weekdays[Int(parts.tm_wday) % weekdays.count]
    let day = "\(digits(parts.tm_mday)) \(parts.monthName) \(digits(parts.tm_year + 1900, 4))"
    let time = "\(digits(parts.tm_hour)):\(digits(parts.tm_min)):\(digits(parts.tm_sec))"
    return "\(weekday), \(day) \(time) +0000"
  }

  /// The moment as `Feb  3 04:05:06` (RFC 3164, 4.1.2), in this machine's time.
  var rfc3164: String {
    let parts = local
    let clock = "\(digits(parts.tm_hour)):\(digits(parts.tm_min)):\(digits(parts.tm_sec))"
    return "\(parts.monthName) \(parts.tm_mday < 10 ? " " : "")\(parts.tm_mday) \(clock)"
  }

  private var utc: tm {
    var time = time_t(seconds)
    var parts = tm()
    gmtime_r(&time, &parts)
    return parts
  }
}

extension tm {
  fileprivate var monthName: String {
    let names = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    return names[Int(tm_mon) % names.count]
  }
}

private func digits(_ number: Int32, _ width: Int = 2) -> String {
  let text = String(number)
  return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
}
