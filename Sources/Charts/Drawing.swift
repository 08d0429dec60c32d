internal import Metrics

extension Chart {
  /// The chart as a PNG, 1200 pixels wide and some 700 high.
  ///
  /// Text from hosts is made harmless and clipped; values that are not finite count as missing.
  /// Drawing takes some tens of milliseconds, and the first call reads fonts from the disk: it must
  /// not run on a reactor.
  public func png(_ theme: Theme) throws(ChartError) -> [UInt8] {
    let drawing = try Drawing(self, theme)
    drawing.draw()
    return try drawing.canvas.png()
  }
}

/// The layout of a chart's picture, and the drawing of its parts.
struct Drawing {
  /// A line with its colour.
  struct Line {
    var name: String
    var trace: Trace
    var color: Color
    var number: Int
  }

  let canvas: Canvas
  let palette: Palette
  let lines: [Line]
  let thresholds: [Chart.Threshold]
  let values: ValueAxis
  let times: TimeAxis
  /// The area of the lines.
  let plot: Box
  private let title: String
  private let caption: String
  /// Marks in place of round times.
  private let marks: [Chart.Mark]
  private let unit: String
  /// The number of series without room.
  private let more: Int

  // Sizes in pixels. A phone shows the picture at about a third of its width: 26 become 9.
  private static let width = 1200
  private static let height = 675
  private static let margin = 40.0
  private static let row = 46.0
  private static let heading = Font(size: 44, isBold: true)
  private static let label = Font(size: 27)
  private static let strong = Font(size: 27, isBold: true)
  private static let latest = Font(size: 36, isBold: true)
  private static let most = 8

  init(_ chart: Chart, _ theme: Chart.Theme) throws(ChartError) {
    palette = Palette(theme)
    times = TimeAxis(from: chart.from, to: chart.to)
    let axis = times
    let traces = chart.series.map { (name: $0.name, trace: Trace($0, on: axis)) }
    let drawn = Self.worst(traces, isLowBad: Self.isLowBad(chart.thresholds))
    let least = drawn.map(\.trace.least).min() ?? .infinity
    let greatest = drawn.map(\.trace.greatest).max() ?? -.infinity
    guard least <= greatest else {
      throw ChartError(.empty, "there is no value to draw in the chart")
    }
    let colors = palette.lines
    lines = drawn.enumerated().map { index, one in
      Line(
        name: String(one.name.prefix(200)).visible, trace: one.trace,
        color: colors[index % colors.count], number: index)
    }
    more = traces.count - drawn.count
    // As for values: smaller magnitudes have no usable logarithm and count as zero.
    let drawable = chart.thresholds.filter {
      $0.value == 0 || (1e-100..<1e100).contains($0.value.magnitude)
    }
    thresholds = Array(drawable.prefix(32))
    title = String(chart.title.prefix(400)).visible
    caption = (chart.caption.map { String($0.prefix(400)).visible }) ?? times.text
    marks = chart.marks

    let rows = lines.count > 1 ? (lines.count + 1) / 2 + (more > 0 ? 1 : 0) : 0
    canvas = try Canvas(
      width: Self.width, height: Self.height + rows * Int(Self.row) + (rows > 0 ? 12 : 0),
      background: palette.background)
    unit = canvas.clip(String(chart.unit.prefix(60)).visible, to: 160, Self.label)
    values = ValueAxis(
      least: least, greatest: greatest, thresholds: thresholds.map(\.value),
      isWhole: drawn.allSatisfy(\.trace.isWhole), unit: unit)

    let labels = values.marks.map { [canvas] in canvas.width(of: $0.label, Self.label) }
    var right = canvas.box.right - Self.margin
    if lines.count == 1, let last = lines[0].trace.last {
      right -= 20 + canvas.width(of: values.text(last.value), Self.latest)
    }
    plot = Box(
      left: Self.margin + (labels.max() ?? 0) + 14, top: 188, right: right,
      bottom: Double(Self.height) - 74)
  }

  private static func isLowBad(_ thresholds: [Chart.Threshold]) -> Bool {
    !thresholds.isEmpty && thresholds.allSatisfy { $0.side == .below }
  }

  /// All series, in order; if there are too many, those with the worst latest values, and series
  /// without values last.
  private static func worst(
    _ traces: [(name: String, trace: Trace)], isLowBad: Bool
  ) -> [(name: String, trace: Trace)] {
    guard traces.count > most else { return traces }
    func badness(_ trace: Trace) -> Double {
      trace.last.map { isLowBad ? -$0.value : $0.value } ?? -.infinity
    }
    let order = traces.indices.sorted {
      let (a, b) = (badness(traces[$0].trace), badness(traces[$1].trace))
      return a == b ? $0 < $1 : a > b
    }
    return order.prefix(most).map { traces[$0] }
  }

  func x(of second: Double) -> Double { plot.left + times.share(of: second) * plot.width }

  func y(of value: Double) -> Double { plot.bottom - values.height(of: value) * plot.height }

  // MARK: Drawing

  func draw() {
    drawHead()
    drawAxes()
    let drawn = lines.map { outlines(of: $0.trace) }
    for threshold in thresholds where values.holds(threshold.value) {
      let y = y(of: threshold.value)
      canvas.line(
        [(plot.left, y), (plot.right, y)], palette.color(of: threshold.severity), width: 3.5,
        dashes: [16, 10])
    }
    for (line, runs) in zip(lines, drawn) { draw(line, runs) }
    var taken = drawLatest()
    for threshold in thresholds.sorted(by: { $0.severity > $1.severity }) {
      drawLabel(threshold, beside: drawn.joined(), &taken)
    }
    if lines.count > 1 { drawLegend() }
  }

  private func drawHead() {
    let width = canvas.box.width - 2 * Self.margin
    // A long title is written smaller before its end is left out: it may hold a host's name.
    let font =
      canvas.width(of: title, Self.heading) <= width ? Self.heading : Font(size: 33, isBold: true)
    let shown = canvas.clip(title, to: width, font)
    canvas.write(
      shown, font, in: canvas.place(shown, font, x: Self.margin, middle: 54), palette.text)
    // A single line has no legend.
    let name = lines.count == 1 && !lines[0].name.isEmpty ? "  ·  \(lines[0].name)" : ""
    let time = canvas.clip(caption + name, to: width, Self.label)
    canvas.write(
      time, Self.label, in: canvas.place(time, Self.label, x: Self.margin, middle: 106),
      palette.muted)
    let box = canvas.place(values.amount.unit, Self.label, x: plot.left - 14, middle: 152, .right)
    let left = max(box.left, Self.margin)
    canvas.write(
      values.amount.unit, Self.label,
      in: Box(left: left, top: box.top, right: left + box.width, bottom: box.bottom),
      palette.muted)
  }

  private func drawAxes() {
    for mark in values.marks {
      let y = y(of: mark.value)
      canvas.line([(plot.left, y), (plot.right, y)], palette.grid, width: 2)
      canvas.write(
        mark.label, Self.label,
        in: canvas.place(mark.label, Self.label, x: plot.left - 14, middle: y, .right),
        palette.muted)
    }
    let room = canvas.width(of: "00:00:00", Self.label) + 50
    var free = Self.margin
    let own = marks.prefix(100).map {
      TimeAxis.Mark(
        second: Double($0.time.nanoseconds) / 1e9, label: String($0.label.prefix(40)).visible,
        isDay: false)
    }
    for mark in own.isEmpty ? times.marks(atMost: max(1, Int(plot.width / room))) : own {
      let x = x(of: mark.second)
      canvas.line([(x, plot.top), (x, plot.bottom + 10)], palette.grid, width: mark.isDay ? 4 : 2)
      let font = mark.isDay ? Self.strong : Self.label
      var box = canvas.place(mark.label, font, x: x, middle: plot.bottom + 34, .center)
      let excess = max(0, box.right - (canvas.box.right - Self.margin / 2))
      box.left -= excess
      box.right -= excess
      guard box.left >= free, excess < 20 || !own.isEmpty else { continue }
      canvas.write(mark.label, font, in: box, mark.isDay ? palette.text : palette.muted)
      free = box.right + 16
    }
    canvas.line(
      [(plot.left, plot.bottom), (plot.right, plot.bottom)], palette.muted, width: 2.5)
  }

  /// The runs of a trace in pixels.
  private func outlines(of trace: Trace) -> [[(x: Double, y: Double)]] {
    trace.runs.map { run in
      Trace.reduced(run, on: times, columns: Int(plot.width)).map {
        (x(of: $0.second), y(of: $0.value))
      }
    }
  }

  private func draw(_ line: Line, _ runs: [[(x: Double, y: Double)]]) {
    for run in runs {
      guard let first = run.first, let last = run.last else { continue }
      guard run.count > 1 else {
        canvas.disc(x: first.x, y: first.y, radius: 5, line.color)
        continue
      }
      if lines.count == 1 {
        canvas.fill(
          run + [(last.x, plot.bottom), (first.x, plot.bottom)], line.color, alpha: 0.13)
      }
      canvas.line(run, line.color, width: lines.count == 1 ? 5 : 4)
    }
  }

  /// Marks the last value of each line, and labels that of a single line. Returns the boxes that
  /// other text must avoid.
  private func drawLatest() -> [Box] {
    var taken: [Box] = []
    for line in lines {
      guard let last = line.trace.last else { continue }
      let (x, y) = (x(of: last.second), y(of: last.value))
      drawMarker(line, x: x, y: y, size: lines.count == 1 ? 10 : 9)
      guard lines.count == 1 else { continue }
      let text = values.text(last.value)
      let middle = min(max(y, plot.top + 10), plot.bottom - 24)
      let box = canvas.place(text, Self.latest, x: x + 20, middle: middle)
      let color = crossed(by: last.value).map { palette.color(of: $0) } ?? line.color
      canvas.write(text, Self.latest, in: box, color, halo: palette.background)
      taken = [Box(left: x - 14, top: min(box.top, y - 14), right: box.right, bottom: box.bottom)]
    }
    return taken
  }

  private func crossed(by value: Double) -> Severity? {
    thresholds.filter { $0.side == .above ? value > $0.value : value < $0.value }
      .map(\.severity).max()
  }

  /// Lines also differ in shape, for readers who cannot distinguish the colours.
  private func drawMarker(_ line: Line, x: Double, y: Double, size: Double) {
    for (size, color) in [(size + 3, palette.background), (size, line.color)] {
      switch line.number % 4 {
      case 1:
        let half = size * 0.9
        canvas.fill(
          [(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)],
          color)
      case 2:
        canvas.fill(
          [
            (x, y - size * 1.2), (x + size * 1.15, y + size * 0.85),
            (x - size * 1.15, y + size * 0.85),
          ],
          color)
      case 3:
        let half = size * 1.25
        canvas.fill([(x, y - half), (x + half, y), (x, y + half), (x - half, y)], color)
      default: canvas.disc(x: x, y: y, radius: size, color)
      }
    }
  }

  /// Names a threshold near its line, where the name covers least of the lines and no other text; a
  /// threshold beyond the picture is named at that border, with an arrow.
  private func drawLabel(
    _ threshold: Chart.Threshold, beside runs: some Sequence<[(x: Double, y: Double)]>,
    _ taken: inout [Box]
  ) {
    let limit = values.text(threshold.value, digits: 6)
    let words =
      threshold.name.map { String($0.prefix(40)).visible }
      ?? "\(threshold.severity.rawValue) \(threshold.side.rawValue)"
    var text = "\(words) \(limit)"
    if threshold.value > values.high { text = "↑ \(text)" }
    if threshold.value < values.low { text = "↓ \(text)" }
    let line = min(max(y(of: threshold.value), plot.top), plot.bottom)
    let distance = Self.strong.size * 0.6 + 7
    let sides: [(x: Double, side: Canvas.Side)] =
      [(plot.left + 14, .left)]
      + stride(from: 0.2, through: 0.8, by: 0.05).map { (plot.left + $0 * plot.width, .center) }
      + [(plot.right - 26, .right)]
    var best: (box: Box, cost: Int)?
    for (height, factor) in [-1.0, 1, -2.8, 2.8, -4.6, 4.6].enumerated() {
      for (x, side) in sides {
        let box = canvas.place(text, Self.strong, x: x, middle: line + factor * distance, side)
        guard box.top >= plot.top, box.bottom <= plot.bottom, box.left >= plot.left,
          box.right <= plot.right, !taken.contains(where: box.overlaps)
        else { continue }
        let cost = 110 * (height / 2) + 2 * (height % 2) + runs.reduce(0) { $0 + covered($1, box) }
        if best.map({ cost < $0.cost }) ?? true { best = (box, cost) }
      }
    }
    guard let box = best?.box else { return }
    canvas.write(
      text, Self.strong, in: box, palette.color(of: threshold.severity), halo: palette.background)
    taken.append(box)
  }

  /// The number of pixels of the box's width that the run crosses.
  private func covered(_ run: [(x: Double, y: Double)], _ box: Box) -> Int {
    var covered = 0.0
    for (a, b) in zip(run, run.dropFirst()) where a.x < box.right && b.x > box.left {
      let part = Box(
        left: a.x, top: min(a.y, b.y) - 4, right: b.x + 0.01, bottom: max(a.y, b.y) + 4)
      guard part.overlaps(box) else { continue }
      covered += max(part.height > 30 ? 6 : 0.5, min(b.x, box.right) - max(a.x, box.left))
    }
    return Int(covered)
  }

  private func drawLegend() {
    let gap = 44.0
    let column = (canvas.box.width - 2 * Self.margin - gap) / 2
    let top = Double(Self.height) + Self.row / 2 - 10
    let half = (lines.count + 1) / 2
    // A single value has no spacing: the spacing of the others applies.
    let spacing = lines.map(\.trace.spacing).max() ?? 0
    for (index, line) in lines.enumerated() {
      let left = Self.margin + (column + gap) * Double(index / half)
      let middle = top + Self.row * Double(index % half)
      canvas.line([(left, middle), (left + 44, middle)], line.color, width: 5)
      drawMarker(line, x: left + 22, y: middle, size: 9)
      let value: Box
      if let last = line.trace.last {
        // An old value is muted and shows its time.
        let isOld = times.to - last.second > 3 * spacing
        let text = values.text(last.value) + (isOld ? " at \(times.text(of: last.second))" : "")
        let color = crossed(by: last.value).map { palette.color(of: $0) } ?? palette.text
        value = canvas.place(text, Self.strong, x: left + column, middle: middle, .right)
        canvas.write(text, Self.strong, in: value, isOld ? palette.muted : color)
      } else {
        value = canvas.place("–", Self.strong, x: left + column, middle: middle, .right)
        canvas.write("–", Self.strong, in: value, palette.text)
      }
      let name = canvas.clip(line.name, to: value.left - left - 60 - 16, Self.label)
      canvas.write(
        name, Self.label, in: canvas.place(name, Self.label, x: left + 60, middle: middle),
        palette.text)
    }
    guard more > 0 else { return }
    let text = "and \(more) more"
    let box = canvas.place(
      text, Self.label, x: Self.margin + 60, middle: top + Self.row * Double(half))
    canvas.write(text, Self.label, in: box, palette.muted)
  }
}
