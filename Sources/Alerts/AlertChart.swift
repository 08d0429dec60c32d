internal import Charts
internal import Configuration
internal import Metrics
internal import Rules
internal import Store

/// The chart of an alert: the history of the value that crossed its threshold.
struct AlertChart {
  /// The length of the history.
  static let past = Duration.seconds(3 * 3600)
  /// The number of points of a figure over a window.
  private static let moments = 400

  /// The chart of any check by its name: `rule disk full{path=/}`, `service https`. Nil if the check
  /// has no value, or the store holds fewer than two. `tags` are the tags of the host.
  static func make(
    for check: String, host: String, tags: [Tag], rules: [Rule], in store: Store, now: Timestamp
  ) async -> Chart? {
    let check = CheckName(check)
    if let service = check.service {
      return await make(ofService: service, host: host, in: store, now: now)
    }
    guard let rule = rules.first(where: { $0.name == check.rule }) else { return nil }
    return await make(
      of: rule, host: host, tags: tags, instance: check.series, in: store, now: now)
  }

  /// The chart of a rule on one series of a host; `instance` is the name that `Selector.instance` gives.
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

  /// The begin of the chart: that of a young store, so that the chart is not mostly empty.
  private static func start(
    _ values: [SeriesHistory.Value], _ from: Timestamp, _ now: Timestamp
  ) -> Timestamp {
    guard let first = values.first?.time else { return from }
    return first.since(from) > now.since(from) / 2 ? first : from
  }

  private static func lines(of rule: Rule) -> [Chart.Threshold] {
    rule.thresholds.flatMap { severity, threshold in
      threshold.lines.map { Chart.Threshold($0.value, severity, $0.isBadAbove ? .above : .below) }
    }
  }

  /// The figure of the rule over time.
  private static func figures(
    _ window: Window, _ values: [(time: Timestamp, value: Double)]
  ) -> [(time: Timestamp, value: Double)] {
    guard let first = values.first else { return [] }
    let step = max(1, values.count / moments)
    var figures: [(time: Timestamp, value: Double)] = []
    var start = 0
    // Backwards from the last value, so that it is included.
    for end in stride(from: values.count - 1, through: 0, by: -step).reversed() {
      let from = values[end].time.before(window.length)
      // A window that began before the chart is incomplete.
      guard from >= first.time || end == values.count - 1 else { continue }
      while start < end, values[start].time < from { start += 1 }
      if let figure = window.figure(Array(values[start...end])) {
        figures.append((values[end].time, figure))
      }
    }
    return figures
  }

  /// The response time of a service, with gaps where it did not answer.
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
