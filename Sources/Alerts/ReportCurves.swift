internal import Charts
internal import Metrics

/// The curves of a report's chart: all of at most eight; else the extremes and the median of the rest.
enum ReportCurves {
  /// A phone cannot show more than eight distinct curves.
  static let most = 8
  /// The number of highest and of lowest figures with a curve of their own if there are more.
  private static let highest = 4
  private static let lowest = 3
  /// The number of points of the median curve.
  private static let moments: Int64 = 240

  struct Row {
    var name: String
    /// Nil if nothing was read.
    var figure: Double?
    var values: [SeriesHistory.Value]
  }

  /// The curves in the order of the rows, the median last.
  static func chosen(_ rows: [Row], from: Timestamp, to: Timestamp) -> [Chart.Series] {
    guard rows.count > most else { return rows.map { .init($0.name, $0.values) } }
    let known = rows.indices.filter { rows[$0].figure != nil && !rows[$0].values.isEmpty }
    guard known.count > most else { return known.map { .init(rows[$0].name, rows[$0].values) } }
    let order = known.sorted { a, b in
      let (x, y) = (rows[a].figure ?? 0, rows[b].figure ?? 0)
      return x == y ? a < b : x > y
    }
    let own = Set(order.prefix(highest) + order.suffix(lowest))
    let rest = known.filter { !own.contains($0) }
    let median = median(of: rest.map { rows[$0].values }, from: from, to: to)
    return known.filter(own.contains).map { .init(rows[$0].name, rows[$0].values) }
      + [.init("median of \(Format.count(rest.count)) others", median)]
  }

  /// The median over the hosts of each host's mean in one stretch of time, at the middle of the stretch.
  private static func median(
    of series: [[SeriesHistory.Value]], from: Timestamp, to: Timestamp
  ) -> [SeriesHistory.Value] {
    let (span, overflow) = to.nanoseconds.subtractingReportingOverflow(from.nanoseconds)
    guard !overflow, span > 0 else { return [] }
    // No finer than the values are: an empty stretch would be a gap.
    let count = Int64(series.map(\.count).min() ?? 0)
    let stretches = min(moments, max(1, count / 2))
    let length = max(1, span / stretches)
    var means: [Int64: [Double]] = [:]
    for values in series {
      var sums: [Int64: (sum: Double, count: Double)] = [:]
      for (time, value) in values where value.isFinite && time >= from && time <= to {
        let stretch = min(stretches - 1, (time.nanoseconds - from.nanoseconds) / length)
        sums[stretch, default: (0, 0)].sum += value
        sums[stretch, default: (0, 0)].count += 1
      }
      for (stretch, entry) in sums { means[stretch, default: []].append(entry.sum / entry.count) }
    }
    return means.sorted { $0.key < $1.key }.map { stretch, all in
      let sorted = all.sorted()
      let middle = sorted.count / 2
      let value =
        sorted.count.isMultiple(of: 2)
        ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
      return (Timestamp(nanoseconds: from.nanoseconds + stretch * length + length / 2), value)
    }
  }
}
