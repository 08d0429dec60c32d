internal import Metrics

/// The drawable part of a series: runs of values without a gap between them.
package struct Trace {
  package struct Value: Equatable {
    /// In seconds since 1970.
    package var second: Double
    package var value: Double
  }

  package let runs: [[Value]]
  package let last: Value?
  /// The interval between values in seconds; 0 with fewer than two values.
  let spacing: Double
  package private(set) var least = Double.infinity
  package private(set) var greatest = -Double.infinity
  /// Whether all values are whole numbers.
  package private(set) var isWhole = true

  /// Real quantities are smaller, and sums of larger values would overflow.
  private static let limit = 1e100

  /// Values that are not finite or lie outside of the axis count as missing.
  package init(_ series: Chart.Series, on axis: TimeAxis) {
    var values: [Value] = []
    for (time, value) in series.values {
      let second = Double(time.nanoseconds) / 1e9
      guard value.magnitude < Self.limit, second >= axis.from, second <= axis.to else { continue }
      // A value too small to differ from zero is zero: its logarithm would not be finite.
      let number = value.magnitude < 1 / Self.limit ? 0 : value
      values.append(Value(second: second, value: number))
      least = min(least, number)
      greatest = max(greatest, number)
      if number != number.rounded() { isWhole = false }
    }
    values.sort { $0.second < $1.second }
    last = values.last
    let distances = zip(values, values.dropFirst()).map { $1.second - $0.second }.filter { $0 > 0 }
    spacing = distances.isEmpty ? 0 : distances.sorted()[distances.count / 2]
    runs = Self.split(values, usual: spacing)
  }

  /// Splits the series where more than three times the usual interval lies between two values.
  private static func split(_ values: [Value], usual: Double) -> [[Value]] {
    guard let first = values.first else { return [] }
    var runs: [[Value]] = []
    var run = [first]
    for (before, value) in zip(values, values.dropFirst()) {
      if value.second - before.second > 3 * usual {
        runs.append(run)
        run = []
      }
      run.append(value)
    }
    return runs + [run]
  }

  /// The run with at most four values per column of pixels: the first, the least, the greatest and
  /// the last. Peaks are kept.
  package static func reduced(_ run: [Value], on axis: TimeAxis, columns: Int) -> [Value] {
    guard run.count > 2 * columns else { return run }
    var reduced: [Value] = []
    var start = 0
    while start < run.count {
      let column = (axis.share(of: run[start].second) * Double(columns)).rounded(.down)
      var end = start
      var (low, high) = (start, start)
      while end + 1 < run.count,
        (axis.share(of: run[end + 1].second) * Double(columns)).rounded(.down) == column
      {
        end += 1
        if run[end].value < run[low].value { low = end }
        if run[end].value > run[high].value { high = end }
      }
      for index in Set([start, low, high, end]).sorted() { reduced.append(run[index]) }
      start = end + 1
    }
    return reduced
  }
}
