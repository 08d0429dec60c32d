internal import Glibc

/// The vertical axis: its range, and its marks in steps of 1, 2 or 5.
package struct ValueAxis {
  package let low: Double
  package let high: Double
  /// The format of all marks.
  let amount: Amount
  private let unit: String
  /// The unit of the marks, with its prefix.
  package var label: String { amount.unit }
  package let marks: [(value: Double, label: String)]

  /// An axis with room for all values between `least` and `greatest`, and for the thresholds that
  /// are not so far off that they would flatten the values.
  package init(least: Double, greatest: Double, thresholds: [Double], isWhole: Bool, unit: String) {
    var (low, high) = (least, greatest)
    let reach = 4 * (max(high, 0) - min(low, 0))
    for line in thresholds
    where reach == 0 || (line <= greatest + reach && line >= least - reach) {
      low = min(low, line)
      high = max(high, line)
    }
    // Includes zero if that costs less than half of the height: so sizes can be compared by eye.
    if low >= 0, low <= high / 2 { low = 0 }
    if high <= 0, high >= low / 2 { high = 0 }
    let size = max(low.magnitude, high.magnitude)
    if high - low <= size * 1e-6 {
      (low, high) = size == 0 ? (0, 1) : (min(0, high * 1.25), max(0, high * 1.25))
    } else {
      let margin = (high - low) * 0.06
      let isShare = unit == "%" && low >= 0 && high <= 100
      if low != 0 { low = low > 0 ? max(0, low - margin) : low - margin }
      if high != 0 { high = high < 0 ? min(0, high + margin) : high + margin }
      if isShare { high = min(high, 100) }
    }
    self.unit = unit
    amount = Amount(max(low.magnitude, high.magnitude), unit)
    var step = Self.nice((high - low) / amount.divisor / 5)
    if isWhole, amount.divisor == 1 { step = max(1, step) }
    let first = (low / amount.divisor / step + 1e-9).rounded(.down)
    let last = max(first + 1, (high / amount.divisor / step - 1e-9).rounded(.up))
    let decimals = min(9, max(0, -Int(log10(step * 1.000001).rounded(.down))))
    let whole = step * amount.divisor
    marks = stride(from: first, through: min(last, first + 20), by: 1).map { index in
      (index * whole, Amount.fixed(index * step, decimals))
    }
    self.low = first * step * amount.divisor
    self.high = last * step * amount.divisor
  }

  /// The next of 1, 2, 5, 10, … that is not smaller.
  private static func nice(_ raw: Double) -> Double {
    let power = pow(10, log10(raw).rounded(.down))
    let factor = [1.0, 2, 5].first { raw <= power * $0 * 1.000001 } ?? 10
    return power * factor
  }

  /// The height of the value: 0 at the bottom, 1 at the top.
  package func height(of value: Double) -> Double { (value - low) / (high - low) }

  /// The value with its unit, that of the axis unless the value is too small for it.
  package func text(_ value: Double, digits: Int = 3) -> String {
    let isSmall = value != 0 && value.magnitude < amount.divisor / 10
    return (isSmall ? Amount(value, unit) : amount).text(value, digits: digits)
  }

  func holds(_ value: Double) -> Bool { value >= low && value <= high }
}
