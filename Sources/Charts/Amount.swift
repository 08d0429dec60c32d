internal import Glibc

/// A value's unit with the fitting prefix: bytes by 1024, times up to days, all else by 1000.
struct Amount: Equatable {
  /// The divisor of a value in `unit`.
  let divisor: Double
  let unit: String

  init(_ magnitude: Double, _ unit: String) {
    let magnitude = magnitude.magnitude
    switch unit {
    case "B", "bytes", "B/s":
      let rate = unit == "B/s" ? "/s" : ""
      self = Self.prefixed(
        magnitude, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"].map { $0 + rate })
    case "bit/s":
      self = Self.prefixed(magnitude, 1000, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"])
    case "ns": self = Self.time(magnitude, 1e-9)
    case "µs": self = Self.time(magnitude, 1e-6)
    case "ms": self = Self.time(magnitude, 1e-3)
    case "s": self = Self.time(magnitude, 1)
    default:
      guard magnitude != 0, magnitude < 0.001 || magnitude >= 1e6 else {
        self.init(divisor: 1, unit: unit)
        return
      }
      let thousands = Int((log10(magnitude) / 3).rounded(.down))
      let prefixes = ["k", "M", "G", "T", "P", "E"]
      let power = pow(10, Double(3 * thousands))
      if (1...prefixes.count).contains(thousands) {
        let prefix = prefixes[thousands - 1]
        self.init(divisor: power, unit: unit.isEmpty ? prefix : "\(prefix) \(unit)")
      } else {
        let ten = "×10\(Self.superscript(3 * thousands))"
        self.init(divisor: power, unit: unit.isEmpty ? ten : "\(ten) \(unit)")
      }
    }
  }

  private init(divisor: Double, unit: String) {
    self.divisor = divisor
    self.unit = unit
  }

  private static func prefixed(_ magnitude: Double, _ step: Double, _ units: [String]) -> Amount {
    var divisor = 1.0
    var index = 0
    while magnitude >= divisor * step, index + 1 < units.count {
      divisor *= step
      index += 1
    }
    return Amount(divisor: divisor, unit: units[index])
  }

  private static func time(_ magnitude: Double, _ second: Double) -> Amount {
    let units = [
      (from: 172_800.0, length: 86_400.0, unit: "d"), (7200, 3600, "h"), (600, 60, "min"),
      (1, 1, "s"), (1e-3, 1e-3, "ms"), (1e-6, 1e-6, "µs"),
    ]
    let seconds = magnitude * second
    // A zero keeps its unit.
    guard seconds > 0 else { return Amount(divisor: 1, unit: second == 1 ? "s" : "ms") }
    for (from, length, unit) in units where seconds >= from {
      return Amount(divisor: length / second, unit: unit)
    }
    return Amount(divisor: 1e-9 / second, unit: "ns")
  }

  private static func superscript(_ number: Int) -> String {
    let digits = Array("⁰¹²³⁴⁵⁶⁷⁸⁹")
    return (number < 0 ? "⁻" : "")
      + String(String(number.magnitude).compactMap { $0.wholeNumberValue.map { digits[$0] } })
  }

  /// The value with its unit, with that many significant digits: `96.4 %`, `1.2 GiB`, `3 h`.
  func text(_ value: Double, digits: Int = 3) -> String {
    let number = Self.short(value / divisor, digits: digits)
    return unit.isEmpty ? number : "\(number) \(unit)"
  }

  private static func short(_ value: Double, digits: Int) -> String {
    guard value != 0, value.isFinite else { return "0" }
    let size = Int(log10(value.magnitude).rounded(.down))
    var text = fixed(value, min(9, max(0, digits - 1 - size)))
    if text.contains(".") {
      while text.last == "0" { text.removeLast() }
      if text.last == "." { text.removeLast() }
    }
    return text
  }

  /// With a fixed number of decimals, thousands in groups.
  static func fixed(_ value: Double, _ decimals: Int) -> String {
    let scale = pow(10, Double(decimals))
    guard let scaled = Int64(exactly: (value.magnitude * scale).rounded()) else { return "–" }
    let (whole, part) = scaled.quotientAndRemainder(dividingBy: Int64(scale))
    var text = value < 0 && scaled != 0 ? "-" : ""
    let digits = Array(String(whole))
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { text += " " }
      text.append(digit)
    }
    guard decimals > 0 else { return text }
    let fraction = String(part)
    return text + "." + String(repeating: "0", count: decimals - fraction.count) + fraction
  }
}
