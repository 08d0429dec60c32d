internal import Charts
internal import Configuration
internal import Glibc
public import Metrics
public import Notifiers
internal import Rules
public import Store
internal import Inventory

/// The text of a report: one line per host, the figure first, or a chart.
public struct ReportText: Sendable {
  /// One host, or one of several series of it.
  private struct Row {
    var host: String
    var name: String
    /// Nil where nothing was read.
    var figure: Double?
    var unit: String
    var values: [SeriesHistory.Value]
  }

  private let report: Report
  private let from: Timestamp
  private let until: Timestamp
  private var rows: [Row] = []

  /// Reads the values of the report from the store.
  public init(_ report: Report, until: Timestamp, in store: Store) async {
    self.report = report
    self.until = until
    from = until.before(report.over)
    for host in report.hosts { rows += await rows(of: host, in: store) }
    if report.order == .value {
      rows = rows.enumerated().sorted { a, b in
        let (x, y) = (a.element.figure ?? -.infinity, b.element.figure ?? -.infinity)
        return x == y ? a.offset < b.offset : x > y
      }.map(\.element)
    }
  }

  private func rows(of host: Host, in store: Store) async -> [Row] {
    let metric = report.metric
    let found = await SeriesHistory.byName(
      metric, host: host.name, tags: host.pointTags, in: store, from: from, to: until)
    let rows = found.map { name, series in
      let unit = metric.unit.sign(series.tags)
      return Row(
        host: host.name, name: name.isEmpty ? "" : SeriesName.label(name),
        figure: report.function.figure(series.values.map(\.value).filter(\.isFinite)),
        unit: report.function == .count ? "" : unit, values: series.values)
    }.filter { $0.figure != nil }.sorted { $0.name < $1.name }
    guard let first = rows.first else {
      return [Row(host: host.name, name: host.name, unit: "", values: [])]
    }
    // The tags of a single series add nothing to the name of the host.
    guard rows.count > 1 else {
      var row = first
      row.name = host.name
      return [row]
    }
    return rows.map { row in
      var row = row
      row.name = row.name.isEmpty ? host.name : "\(host.name) \(row.name)"
      return row
    }
  }

  // MARK: Words

  public var notice: Notice {
    let span = "during the past \(Self.words(report.over)) (\(span))"
    var text = StyledText()
    text.add(.init(report.name.visible, .bold))
    text.add(
      .init("\(report.function.words) of "),
      .init("\(report.metric.measurement).\(report.metric.field)", .code))
    text.add(.init(span))
    let chart = report.form == .chart ? chart : nil
    for line in chart == nil ? table : missing { text.add(.init(line, .code)) }
    return Notice(
      .report, severity: .ok,
      subject: "📊 \(report.name.visible): \(report.function.words) \(span)", text: text,
      opened: until, isSilent: true, chart: chart, contact: report.contact)
  }

  /// The text for a terminal: with a table even if the report has a chart.
  public var lines: [String] {
    var text = notice.text
    text.lines = Array(text.lines.prefix(3))
    return text.plain.split(separator: "\n").map(String.init) + table
  }

  private var table: [String] {
    let known = rows.filter { $0.figure != nil }
    let shown = known.prefix(report.top)
    let figures = shown.map { row in
      Format.of(
        row.figure ?? 0, row.unit, beside: shown.filter { $0.unit == row.unit }.compactMap(\.figure)
      )
    }
    let width = figures.map(\.count).max() ?? 1
    var lines = zip(figures, shown).map { figure, row in
      "\(Format.pad(figure, width, right: true))  \(row.name.visible)"
    }
    if known.count > shown.count {
      lines.append("and \(Format.count(known.count - shown.count)) more")
    }
    return lines + missing.map { Format.pad("", width - 1) + $0 }
  }

  /// The hosts without a value, in one line.
  private var missing: [String] {
    let hosts = rows.filter { $0.figure == nil }.map(\.host)
    return hosts.isEmpty ? [] : ["\(Format.none)  \(fold(hosts).visible)"]
  }

  /// `14:00–14:05`; with dates if it spans two days.
  private var span: String {
    let (start, end) = (from.local, until.local)
    let isOneDay = start.tm_yday == end.tm_yday && start.tm_year == end.tm_year
    return isOneDay
      ? "\(Self.clock(start))–\(Self.clock(end))"
      : "\(Self.date(start)) \(Self.clock(start)) – \(Self.date(end)) \(Self.clock(end))"
  }

  private static func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : String(value) }

  private static func clock(_ time: tm) -> String { "\(two(time.tm_hour)):\(two(time.tm_min))" }

  private static func date(_ time: tm) -> String {
    "\(time.tm_year + 1900)-\(two(time.tm_mon + 1))-\(two(time.tm_mday))"
  }

  /// `5 minutes`, `hour`, `2 days`; any other length as in scrape.yml.
  private static func words(_ duration: Duration) -> String {
    let seconds = duration.components.seconds
    for (length, noun) in [(86_400, "day"), (3600, "hour"), (60, "minute")]
    where seconds >= length && seconds.isMultiple(of: Int64(length)) {
      let count = Int(seconds) / length
      return count == 1 ? noun : Format.count(count, noun)
    }
    return duration.text
  }

  // MARK: Chart

  /// Nil if no host has a value, or the units differ.
  private var chart: Chart? {
    let known = rows.filter { $0.figure != nil && !$0.values.isEmpty }
    guard let first = known.first else { return nil }
    let metric = report.metric
    let unit = metric.unit.sign([])
    guard known.allSatisfy({ $0.unit == first.unit }) else { return nil }
    return Chart(
      title: report.name, unit: report.function == .count ? unit : first.unit,
      series: ReportCurves.chosen(
        rows.map { .init(name: $0.name, figure: $0.figure, values: $0.values) }, from: from,
        to: until), from: from, to: until)
  }
}

extension Format {
  /// A value with its unit, with as many decimals as those beside it need: `12.70 ms`, `1.2 GiB`.
  static func of(_ value: Double, _ unit: String, beside others: [Double]) -> String {
    let most = others.reduce(value.magnitude) { max($0, $1.magnitude) }
    switch unit {
    case "B": return bytes(value)
    case "B/s": return "\(bytes(value))/s"
    case "s" where most >= 600 && value >= 0 && value < 1e15:
      return duration(.seconds(Int64(value)))
    default: break
    }
    let isWhole = (others + [value]).allSatisfy { $0 == $0.rounded() }
    let decimals = isWhole || most >= 1000 ? 0 : most >= 100 ? 1 : most >= 0.1 ? 2 : 4
    let number =
      decimals == 0 && value.magnitude < 1e15 ? count(Int(value.rounded())) : fixed(value, decimals)
    return unit.isEmpty ? number : "\(number) \(unit)"
  }
}
