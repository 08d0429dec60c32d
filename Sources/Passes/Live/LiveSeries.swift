internal import Engine
internal import Live
internal import Metrics
internal import Store

/// The latest values of each host's main figures, for the bars of the live view.
///
/// The last pass is read each time, since `watch` adds to it; those before it once. Older ones are read
/// afterwards, as many as fit into a limit of time: the bars grow to the left in the first seconds of a view.
struct LiveSeries {
  /// Of the passes from `first` to before `last`.
  private var closed: [String: Snapshot.Series] = [:]
  /// Of the pass `last`.
  private var open: [String: Values] = [:]
  private var first: Int64 = 0
  private var last: Int64 = 0

  /// No more passes are read at once; those between were missed while nobody watched.
  private static let most: Int64 = 24
  private static let measurements: Set<String> = ["cpu", "system", "mem", "service"]

  /// The values of a host, the newest last.
  subscript(host: String) -> Snapshot.Series {
    var series = closed[host] ?? Snapshot.Series()
    if let values = open[host] { series.add(values, isOlder: false) }
    return series
  }

  mutating func read(_ store: Store, within limit: Duration) async throws {
    let newest = try await store.lastPassNumber()
    if last == 0 || newest < last || newest - last > Self.most {
      closed = [:]
      open = [:]
      (first, last) = (newest, newest)
    }
    while last < newest {
      // The pass that was the last may have grown since.
      close(try await Self.values(store, last))
      last += 1
    }
    open = try await Self.values(store, last)
    let end = Deadline.after(limit)
    // One at least, however slow the machine is.
    var isAny = false
    while first > max(1, newest - Self.most + 1), !isAny || !end.isPast {
      isAny = true
      first -= 1
      for (host, values) in try await Self.values(store, first) {
        closed[host, default: Snapshot.Series()].add(values, isOlder: true)
      }
    }
  }

  private mutating func close(_ all: [String: Values]) {
    for (host, values) in all {
      closed[host, default: Snapshot.Series()].add(values, isOlder: false)
    }
  }

  /// The figures of one host and pass.
  fileprivate struct Values {
    var cpu: Double?
    var load: Double?
    var memory: Double?
    var latency: Double?
  }

  private static func values(_ store: Store, _ pass: Int64) async throws -> [String: Values] {
    try await store.reduce(into: [:], pass: pass, measurements: measurements) {
      all, host, point in
      var values = all[host] ?? Values()
      switch point.measurement {
      case "cpu":
        guard point[tag: "cpu"] == "cpu-total" else { return }
        values.cpu = point[field: "usage_active"]?.number ?? values.cpu
      case "system": values.load = point[field: "load1"]?.number ?? values.load
      case "mem": values.memory = point[field: "used_percent"]?.number ?? values.memory
      default:
        guard let latency = point[field: "latency_ms"]?.number else { return }
        values.latency = max(values.latency ?? 0, latency)
      }
      all[host] = values
    }
  }
}

extension Snapshot.Series {
  fileprivate mutating func add(_ values: LiveSeries.Values, isOlder: Bool) {
    Self.add(values.cpu, to: &cpu, isOlder)
    Self.add(values.load, to: &load, isOlder)
    Self.add(values.memory, to: &memory, isOlder)
    Self.add(values.latency, to: &latency, isOlder)
  }

  private static func add(_ value: Double?, to series: inout [Double], _ isOlder: Bool) {
    guard let value, value.isFinite else { return }
    if isOlder {
      // The value of the last pass comes on top.
      if series.count < length - 1 { series.insert(value, at: 0) }
    } else {
      if series.count >= length { series.removeFirst() }
      series.append(value)
    }
  }
}
