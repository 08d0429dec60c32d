public import Metrics

/// How much one host may write in one pass.
///
/// Databases live by the number of their series, and what is on a host is the choice of whoever has
/// a hold of it: a thousand mounts or a name that is new each time must not drown the others.
public struct Budget: Sendable, Equatable {
  /// The most series: measurements with their tags.
  public var series = 2_000
  /// The most bytes of line protocol, the tags that all points share not counted.
  public var bytes = 4 << 20

  public init(series: Int = 2_000, bytes: Int = 4 << 20) {
    self.series = series
    self.bytes = bytes
  }

  /// What one host had too much of.
  public struct Excess: Sendable, Equatable {
    public var host: String
    /// How many points were left out.
    public var dropped: Int
    /// The measurement with most of them.
    public var measurement: String
  }

  /// Leaves out what is beyond, and tells of whom. What stands first stays; the points `scrape`, by
  /// which a host is known to be up or down, always do, and the first of them tells how many points
  /// are missing (`dropped`).
  public func apply(to results: inout [HostResult]) -> [Excess] {
    var places: [String: [Int]] = [:]
    for (index, result) in results.enumerated() {
      places[result.batch.host, default: []].append(index)
    }
    var excesses: [Excess] = []
    for indices in places.values {
      if let excess = apply(to: &results, at: indices) { excesses.append(excess) }
    }
    return excesses.sorted { $0.host < $1.host }
  }

  private struct Series: Hashable {
    var measurement: String
    var tags: [Tag]
  }

  private func apply(to results: inout [HostResult], at indices: [Int]) -> Excess? {
    var points = 0
    var size = 0
    for index in indices {
      for point in results[index].batch.points { size += point.size }
      points += results[index].batch.points.count
    }
    // A host that has too few points for it cannot have too many series.
    if points <= series && size <= bytes { return nil }
    var seen: Set<Series> = []
    var left = bytes
    func takes(_ point: Point) -> Bool {
      let key = Series(measurement: point.measurement, tags: point.tags)
      guard point.size <= left, seen.contains(key) || seen.count < series else { return false }
      seen.insert(key)
      left -= point.size
      return true
    }
    for index in indices {
      for point in results[index].batch.points where point.isScrape { _ = takes(point) }
    }
    var dropped: [String: Int] = [:]
    for index in indices {
      results[index].batch.points.removeAll { point in
        if point.isScrape || takes(point) { return false }
        dropped[point.measurement, default: 0] += 1
        return true
      }
    }
    let all = dropped.values.reduce(0, +)
    guard let worst = dropped.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }) else {
      return nil
    }
    tell: for index in indices {
      for place in results[index].batch.points.indices
      where results[index].batch.points[place].isScrape {
        results[index].batch.points[place].integer("dropped", Int64(all))
        break tell
      }
    }
    return Excess(host: results[indices[0]].batch.host, dropped: all, measurement: worst.key)
  }
}

extension Point {
  fileprivate var isScrape: Bool { measurement == "scrape" }

  /// About how many bytes it takes as a line.
  fileprivate var size: Int {
    var size = measurement.utf8.count + 20
    for tag in tags { size += tag.name.utf8.count + tag.value.utf8.count + 2 }
    for field in fields {
      size += field.name.utf8.count + 2
      if case .string(let text) = field.value { size += text.utf8.count + 2 } else { size += 8 }
    }
    return size
  }
}
