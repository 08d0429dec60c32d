internal import Charts
internal import Metrics

/// A figure over time: lines in SVG, and their labels in HTML, which keep their size at any width.
struct LineGraph {
  let unit: String
  let lines: [(name: String, values: [(time: Timestamp, value: Double)])]
  let from: Timestamp
  let to: Timestamp
  /// Shares begin at 0 unless this says otherwise; they end at 100.
  var least: Double?

  /// The size of the drawing's own coordinates; it is stretched to its box.
  private static let (width, height) = (300.0, 100.0)

  func draw(_ title: String, in html: inout Markup) {
    let time = TimeAxis(from: from, to: to)
    let traces = lines.prefix(4).map { Trace(Chart.Series($0.name, $0.values), on: time) }
    let seen = traces.filter { $0.last != nil }
    guard !seen.isEmpty else {
      html.element("p", .css("soft"), text: "no data in this time")
      return
    }
    var (low, high) = (seen.map(\.least).min() ?? 0, seen.map(\.greatest).max() ?? 1)
    if unit == "%" { (low, high) = (min(low, least ?? 0), max(high, 100)) }
    let axis = ValueAxis(
      least: low, greatest: high,
      thresholds: [], isWhole: seen.allSatisfy(\.isWhole), unit: unit)
    html.element("div", .css("graph")) { html in
      html.element("div", .css("y"), .init("aria-hidden", "true")) { html in
        for mark in axis.marks.reversed() { html.element("span", text: mark.label) }
      }
      html.element(
        "svg", .init("viewBox", "0 0 300 100"), .init("preserveAspectRatio", "none"),
        .init("role", "img"), .init("aria-label", summary(title, axis))
      ) { html in
        for mark in axis.marks {
          let y = Self.height * (1 - axis.height(of: mark.value))
          html.shape(
            "line", .init("x1", 0), .init("x2", Self.width), .init("y1", y), .init("y2", y))
        }
        for (index, trace) in traces.enumerated() {
          let isArea = traces.count == 1 && axis.low >= 0
          for run in trace.runs {
            let run = Trace.reduced(run, on: time, columns: 150)
            if isArea { html.shape("path", .css("area"), .init("d", area(run, time, axis))) }
            html.shape("path", .css("s\(index)"), .init("d", path(run, time, axis)))
          }
        }
      }
      html.element("div", .css("x"), .init("aria-hidden", "true")) { html in
        for share in [0, 0.5, 1] {
          html.element("span", text: time.text(of: time.from + share * (time.to - time.from)))
        }
      }
    }
    let names = lines.prefix(4).map(\.name).enumerated().map { index, name in
      "\(name) (\(["line", "dashes", "dots", "dashes and dots"][index]))"
    }
    let legend =
      [unit == "%" ? "" : axis.label] + (lines.count > 1 ? [names.joined(separator: ", ")] : [])
    let words = legend.filter { !$0.isEmpty }.joined(separator: ": ")
    if !words.isEmpty { html.element("p", .css("legend"), text: words) }
  }

  private func summary(_ title: String, _ axis: ValueAxis) -> String {
    let words = lines.compactMap { line in
      line.values.last.map { "\(line.name.isEmpty ? "" : "\(line.name) ")\(axis.text($0.value))" }
    }
    return "\(title), \(time: from) to \(time: to); last \(words.joined(separator: ", "))"
  }

  private func point(_ value: Trace.Value, _ time: TimeAxis, _ axis: ValueAxis) -> String {
    let x = Self.width * time.share(of: value.second)
    let y = Self.height * (1 - axis.height(of: value.value))
    return "\(Markup.coordinate(x)) \(Markup.coordinate(y))"
  }

  private func path(_ run: [Trace.Value], _ time: TimeAxis, _ axis: ValueAxis) -> String {
    // A single value is a dot as wide as the stroke.
    "M" + run.map { point($0, time, axis) }.joined(separator: "L") + (run.count == 1 ? "h.1" : "")
  }

  private func area(_ run: [Trace.Value], _ time: TimeAxis, _ axis: ValueAxis) -> String {
    guard let first = run.first, let last = run.last else { return "" }
    let bottom = Markup.coordinate(Self.height)
    let left = Markup.coordinate(Self.width * time.share(of: first.second))
    let right = Markup.coordinate(Self.width * time.share(of: last.second))
    return path(run, time, axis) + "L\(right) \(bottom)L\(left) \(bottom)Z"
  }
}

extension String.StringInterpolation {
  fileprivate mutating func appendInterpolation(time: Timestamp) {
    appendLiteral(Format.time(time))
  }
}
