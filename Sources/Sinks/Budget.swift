public import Metrics

/// The limits of the points that one host may write in one pass.
///
/// The load of a database depends on its number of series, and whoever controls a host controls its
/// series: a thousand mounts, or names that are new each time, must not displace other hosts.
public struct Budget: Sendable, Equatable {
  /// The limit of series: measurements with their tags.
  public var series = 2_000
  /// The limit of bytes of line protocol, without the tags that all points share.
  public var bytes = 4 << 20

  public init(series: Int = 2_000, bytes: Int = 4 << 20) {
    self.series = series
    self.bytes = bytes
  }

  /// The excess of one host.
  public struct Excess: Sendable, Equatable {
    public var host: String
    /// The number of points left out.
    public var dropped: Int
    /// The measurement with most of them.
    public var measurement: String
  }

  /// Leaves out points beyond the limits and returns the hosts concerned. The first points are
  /// kept; the points `scrape`, which say whether a host is up or down, are always kept, and the
  /// first of them gives the number of missing points (`dropped`).
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
      for place in results[index].batch.points.indices {
        size += results[index].batch.points[place].size
      }
      points += results[index].batch.points.count
    }
    // A host with fewer points than the limit cannot have too many series.
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
    mark: for index in indices {
      for place in results[index].batch.points.indices
      where results[index].batch.points[place].isScrape {
        results[index].batch.points[place].integer("dropped", Int64(all))
        break mark
      }
    }
    return Excess(host: results[indices[0]].batch.host, dropped: all, measurement: worst.key)
  }
}

extension Point {
  fileprivate var isScrape: Bool { measurement == "scrape" }

  /// An estimate of the point's length as a line, in bytes.
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
