internal import Metrics

/// The columns of the list on a screen of some width: more figures and longer bars on a wide one.
struct ListColumns {
  enum Kind {
    case name, state, cpu, cpuBar, load, loadBar, memory, memoryBar, latency, latencyBar, services
    case trouble
  }

  struct Column {
    var kind: Kind
    var title: String
    var x: Int
    var width: Int
    var isRight = false
  }

  private(set) var columns: [Column] = []

  init(_ snapshot: Snapshot, width: Int) {
    let longest = snapshot.hosts.map(\.name.shownColumns).max() ?? 0
    let groups = snapshot.hosts.map(\.group.shownColumns).max() ?? 0
    let name = max(10, min(max(longest + 2, groups + 2), width / 5))
    let served = snapshot.hosts.reduce(0) { $0 + $1.services.total }
    let services = max(8, 2 * String(served).count + 1)
    let bar = width >= 160 ? 16 : 8
    var x = 1
    func add(_ kind: Kind, _ title: String, _ size: Int, right: Bool = false, gap: Int = 1) {
      columns.append(Column(kind: kind, title: title, x: x, width: size, isRight: right))
      x += size + gap
    }
    add(.name, "HOST", name)
    add(.state, "STATE", 8)
    add(.cpu, "CPU", 5, right: true)
    if width >= 60 { add(.cpuBar, "", bar) }
    if width >= 100 { add(.load, "LOAD", 6, right: true) }
    if width >= 160 { add(.loadBar, "", bar) }
    add(.memory, "MEM", 5, right: true)
    if width >= 100 { add(.memoryBar, "", bar) }
    if width >= 72 { add(.latency, "LAT", 7, right: true) }
    if width >= 160 { add(.latencyBar, "", bar) }
    if width >= 66 { add(.services, "SERVICES", services, right: true, gap: 2) }
    columns.append(
      Column(kind: .trouble, title: "TROUBLE", x: x, width: max(0, width - x)))
  }

  func titles(_ grid: inout Grid, row: Int) {
    for column in columns {
      grid.put(
        column.title, x: column.x, y: row, width: column.width, .dim, right: column.isRight)
    }
  }

  func draw(_ row: ListRow, y: Int, isChosen: Bool, _ grid: inout Grid) {
    let host = row.host
    let series = host.series
    if isChosen { grid.put(">", x: 0, y: y, .bold) }
    for column in columns {
      let (text, style) = cell(column, row, host, series, grid.capabilities)
      grid.put(text, x: column.x, y: y, width: column.width, style, right: column.isRight)
    }
    if isChosen { grid.reverse(row: y) }
  }

  private func cell(
    _ column: Column, _ row: ListRow, _ host: Snapshot.Host, _ series: Snapshot.Series,
    _ capabilities: Capabilities
  ) -> (String, Style) {
    let base: Style = row.isGroup ? .bold : .plain
    func bar(_ values: [Double], top: Double?) -> (String, Style) {
      (Bars.text(values, count: column.width, top: top, capabilities), base)
    }
    func share(_ value: Double?) -> String {
      value.map { "\(Format.fixed($0, 0)) %" } ?? Format.none
    }
    switch column.kind {
    case .name:
      guard row.isGroup else { return (" \(host.name)", base) }
      return ("\(row.isFolded ? "+" : "-")\(host.name)", base)
    case .state:
      guard !row.isGroup else {
        return ("\(row.count.online)/\(row.count.total) up", .of(host.severity))
      }
      return (host.severity?.rawValue ?? Format.none, .of(host.severity, isKnown: host.isKnown))
    case .cpu: return (share(series.cpu.last), base)
    case .cpuBar: return bar(series.cpu, top: 100)
    case .load: return (series.load.last.map { Format.fixed($0, 2) } ?? Format.none, base)
    case .loadBar: return bar(series.load, top: nil)
    case .memory: return (share(series.memory.last), base)
    case .memoryBar: return bar(series.memory, top: 100)
    case .latency: return (series.latency.last.map(Self.latency) ?? Format.none, base)
    case .latencyBar: return bar(series.latency, top: nil)
    case .services:
      guard host.services.total > 0 else { return (Format.none, base) }
      return ("\(host.services.online)/\(host.services.total)", base)
    case .trouble:
      guard row.isGroup else {
        return (host.message, host.isKnown ? .dim : .plain)
      }
      let words = Severity.allCases.sorted(by: >).compactMap { severity -> String? in
        guard severity != .ok, let count = row.states[severity] else { return nil }
        return "\(count) \(severity.rawValue)"
      }
      return (words.joined(separator: ", "), .of(host.severity))
    }
  }

  static func latency(_ milliseconds: Double) -> String {
    if milliseconds < 10 { return "\(Format.fixed(milliseconds, 1)) ms" }
    if milliseconds < 10_000 { return "\(Format.fixed(milliseconds, 0)) ms" }
    return "\(Format.fixed(milliseconds / 1000, 0)) s"
  }
}
