internal import Charts
internal import Metrics

/// A figure over time: lines in SVG that are stretched to their box, and labels that keep their size at any width.
struct LineGraph {
  let unit: String
  let lines: [HostModel.Line]
  let from: Timestamp
  let to: Timestamp
  var thresholds: [HostModel.Threshold] = []
  /// Shares begin at 0 unless this says otherwise; they end at 100.
  var least: Double?
  /// The span in words: `last hour`; empty for none.
  var span = ""

  /// The eye does not distinguish more lines.
  static let mostLines = 4
  /// The size of the drawing's own coordinates; it is stretched to its box.
  private static let (width, height) = (300.0, 100.0)

  /// The axes and lines of a drawing.
  private struct Drawing {
    var time: TimeAxis
    var axis: ValueAxis
    var traces: [Trace]
    var peaks: Trace?
  }

  private var drawing: Drawing? {
    let time = TimeAxis(from: from, to: to)
    let lines = lines.prefix(Self.mostLines)
    let traces = lines.map { Trace(Chart.Series($0.name, $0.values), on: time) }
    let seen = traces.filter { $0.last != nil }
    guard !seen.isEmpty else { return nil }
    // One line only: several shades on each other say nothing.
    let peaks =
      lines.count == 1 ? lines.first.map { Trace(Chart.Series($0.name, $0.peaks), on: time) } : nil
    var low = seen.map(\.least).min() ?? 0
    var high = max(seen.map(\.greatest).max() ?? 1, peaks?.greatest ?? -.infinity)
    if unit == "%" { (low, high) = (min(low, least ?? 0), max(high, 100)) }
    let axis = ValueAxis(
      least: low, greatest: high, thresholds: thresholds.map(\.value),
      isWhole: seen.allSatisfy(\.isWhole), unit: unit)
    return Drawing(time: time, axis: axis, traces: traces, peaks: peaks)
  }

  func draw(_ title: String, in html: inout Markup) {
    html.element("div", .css("graph")) { html in
      if !span.isEmpty { html.element("div", .css("span"), text: span) }
      guard let drawing else {
        html.element("p", .css("soft none"), text: "no data in this time")
        return
      }
      let axis = drawing.axis
      html.element("div", .css("y"), .init("aria-hidden", "true")) { html in
        for mark in axis.marks.reversed() { html.element("span", text: mark.label) }
      }
      html.element(
        "svg", .init("role", "img"), .init("aria-label", summary(title, axis))
      ) { html in
        html.element(
          "svg", .init("viewBox", "0 0 300 100"), .init("preserveAspectRatio", "none")
        ) { html in shapes(drawing, in: &html) }
        labels(axis, in: &html)
      }
      html.element("div", .css("x"), .init("aria-hidden", "true")) { html in
        let time = drawing.time
        for share in [0, 0.5, 1] {
          html.element("span", text: time.text(of: time.from + share * (time.to - time.from)))
        }
      }
    }
  }

  private func shapes(_ drawing: Drawing, in html: inout Markup) {
    let (time, axis) = (drawing.time, drawing.axis)
    for mark in axis.marks {
      let y = y(mark.value, axis)
      html.shape("line", .init("x1", 0), .init("x2", Self.width), .init("y1", y), .init("y2", y))
    }
    let isArea = drawing.traces.count == 1 && axis.low >= 0
    if isArea,
      let shaded = drawing.peaks.flatMap({ $0.last == nil ? nil : $0 }) ?? drawing.traces.first
    {
      for run in shaded.runs {
        let run = Trace.reduced(run, on: time, columns: 150)
        html.shape("path", .css("area"), .init(d: area(run, time, axis)))
      }
    }
    for (index, trace) in drawing.traces.enumerated() {
      for run in trace.runs {
        let run = Trace.reduced(run, on: time, columns: 150)
        html.shape("path", .css("s\(index)"), .init(d: path(run, time, axis)))
      }
    }
    for threshold in thresholds where isInside(threshold, axis) {
      let y = y(threshold.value, axis)
      html.shape(
        "line", .css("limit \(threshold.severity.rawValue)"), .init("x1", 0),
        .init("x2", Self.width), .init("y1", y), .init("y2", y))
    }
  }

  private func isInside(_ threshold: HostModel.Threshold, _ axis: ValueAxis) -> Bool {
    threshold.value >= axis.low && threshold.value <= axis.high
  }

  /// The severities at their lines; those that would lie on each other are left out, the least severe first.
  private func labels(_ axis: ValueAxis, in html: inout Markup) {
    var taken: [Double] = []
    for threshold in thresholds.sorted(by: { $0.severity > $1.severity })
    where isInside(threshold, axis) {
      let height = axis.height(of: threshold.value)
      // Above its line, below it at the top.
      let isBelow = height > 0.87
      let middle = height + (isBelow ? -0.07 : 0.07)
      guard taken.allSatisfy({ ($0 - middle).magnitude > 0.13 }) else { continue }
      taken.append(middle)
      html.element(
        "text", .css(threshold.severity.rawValue), .init("x", "100%"),
        .init("y", "\(Markup.coordinate(100 * (1 - height)))%"), .init("dx", "-3"),
        .init("dy", isBelow ? "11" : "-3"), .init("text-anchor", "end")
      ) { $0.text(threshold.severity.rawValue) }
    }
  }

  /// The names of lines, the unit, and the thresholds, below one or two drawings.
  static func legend(
    _ names: [String], unit: String, thresholds: [HostModel.Threshold], hidden: Int,
    in html: inout Markup
  ) {
    var words: [String] = []
    let strokes = ["line", "dashes", "dots", "dashes and dots"]
    if names.count > 1 {
      let list = names.prefix(mostLines).enumerated().map { "\($1) (\(strokes[$0]))" }
      words.append(list.joined(separator: ", "))
    } else if let name = names.first, !name.isEmpty {
      words.append(name)
    }
    if hidden > 0 { words.append("\(Format.count(hidden)) smaller not shown") }
    var rules: [String] = []
    for threshold in thresholds where !rules.contains(threshold.rule) {
      rules.append(threshold.rule)
    }
    for rule in rules {
      let limits = thresholds.filter { $0.rule == rule }.reversed().map { limit in
        "\(limit.severity.rawValue) \(limit.isBadAbove ? "above" : "below") "
          + Format.measured(limit.value, unit)
      }
      words.append("rule \(rule): \(limits.joined(separator: ", "))")
    }
    guard !words.isEmpty else { return }
    html.element("p", .css("legend"), text: words.joined(separator: " · "))
  }

  private func summary(_ title: String, _ axis: ValueAxis) -> String {
    let words = lines.compactMap { line in
      line.values.last.map { "\(line.name.isEmpty ? "" : "\(line.name) ")\(axis.text($0.value))" }
    }
    return
      "\(title), \(Format.time(from)) to \(Format.time(to)); last \(words.joined(separator: ", "))"
  }

  private func y(_ value: Double, _ axis: ValueAxis) -> Double {
    Self.height * (1 - axis.height(of: value))
  }

  private func path(_ run: [Trace.Value], _ time: TimeAxis, _ axis: ValueAxis) -> Markup.Path {
    var path = Markup.Path()
    for (place, value) in run.enumerated() {
      let (x, y) = (Self.width * time.share(of: value.second), y(value.value, axis))
      if place == 0 { path.move(x, y) } else { path.line(x, y) }
    }
    // A single value is a dot as wide as the stroke.
    if run.count == 1 { path.right(0.1) }
    return path
  }

  private func area(_ run: [Trace.Value], _ time: TimeAxis, _ axis: ValueAxis) -> Markup.Path {
    var path = path(run, time, axis)
    guard let first = run.first, let last = run.last else { return path }
    path.line(Self.width * time.share(of: last.second), Self.height)
    path.line(Self.width * time.share(of: first.second), Self.height)
    path.close()
    return path
  }
}
