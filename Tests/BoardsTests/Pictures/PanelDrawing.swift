import Foundation
import Glibc
import Lab
import Metrics

@testable import Charts

/// One panel of a board's picture.
struct PanelDrawing {
  let canvas: Canvas
  let panel: JSON
  let box: Box
  let answers: Answers
  let fill: (String) -> String
  let titles: [String]
  /// The times of events, in seconds since 1970.
  let marks: [Double]
  let minutes: Double
  let now: Date

  static let label = Font(size: 9)
  private static let strong = Font(size: 10, isBold: true)
  private static let gap = 3.0
  private let palette = Palette(.light)

  /// The part below the title.
  private var inner: Box {
    let top = title.isEmpty ? 6.0 : 22.0
    return Box(
      left: box.left + 10, top: box.top + top, right: box.right - 10, bottom: box.bottom - 8)
  }
  private var title: String { fillTitle(panel["title"]?.string ?? "") }

  /// In titles values stand as they are, not as expressions.
  private func fillTitle(_ text: String) -> String {
    fill(text).replacing("(", with: "").replacing(")", with: "").replacing("\\", with: "")
  }

  func draw() throws {
    guard panel["type"]?.string != "row" else {
      write("▾ \(title)", Self.strong, x: box.left + 6, middle: box.middle, palette.text)
      return
    }
    let frame = Box(
      left: box.left + Self.gap, top: box.top + Self.gap, right: box.right - Self.gap,
      bottom: box.bottom - Self.gap)
    canvas.fill(corners(frame), palette.background)
    canvas.line(corners(frame) + [(frame.left, frame.top)], palette.grid, width: 1)
    let shown = canvas.clip(title, to: box.width - 20, Self.strong)
    write(shown, Self.strong, x: box.left + 10, middle: box.top + 13, palette.text)
    switch panel["type"]?.string {
    case "timeseries": try drawChart()
    case "stat": try drawStat()
    case "bargauge": try drawBars()
    case "table": try drawTable()
    case "state-timeline": try drawStates()
    case "nodeGraph": try drawGraph()
    case "piechart": try drawDonut()
    case "text": drawLines([panel.at("options", "content")?.string ?? ""])
    case "dashlist": drawLines(titles)
    default: throw Unavailable(description: "no picture of \(panel.text)")
    }
  }

  // MARK: Parts

  private func corners(_ box: Box) -> [(x: Double, y: Double)] {
    [(box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom)]
  }

  private func write(
    _ text: String, _ font: Font, x: Double, middle: Double, _ color: Color,
    _ side: Canvas.Side = .left
  ) {
    canvas.write(text, font, in: canvas.place(text, font, x: x, middle: middle, side), color)
  }

  private func drawLines(_ lines: [String]) {
    for (index, line) in lines.enumerated() {
      let middle = inner.top + 8 + 14 * Double(index)
      guard middle + 6 < box.bottom else { break }
      write(
        canvas.clip(line, to: inner.width, Self.label), Self.label, x: inner.left, middle: middle,
        palette.text)
    }
  }

  /// The words of an empty panel.
  private func drawNothing() {
    let text = panel.at("fieldConfig", "defaults", "noValue")?.string ?? "No data"
    let shown = canvas.clip(text, to: inner.width, Self.label)
    write(
      shown, Self.label, x: (inner.left + inner.right) / 2, middle: inner.middle, palette.muted,
      .center)
  }

  private func display(_ column: String? = nil) -> Display {
    Display(panel, column: column, now: now)
  }

  // MARK: Rows

  /// All lines of the panel's queries that give lines.
  private func lines() throws -> [Line] {
    try (panel["targets"]?.elements ?? []).flatMap { target -> [Line] in
      let statement = fill(target["query"]?.string ?? "")
      guard target["resultFormat"]?.string == "table" else {
        return try answers.lines(statement, alias: target["alias"]?.string)
      }
      let frame = try answers.table(statement)
      return frame.columns.dropFirst().filter { $0.values.contains { $0.double != nil } }.map {
        column in
        Line(
          name: column.name,
          values: zip(frame.columns[0].values, column.values).map {
            (time: $0.double ?? 0, value: $1)
          })
      }
    }
  }

  private func tables() throws -> [Frame] {
    try (panel["targets"]?.elements ?? []).map {
      try answers.table(fill($0["query"]?.string ?? ""))
        .transformed(by: panel["transformations"]?.elements ?? [])
    }
  }

  // MARK: Chart

  /// One line of a chart with how it is drawn.
  private struct Curve {
    var line: Line
    var display: Display
    var color: Color
    var trace: Trace
    var isHidden: Bool { display["custom.lineWidth"]?.double == 0 }
    var isBars: Bool { display["custom.drawStyle"]?.string == "bars" }
  }

  private func curves(on axis: TimeAxis) throws -> [Curve] {
    let factor = display().axis.factor
    var sums: [Double: Double] = [:]
    return try lines().enumerated().map { index, line in
      let display = display(line.name)
      let isStacked = display.at("custom.stacking", "mode") == "normal"
      let factor = display["custom.axisPlacement"]?.string == "right" ? 1 : factor
      let values = line.values.compactMap { time, value -> (time: Timestamp, value: Double)? in
        guard var number = value.double else { return nil }
        if isStacked {
          number += sums[time] ?? 0
          sums[time] = number
        }
        return (Timestamp(nanoseconds: Int64(time) * 1_000_000), number * factor)
      }
      return Curve(
        line: line, display: display,
        color: display.color(of: .null) ?? palette.lines[index % palette.lines.count],
        trace: Trace(Chart.Series(line.name, values), on: axis))
    }.filter { $0.trace.last != nil }
  }

  private func drawChart() throws {
    let end = now.timeIntervalSince1970
    let axis = TimeAxis(
      from: Timestamp(nanoseconds: Int64((end - minutes * 60) * 1e9)),
      to: Timestamp(nanoseconds: Int64(end * 1e9)))
    let curves = try curves(on: axis)
    let (bars, main) = (curves.filter(\.isBars), curves.filter { !$0.isBars })
    guard !main.isEmpty else { return drawNothing() }
    let own = display()
    let hasLimits = own.at("custom.thresholdsStyle", "mode") == "dashed"
    let limits = hasLimits ? own.steps.filter { $0.from.isFinite } : []
    let fixed = ["min", "max"].compactMap { own[$0]?.double }
    let scale = ValueAxis(
      least: min(0, (main.map(\.trace.least) + fixed).min() ?? 0),
      greatest: (main.map(\.trace.greatest) + fixed).max() ?? 1, thresholds: limits.map(\.from),
      isWhole: main.allSatisfy(\.trace.isWhole), unit: own.axis.sign)
    let labels = scale.marks.map { mark in
      (mark.value, mark.value == 0 ? mark.label : scale.text(mark.value))
    }
    let width = labels.map { canvas.width(of: $0.1, Self.label) }.max() ?? 0
    let plot = Box(
      left: inner.left + width + 6, top: inner.top + 4, right: inner.right - 4,
      bottom: inner.bottom - 30)
    func x(_ second: Double) -> Double { plot.left + axis.share(of: second) * plot.width }
    func y(_ value: Double) -> Double { plot.bottom - scale.height(of: value) * plot.height }
    // At least 14 pixels between labels.
    let step = Int((14 * Double(labels.count) / max(1, plot.height)).rounded(.up))
    for (index, mark) in labels.enumerated() where index % max(1, step) == 0 {
      canvas.line([(plot.left, y(mark.0)), (plot.right, y(mark.0))], palette.grid, width: 1)
      write(mark.1, Self.label, x: plot.left - 5, middle: y(mark.0), palette.muted, .right)
    }
    for mark in axis.marks(atMost: Int(plot.width / 60)) {
      write(
        mark.label, Self.label, x: min(x(mark.second), plot.right - 12), middle: plot.bottom + 8,
        palette.muted, .center)
    }
    for mark in marks where mark >= axis.from {
      canvas.line(
        [(x(mark), plot.top), (x(mark), plot.bottom)], Color(0xf2a65a), width: 1, dashes: [3, 3])
    }
    for limit in limits where scale.holds(limit.from) {
      canvas.line(
        [(plot.left, y(limit.from)), (plot.right, y(limit.from))],
        Display.color(limit.name) ?? palette.muted, width: 1, dashes: [6, 4])
    }
    for bar in bars {
      let greatest = max(bar.display["max"]?.double ?? 0, bar.trace.greatest, 1e-9)
      for run in bar.trace.runs {
        for value in run {
          let top = plot.bottom - value.value / greatest * plot.height
          canvas.line(
            [(x(value.second), plot.bottom), (x(value.second), top)], bar.color, width: 4)
        }
      }
    }
    for curve in main {
      if let low = curve.display["custom.fillBelowTo"]?.string,
        let floor = main.first(where: { $0.line.name == low })
      {
        for (upper, lower) in zip(curve.trace.runs, floor.trace.runs) {
          canvas.fill(
            upper.map { (x($0.second), y($0.value)) }
              + lower.reversed().map { (x($0.second), y($0.value)) }, curve.color, alpha: 0.25)
        }
      }
      guard !curve.isHidden else { continue }
      for run in curve.trace.runs {
        let points = Trace.reduced(run, on: axis, columns: Int(plot.width)).map {
          (x: x($0.second), y: y($0.value))
        }
        canvas.line(points, curve.color, width: 1.5)
        if points.count == 1 { canvas.disc(x: points[0].x, y: points[0].y, radius: 2, curve.color) }
      }
    }
    drawLegend(
      curves.map { curve in
        let last = curve.line.values.last { $0.value != .null }?.value ?? .null
        return ("\(curve.line.name)  \(curve.display.text(last))", curve.color)
      }, middle: box.bottom - 12)
  }

  /// Names with a mark of their colour, as many as fit.
  private func drawLegend(_ entries: [(text: String, color: Color)], middle: Double) {
    var x = inner.left
    for (index, entry) in entries.enumerated() {
      let rest = entries.count - index
      let more = "+ \(rest) more"
      let text = canvas.clip(entry.text, to: min(240, inner.width - 20), Self.label)
      let width = canvas.width(of: text, Self.label) + 24
      let room = rest > 1 ? canvas.width(of: more, Self.label) + 6 : 0
      guard x + width + room <= inner.right + 14 || index == 0 else {
        write(more, Self.label, x: x, middle: middle, palette.muted)
        return
      }
      canvas.line([(x, middle), (x + 9, middle)], entry.color, width: 3)
      write(text, Self.label, x: x + 13, middle: middle, palette.text)
      x += width
    }
  }

  // MARK: Numbers

  /// One value per column or line, reduced as the options say.
  private func numbers() throws -> [(name: String, value: JSON)] {
    let options = panel.at("options", "reduceOptions")
    let pattern = (options?["fields"]?.string ?? "").replacing("/", with: "")
    let names = pattern.isEmpty ? nil : try Regex(pattern)
    let isLeast = options?["calcs"]?.elements.first?.string == "min"
    return try (panel["targets"]?.elements ?? []).flatMap { target -> [(String, JSON)] in
      let statement = fill(target["query"]?.string ?? "")
      let columns: [Frame.Column]
      if target["resultFormat"]?.string == "table" {
        columns = try answers.table(statement).columns
      } else {
        columns = try answers.lines(statement, alias: target["alias"]?.string).map {
          Frame.Column(name: $0.name, values: $0.values.map(\.value))
        }
      }
      return columns.compactMap { column in
        let values = column.values.filter { $0.double != nil }
        let isAsked = names.map { column.name.contains($0) } ?? (column.name != "Time")
        guard isAsked, !values.isEmpty else { return nil }
        let value =
          isLeast ? values.min { ($0.double ?? 0) < ($1.double ?? 0) } : values.last
        return value.map { (column.name, $0) }
      }
    }
  }

  private func drawStat() throws {
    let numbers = try numbers()
    guard !numbers.isEmpty else { return drawNothing() }
    let width = inner.width / Double(numbers.count)
    for (index, number) in numbers.enumerated() {
      let display = display(number.name)
      let text = display.text(number.value)
      let center = inner.left + width * (Double(index) + 0.5)
      var size = 26.0
      while size > 9, canvas.width(of: text, Font(size: size, isBold: true)) > width - 6 {
        size -= 1
      }
      let color = display.color(of: number.value) ?? palette.text
      write(
        canvas.clip(text, to: width, Font(size: size, isBold: true)),
        Font(size: size, isBold: true), x: center,
        middle: inner.middle - (numbers.count > 1 ? 6 : 0), color, .center)
      guard numbers.count > 1 else { continue }
      let name = canvas.clip(number.name, to: width, Self.label)
      write(name, Self.label, x: center, middle: inner.bottom - 4, palette.muted, .center)
    }
  }

  private func drawBars() throws {
    let numbers = try lines().compactMap { line in
      line.values.last { $0.value != .null }.map { (line.name, $0.value) }
    }
    guard !numbers.isEmpty else { return drawNothing() }
    let height = min(26, inner.height / Double(numbers.count))
    let names = numbers.map { canvas.width(of: $0.0, Self.label) }.max() ?? 0
    for (index, (name, value)) in numbers.enumerated() {
      let display = display(name)
      let middle = inner.top + height * (Double(index) + 0.5)
      write(name, Self.label, x: inner.left, middle: middle, palette.text)
      let bar = Box(
        left: inner.left + min(names, inner.width / 3) + 8, top: middle - height * 0.32,
        right: inner.right - 50, bottom: middle + height * 0.32)
      let (low, high) = (display["min"]?.double ?? 0, display["max"]?.double ?? 100)
      let share = ((value.double ?? low) - low) / max(1e-9, high - low)
      let color = display.color(of: value) ?? palette.lines[0]
      canvas.fill(corners(bar), palette.grid, alpha: 0.6)
      var part = bar
      part.right = bar.left + bar.width * max(0, min(1, share))
      canvas.fill(corners(part), color)
      write(display.text(value), Self.strong, x: inner.right, middle: middle, color, .right)
    }
  }

  private func drawDonut() throws {
    let parts = try numbers()
    let total = parts.reduce(0) { $0 + ($1.value.double ?? 0) }
    guard total > 0 else { return drawNothing() }
    let radius = max(10, min(inner.height - 26, inner.width) / 2)
    let center = (x: (inner.left + inner.right) / 2, y: inner.top + radius)
    var start = -Double.pi / 2
    for (index, part) in parts.enumerated() {
      let size = (part.value.double ?? 0) / total * 2 * .pi
      let color = display(part.name).color(of: .null) ?? palette.lines[index % 8]
      drawArc(center, from: start, to: start + size, radius * 0.6, radius, color)
      if size > 0.2 {
        let angle = start + size / 2
        write(
          display(part.name).text(part.value), Self.strong, x: center.x + radius * 0.8 * cos(angle),
          middle: center.y + radius * 0.8 * sin(angle), palette.background, .center)
      }
      start += size
    }
    drawLegend(
      parts.enumerated().map { index, part in
        (part.name, display(part.name).color(of: .null) ?? palette.lines[index % 8])
      }, middle: box.bottom - 12)
  }

  private func drawArc(
    _ center: (x: Double, y: Double), from: Double, to: Double, _ least: Double, _ greatest: Double,
    _ color: Color
  ) {
    guard to > from else { return }
    let angles = stride(from: from, to: to, by: 0.05) + [to]
    let outside = angles.map {
      (x: center.x + greatest * cos($0), y: center.y + greatest * sin($0))
    }
    let inside = angles.map { (x: center.x + least * cos($0), y: center.y + least * sin($0)) }
    canvas.fill(outside + inside.reversed(), color)
  }

  // MARK: Table

  private func drawTable() throws {
    let frames = try tables()
    guard let frame = frames.first, frame.rows > 0, !frame.columns.isEmpty else {
      return drawNothing()
    }
    let displays = frame.columns.map { display($0.name) }
    let fixed = displays.map { $0["custom.width"]?.double.map { $0 * 0.72 } }
    let free = fixed.count { $0 == nil }
    let rest = inner.width - fixed.compactMap { $0 }.reduce(0, +)
    let share = free > 0 ? max(30, rest / Double(free)) : 0
    var lefts = [inner.left]
    for width in fixed { lefts.append((lefts.last ?? 0) + (width ?? share)) }
    let height = 15.0
    let room = Int(((inner.height - height) / height).rounded(.down))
    let shown = frame.rows > room ? room - 1 : frame.rows
    for (index, column) in frame.columns.enumerated() {
      let (left, right) = (lefts[index], min(lefts[index + 1], inner.right))
      guard right - left > 12 else { continue }
      write(
        canvas.clip(column.name, to: right - left - 6, Self.label), Self.label, x: left,
        middle: inner.top + 7, palette.muted)
      for row in 0..<max(0, shown) {
        let value = column.values[row]
        let middle = inner.top + height * (Double(row) + 1.5)
        let display = displays[index]
        var text = display.text(value)
        if column.name == "Time", display["unit"]?.string != "dateTimeFromNow",
          let time = value.double
        {
          text = Self.clock(time)
        }
        if column.name.hasPrefix("Time\\"), let time = value.double { text = Self.clock(time) }
        // Grafana writes the words of an empty value there, if the panel has any.
        if value == .null { text = display["noValue"]?.string == "–" ? "–" : "" }
        let kind = display["custom.cellOptions"]?["type"]?.string
        let color = value == .null ? nil : display.color(of: value)
        let clipped = canvas.clip(text, to: right - left - 6, Self.label)
        if kind == "color-background", let color {
          canvas.fill(
            corners(
              Box(left: left - 3, top: middle - 7, right: right - 4, bottom: middle + 7)), color)
          write(clipped, Self.label, x: left, middle: middle, palette.background)
        } else {
          write(
            clipped, Self.label, x: left, middle: middle,
            kind == "color-text" ? color ?? palette.text : palette.text)
        }
      }
    }
    canvas.line(
      [(inner.left, inner.top + height), (inner.right, inner.top + height)], palette.grid, width: 1)
    guard shown < frame.rows else { return }
    write(
      "and \(frame.rows - max(0, shown)) more", Self.label, x: inner.left,
      middle: inner.top + height * (Double(max(0, shown)) + 1.5), palette.muted)
  }

  private static func clock(_ milliseconds: Double) -> String {
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_GB")
    format.dateFormat = "yyyy-MM-dd HH:mm:ss"
    return format.string(from: Date(timeIntervalSince1970: milliseconds / 1000))
  }

  // MARK: States

  private func drawStates() throws {
    let lines = try lines().filter { $0.values.contains { $0.value != .null } }
    guard !lines.isEmpty else { return drawNothing() }
    let end = now.timeIntervalSince1970
    let axis = TimeAxis(
      from: Timestamp(nanoseconds: Int64((end - minutes * 60) * 1e9)),
      to: Timestamp(nanoseconds: Int64(end * 1e9)))
    let names = min(
      inner.width * 0.4, lines.map { canvas.width(of: $0.name, Self.label) }.max() ?? 0)
    let plot = Box(
      left: inner.left + names + 8, top: inner.top, right: inner.right, bottom: inner.bottom - 28)
    let height = min(24, plot.height / Double(lines.count))
    func x(_ milliseconds: Double) -> Double {
      plot.left + max(0, min(1, axis.share(of: milliseconds / 1000))) * plot.width
    }
    var legend: [(text: String, color: Color)] = []
    for (index, line) in lines.enumerated() {
      let display = display(line.name)
      let middle = plot.top + height * (Double(index) + 0.5)
      write(
        canvas.clip(line.name, to: names, Self.label), Self.label, x: plot.left - 6,
        middle: middle, palette.text, .right)
      // A value lasts to the next one that differs; an interval without a value is a gap.
      for (place, value) in line.values.enumerated() where value.value != .null {
        guard place == 0 || line.values[place - 1].value != value.value else { continue }
        let until =
          line.values[place...].first { $0.value != value.value }?.time ?? end * 1000
        let color = display.color(of: value.value) ?? palette.muted
        canvas.fill(
          corners(
            Box(
              left: x(value.time), top: middle - height * 0.4, right: x(until),
              bottom: middle + height * 0.4)), color)
        let text = display.text(value.value)
        if !legend.contains(where: { $0.text == text }) { legend.append((text, color)) }
      }
    }
    let bottom = plot.top + height * Double(lines.count)
    for mark in axis.marks(atMost: Int(plot.width / 60)) {
      write(
        mark.label, Self.label, x: min(x(mark.second * 1000), plot.right - 12), middle: bottom + 7,
        palette.muted, .center)
    }
    drawLegend(legend, middle: box.bottom - 12)
  }

  // MARK: Node graph

  private func drawGraph() throws {
    let frames = try tables()
    guard frames.count == 2, let ids = frames[0]["id"]?.values.map({ $0.string ?? "" }),
      !ids.isEmpty
    else { return drawNothing() }
    let (nodes, edges) = (frames[0], frames[1])
    let sources = edges["source"]?.values.map { $0.string ?? "" } ?? []
    let targets = edges["target"]?.values.map { $0.string ?? "" } ?? []
    // Layers: a node stands one to the right of the last of those that lead to it.
    var layers = [String: Int](uniqueKeysWithValues: ids.map { ($0, 0) })
    for _ in ids.indices {
      for (source, target) in zip(sources, targets) {
        layers[target] = max(layers[target] ?? 0, min(ids.count, (layers[source] ?? 0) + 1))
      }
    }
    let last = layers.values.max() ?? 0
    var places: [String: (x: Double, y: Double)] = [:]
    for layer in 0...last {
      let members = ids.filter { layers[$0] == layer }
      for (index, id) in members.enumerated() {
        places[id] = (
          inner.left + inner.width * (Double(layer) + 0.5) / Double(last + 1),
          inner.top + inner.height * (Double(index) + 0.5) / Double(members.count)
        )
      }
    }
    for (source, target) in zip(sources, targets) {
      guard let a = places[source], let b = places[target] else {
        throw Unavailable(description: "an edge to a missing node: \(source) to \(target)")
      }
      canvas.line([a, b], palette.muted, width: 1)
    }
    for (row, id) in ids.enumerated() {
      guard let center = places[id] else { continue }
      canvas.disc(x: center.x, y: center.y, radius: 26, palette.background)
      var start = -Double.pi / 2
      for arc in nodes.columns where arc.name.hasPrefix("arc__") {
        let size = (arc.values[row].double ?? 0) * 2 * .pi
        drawArc(
          center, from: start, to: start + size, 22, 26,
          display(arc.name).color(of: .null) ?? palette.muted)
        start += size
      }
      func text(_ column: String) -> String {
        nodes[column].map { display().text($0.values[row]) } ?? ""
      }
      write(
        canvas.clip(text("mainstat"), to: 40, Self.strong), Self.strong, x: center.x,
        middle: center.y - 5, palette.text, .center)
      write(
        canvas.clip(text("secondarystat"), to: 38, Self.label), Self.label, x: center.x,
        middle: center.y + 7, palette.muted, .center)
      write(text("title"), Self.strong, x: center.x, middle: center.y + 35, palette.text, .center)
      write(
        text("subtitle"), Self.label, x: center.x, middle: center.y + 47, palette.muted, .center)
    }
  }
}
