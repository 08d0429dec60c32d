internal import Engine
internal import Live
internal import Metrics
internal import Store

/// The latest values of each host's main figures, for the bars of the live view.
///
/// Each new pass is read once. Older ones are read afterwards, as many as fit into a limit of time: the bars
/// grow to the left in the first seconds of a view.
struct LiveSeries {
  private(set) var hosts: [String: Snapshot.Series] = [:]
  /// The passes that were read: from `first` to `last`.
  private var first: Int64 = 0
  private var last: Int64 = 0

  /// No more passes are read at once; those between were missed while nobody watched.
  private static let most: Int64 = 24
  /// As far back as a host is looked for that is not in each pass.
  private static let farthest: Int64 = 60
  private static let measurements: Set<String> = ["cpu", "system", "mem", "service"]

  mutating func read(_ store: Store, within limit: Duration) async throws {
    let newest = try await store.lastPassNumber()
    if last == 0 || newest < last || newest - last > Self.most {
      hosts = [:]
      (first, last) = (newest + 1, newest)
    }
    let end = Deadline.after(limit)
    while last < newest {
      last += 1
      for (host, values) in try await Self.values(store, last) {
        hosts[host, default: Snapshot.Series()].add(values, isOlder: false)
      }
    }
    while first > max(1, newest - Self.farthest + 1), first == newest + 1 || !end.isPast {
      first -= 1
      for (host, values) in try await Self.values(store, first) {
        hosts[host, default: Snapshot.Series()].add(values, isOlder: true)
      }
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
        values.cpu = point[field: "usage_active"]?.number
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
      if series.count < length { series.insert(value, at: 0) }
    } else {
      if series.count >= length { series.removeFirst() }
      series.append(value)
    }
  }
}
