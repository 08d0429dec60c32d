internal import SwiftGlibc

/// Numbers in a form for people.
public enum Format: Sendable {
  /// The absent value: never a zero.
  public static let none = "–"

  /// With a fixed number of decimals.
  public static func fixed(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite, value.magnitude < 1e15 else { return none }
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let scaled = Int64((value.magnitude * scale).rounded())
    let (whole, part) = scaled.quotientAndRemainder(dividingBy: Int64(scale))
    let sign = value < 0 && scaled != 0 ? "-" : ""
    guard decimals > 0 else { return sign + String(whole) }
    let digits = String(part)
    return "\(sign)\(whole).\(String(repeating: "0", count: decimals - digits.count))\(digits)"
  }

  /// The fewest decimals that keep numbers of this size distinct: `93.2`, `1 200`, `0.004`.
  static func short(_ value: Double) -> String {
    if value == value.rounded(), value.magnitude < 1e15 { return count(Int(value)) }
    return fixed(value, value.magnitude >= 10 ? 1 : value.magnitude >= 0.1 ? 2 : 4)
  }

  /// A reading with its unit: `96 °C`, `97.2 %`, `1.2 GiB`, `3 h 20 min`.
  public static func measured(_ value: Double, _ unit: String) -> String {
    switch unit {
    case "": short(value)
    case "B" where value >= 0: bytes(value)
    case "B/s" where value >= 0: "\(bytes(value))/s"
    case "s" where value >= 60 && value < 1e15: duration(.seconds(Int64(value)))
    default: "\(short(value)) \(unit)"
    }
  }

  /// Bytes in the fitting binary unit, such as `41.2 GiB`.
  public static func bytes(_ count: Double) -> String {
    scaled(count, by: 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
  }

  /// Bits per second from bytes per second, such as `12.4 Mbit/s`.
  public static func bits(_ bytesPerSecond: Double) -> String {
    scaled(bytesPerSecond * 8, by: 1000, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"])
  }

  private static func scaled(_ value: Double, by step: Double, _ units: [String]) -> String {
    var value = value
    var unit = 0
    while value >= step, unit + 1 < units.count {
      value /= step
      unit += 1
    }
    return "\(fixed(value, unit == 0 || value >= 100 ? 0 : 1)) \(units[unit])"
  }

  /// A count in groups of three, such as `24 816`.
  public static func count(_ value: Int) -> String {
    var groups: [String] = []
    var rest = value.magnitude
    repeat {
      let (quotient, part) = rest.quotientAndRemainder(dividingBy: 1000)
      let digits = String(part)
      groups.append(
        quotient == 0 ? digits : String(repeating: "0", count: 3 - digits.count) + digits)
      rest = quotient
    } while rest > 0
    return (value < 0 ? "-" : "") + groups.reversed().joined(separator: " ")
  }

  /// A count with its noun, which gets an s unless the count is 1: `1 host`, `400 hosts`.
  public static func count(_ value: Int, _ noun: String) -> String {
    "\(count(value)) \(noun)\(value == 1 ? "" : "s")"
  }

  /// A duration: `38 ms`, `2.1 s`, `6 min 15 s`, `3 h 20 min`, `12 d 03:14`.
  public static func duration(_ duration: Duration) -> String {
    let parts = duration.components
    let milliseconds = Double(parts.seconds) * 1000 + Double(parts.attoseconds) / 1e15
    if milliseconds < 10 { return "\(fixed(milliseconds, 1)) ms" }
    if milliseconds < 1000 { return "\(fixed(milliseconds, 0)) ms" }
    let seconds = parts.seconds
    if seconds < 60 { return "\(fixed(milliseconds / 1000, 1)) s" }
    if seconds < 3600 { return "\(seconds / 60) min \(seconds % 60) s" }
    if seconds < 86_400 { return "\(seconds / 3600) h \(seconds % 3600 / 60) min" }
    return "\(seconds / 86_400) d \(two(seconds % 86_400 / 3600)):\(two(seconds % 3600 / 60))"
  }

  /// A time of day in the local zone, `14:05:00`; with the date unless it is today.
  public static func time(_ time: Timestamp, at now: Timestamp = .now) -> String {
    let now = unsafe now.local
    let then = unsafe time.local
    let clock =
      unsafe "\(two(Int64(then.tm_hour))):\(two(Int64(then.tm_min))):\(two(Int64(then.tm_sec)))"
    if unsafe now.tm_yday == then.tm_yday, unsafe now.tm_year == then.tm_year { return clock }
    return
      unsafe "\(then.tm_year + 1900)-\(two(Int64(then.tm_mon + 1)))-\(two(Int64(then.tm_mday))) \(clock)"
  }

  /// A time with the name of its zone: `14:05:00 CET`.
  public static func moment(_ time: Timestamp) -> String { "\(Self.time(time)) \(time.zone)" }

  /// The age of a time: `12 s`, `6 min`, `3 h 20 min`, `12 d 3 h`.
  public static func age(_ duration: Duration) -> String {
    let seconds = max(0, duration.components.seconds)
    if seconds < 60 { return "\(seconds) s" }
    if seconds < 3600 { return "\(seconds / 60) min" }
    let (large, small, names) =
      seconds < 86_400
      ? (seconds / 3600, seconds % 3600 / 60, ("h", "min"))
      : (seconds / 86_400, seconds % 86_400 / 3600, ("d", "h"))
    return small == 0 ? "\(large) \(names.0)" : "\(large) \(names.0) \(small) \(names.1)"
  }

  private static func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : String(value) }

  /// The text, padded with spaces to a width in characters.
  public static func pad(_ text: String, _ width: Int, right: Bool = false) -> String {
    let fill = String(repeating: " ", count: max(0, width - text.count))
    return right ? fill + text : text + fill
  }

  /// The text; a text longer than the width loses its middle.
  public static func clip(_ text: String, _ width: Int) -> String {
    text.count <= width ? text : "\(text.prefix((width - 1) / 2))…\(text.suffix(width / 2))"
  }

  /// The latest values as a row of bars on a scale of 0 to `top`.
  public static func sparkline(_ values: [Double], top: Double) -> String {
    let bars = Array("▁▂▃▄▅▆▇█")
    return String(
      values.map { value in
        bars[min(bars.count - 1, max(0, Int(value / top * Double(bars.count))))]
      })
  }
}
