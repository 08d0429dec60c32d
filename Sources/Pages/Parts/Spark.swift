internal import Charts
internal import Metrics

/// A share over time in a row of a table, from its least value up to 100.
struct Spark {
  let values: [(time: Timestamp, value: Double)]
  let from: Timestamp
  let to: Timestamp

  func draw(_ title: String, in html: inout Markup) {
    guard let least = values.map(\.value).min(), let last = values.last else {
      html.text("–")
      return
    }
    let time = TimeAxis(from: from, to: to)
    let low = min(95, max(0, least - 2))
    let trace = Trace(Chart.Series("", values), on: time)
    html.element(
      "svg", .init("viewBox", "0 0 180 24"), .init("preserveAspectRatio", "none"),
      .init("role", "img"),
      .init(
        "aria-label",
        "\(title): least \(Format.fixed(least, 1)) %, last \(Format.fixed(last.value, 1)) %")
    ) { html in
      html.shape("line", .init("x1", 0), .init("x2", 180), .init("y1", 1), .init("y2", 1))
      for run in trace.runs {
        var path = Markup.Path()
        for (place, value) in run.enumerated() {
          let x = 180 * time.share(of: value.second)
          let y = 1 + 22 * (100 - value.value) / (100 - low)
          if place == 0 { path.move(x, y) } else { path.line(x, y) }
        }
        if run.count == 1 { path.right(0.1) }
        html.shape("path", .init(d: path))
      }
    }
  }
}
