internal import Metrics

/// A row of the list: a host, or the head of a group.
struct ListRow: Sendable {
  enum Key: Hashable, Sendable {
    case group(String)
    case host(String)
  }

  var key: Key
  /// The host, or what its group comes to.
  var host: Snapshot.Host
  /// The hosts of a group, and those of them that are up.
  var count = Shown.Count()
  /// The number of hosts by severity, of a group.
  var states: [Severity: Int] = [:]
  var isFolded = false

  var isGroup: Bool { if case .group = key { true } else { false } }

  /// The rows in their order, without the hosts that the filter leaves out.
  static func all(_ snapshot: Snapshot, _ state: ViewState) -> [ListRow] {
    let hosts = snapshot.hosts.filter { state.isShown($0.name) }
    let figure: ((Snapshot.Series) -> Double?)? =
      switch state.order {
      case .trouble, .name: nil
      case .cpu: { $0.cpu.last }
      case .memory: { $0.memory.last }
      case .load: { $0.load.last }
      case .latency: { $0.latency.last }
      }
    if let figure {
      // Those without the figure come last, in the order of the inventory.
      let sorted = hosts.enumerated().sorted { one, other in
        let a = figure(one.element.series) ?? -1
        let b = figure(other.element.series) ?? -1
        return a == b ? one.offset < other.offset : a > b
      }
      return sorted.map { ListRow(key: .host($0.element.name), host: $0.element) }
    }
    var members: [String: [Snapshot.Host]] = [:]
    for host in hosts { members[host.group, default: []].append(host) }
    var groups = members.map { (name: $0.key, rank: $0.value.map(rank).max() ?? 0, $0.value) }
    groups.sort { one, other in
      if state.order == .trouble, one.rank != other.rank { return one.rank > other.rank }
      return one.name < other.name
    }
    var rows: [ListRow] = []
    rows.reserveCapacity(hosts.count + groups.count)
    for (name, _, hosts) in groups {
      var head = group(name, hosts)
      head.isFolded = state.folded.contains(name)
      rows.append(head)
      guard !head.isFolded else { continue }
      let sorted =
        state.order == .name
        ? hosts.sorted { $0.name < $1.name }
        : hosts.enumerated().sorted { one, other in
          let (a, b) = (rank(one.element), rank(other.element))
          return a == b ? one.offset < other.offset : a > b
        }.map(\.element)
      rows += sorted.map { ListRow(key: .host($0.name), host: $0) }
    }
    return rows
  }

  /// The trouble of a host: what is acknowledged or silenced comes after what is not.
  private static func rank(_ host: Snapshot.Host) -> Int {
    let badness =
      switch host.severity {
      case .ok?: 0
      case .unknown?, nil: 1
      case .minor?: 2
      case .major?: 3
      case .critical?: 4
      }
    return badness == 0 ? 0 : host.isKnown ? badness : badness + 4
  }

  private static func group(_ name: String, _ hosts: [Snapshot.Host]) -> ListRow {
    var row = ListRow(key: .group(name), host: Snapshot.Host(name: name, group: name))
    row.count.total = hosts.count
    for host in hosts {
      if host.isUp { row.count.online += 1 }
      row.states[host.severity ?? .unknown, default: 0] += 1
      row.host.services.online += host.services.online
      row.host.services.total += host.services.total
    }
    row.host.severity = hosts.compactMap(\.severity).max()
    row.host.series.cpu = mean(hosts.map(\.series.cpu))
    row.host.series.load = mean(hosts.map(\.series.load))
    row.host.series.memory = mean(hosts.map(\.series.memory))
    row.host.series.latency = mean(hosts.map(\.series.latency))
    return row
  }

  /// The mean of several series, aligned at their newest values.
  private static func mean(_ all: [[Double]]) -> [Double] {
    let length = all.map(\.count).max() ?? 0
    guard length > 0 else { return [] }
    var sums = [Double](repeating: 0, count: length)
    var counts = [Int](repeating: 0, count: length)
    for series in all {
      for (place, value) in zip((length - series.count)..<length, series) {
        sums[place] += value
        counts[place] += 1
      }
    }
    return zip(sums, counts).map { $1 > 0 ? $0 / Double($1) : 0 }
  }
}
