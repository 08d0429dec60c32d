internal import Charts
internal import Configuration
internal import Metrics
internal import Rules
internal import Store

/// The picture for an alert: how the number went that crossed its line.
struct AlertChart {
  /// How far back it goes, where the store does.
  static let past = Duration.seconds(3 * 3600)
  /// A figure over a window is computed for so many moments.
  private static let moments = 400

  /// Of any check, as alerts name it: `rule disk full{path=/}`, `service https`. Nil where it has no
  /// number, or the store does not hold two of it. `tags` are those of the host.
  static func make(
    for check: String, host: String, tags: [Tag], rules: [Rule], in store: Store, now: Timestamp
  ) async -> Chart? {
    if let service = CheckName(check).service {
      return await make(ofService: service, host: host, in: store, now: now)
    }
    for rule in rules {
      let stem = CheckName.rule(rule.name, series: "").text
      guard check == stem || check.hasPrefix("\(stem){") && check.hasSuffix("}") else { continue }
      let instance = check.dropFirst(stem.count + 1).dropLast()
      return await make(
        of: rule, host: host, tags: tags, instance: String(instance), in: store, now: now)
    }
    return nil
  }

  /// Of a rule on one series of a host, which `instance` names as `Selector.instance` does.
  static func make(
    of rule: Rule, host: String, tags: [Tag], instance: String, in store: Store, now: Timestamp
  ) async -> Chart? {
    let selector = rule.selector
    let length = max(past, (rule.window?.length ?? .zero) * 2)
    let from = now.before(length)
    let found = await SeriesHistory.byName(
      selector, host: host, tags: tags, in: store, from: from, to: now)
    guard let (own, values) = found[instance], values.count > 1 else { return nil }
    let unit = selector.unit.sign(own)
    let name = "\(selector.measurement).\(selector.field)"
    let label = instance.isEmpty ? "" : " \(SeriesName.label(instance))"
    var chart = Chart(
      title: "\(host): \(rule.name)\(label)", unit: unit,
      series: [.init(name, values)], from: start(values, from, now), to: now)
    guard let window = rule.window else {
      chart.thresholds = lines(of: rule)
      return chart
    }
    let figures = figures(window, values)
    let words = "\(window.function.rawValue) over \(window.length.text)"
    switch window.function {
    case .min, .max, .avg:
      chart.series.append(.init(words, figures))
      chart.thresholds = lines(of: rule)
    case .timeToFull:
      let worst = rule.thresholds.map(\.severity).max() ?? .critical
      chart.thresholds = [.init(100, worst, name: "full")]
    case .delta, .rate, .count:
      guard figures.count > 1 else { return chart }
      chart.series = [.init("\(words) of \(name)", figures)]
      chart.unit = window.function.unit(unit)
      chart.thresholds = lines(of: rule)
    }
    return chart
  }

  /// Where a store is young the chart begins with it: half a picture of nothing helps nobody.
  private static func start(
    _ values: [SeriesHistory.Value], _ from: Timestamp, _ now: Timestamp
  ) -> Timestamp {
    guard let first = values.first?.time else { return from }
    let half = (now.nanoseconds &- from.nanoseconds) / 2
    return first.nanoseconds &- from.nanoseconds > half ? first : from
  }

  private static func lines(of rule: Rule) -> [Chart.Threshold] {
    rule.thresholds.flatMap { severity, threshold in
      threshold.lines.map { Chart.Threshold($0.value, severity, $0.isBadAbove ? .above : .below) }
    }
  }

  /// The figure as the rule had it at each moment.
  private static func figures(
    _ window: Window, _ values: [(time: Timestamp, value: Double)]
  ) -> [(time: Timestamp, value: Double)] {
    guard let first = values.first else { return [] }
    let step = max(1, values.count / moments)
    var figures: [(time: Timestamp, value: Double)] = []
    var start = 0
    // From the last one back, so that it is among them.
    for end in stride(from: values.count - 1, through: 0, by: -step).reversed() {
      let from = values[end].time.nanoseconds &- window.length.nanoseconds
      // What began before the chart does is not known as a whole.
      guard from >= first.time.nanoseconds || end == values.count - 1 else { continue }
      while start < end, values[start].time.nanoseconds < from { start += 1 }
      if let figure = window.figure(Array(values[start...end])) {
        figures.append((values[end].time, figure))
      }
    }
    return figures
  }

  /// Of a service that is asked over the network: how long it took to answer. Where it did not there
  /// is a gap.
  private static func make(
    ofService service: String, host: String, in store: Store, now: Timestamp
  ) async -> Chart? {
    let from = now.before(past)
    let kept = try? await store.histories(
      host: host, measurement: "service", field: "latency_ms", tags: [Tag("service", service)],
      from: from, to: now)
    let values = (kept ?? [:]).values.flatMap { $0.compactMap(SeriesHistory.number) }
      .sorted { $0.time < $1.time }
    guard values.count > 1 else { return nil }
    return Chart(
      title: "\(host): \(service)", unit: "ms", series: [.init("time to answer", values)],
      from: start(values, from, now), to: now)
  }
}
