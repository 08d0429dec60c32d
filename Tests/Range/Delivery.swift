import Foundation
import Lab

/// Which points of the file are in InfluxDB: each by its series and its time.
struct Delivery {
  private var wanted: Set<Int> = []
  private var first = Int64.max
  private var last = Int64.min

  var count: Int { wanted.count }

  mutating func add(_ points: [PointLine]) {
    for point in points {
      wanted.insert(Self.mark(point.series, point.time))
      first = min(first, point.time)
      last = max(last, point.time)
    }
  }

  /// Points that the database does not have, and the first of them.
  func lost(
    from server: InfluxServer, database: String = LabRange.database, file path: String
  ) throws -> (count: Int, examples: [String]) {
    guard !wanted.isEmpty else { return (0, []) }
    var missing = wanted
    // An answer holds the points of a minute, so that it stays small.
    let step: Int64 = 60_000_000_000
    // Few points have a time of their own, which may be of long ago: all of those at once.
    let recent = max(first, last - 86_400_000_000_000)
    if first < recent { try take(from: first, to: recent, in: server, database, of: &missing) }
    var start = recent
    while start <= last {
      try take(from: start, to: start + step, in: server, database, of: &missing)
      start += step
    }
    guard !missing.isEmpty else { return (0, []) }
    var file = PointFile(path)
    var examples: [String] = []
    for point in file.news()
    where examples.count < 5 && missing.contains(Self.mark(point.series, point.time)) {
      examples.append("\(point.series.replacing("\u{1f}", with: " ")) at \(point.time)")
    }
    return (missing.count, examples)
  }

  private func take(
    from start: Int64, to end: Int64, in server: InfluxServer, _ database: String,
    of missing: inout Set<Int>
  ) throws {
    let query = "SELECT * FROM /.*/ WHERE time >= \(start) AND time < \(end) GROUP BY *"
    for series in try server.series(query, database: database) {
      let name = PointLine.series(series.name, series.tags)
      for time in series.times { missing.remove(Self.mark(name, time)) }
    }
  }

  private static func mark(_ series: String, _ time: Int64) -> Int {
    var hasher = Hasher()
    hasher.combine(series)
    hasher.combine(time)
    return hasher.finalize()
  }
}
