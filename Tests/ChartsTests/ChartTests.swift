import Foundation
import Metrics
import Testing

@testable import Charts

/// Charts are read back by their pixels.
struct ChartTests {
  static let end = Timestamp(seconds: 1_795_195_920)

  static func ago(_ minutes: Int64) -> Timestamp {
    Timestamp(seconds: end.seconds - 60 * minutes)
  }

  /// A value every minute, the last one at the end.
  static func series(
    _ name: String = "a", minutes: Int = 180, _ value: (Int) -> Double
  ) -> Chart.Series {
    .init(name, (0...minutes).map { (ago(Int64(minutes - $0)), value($0)) })
  }

  static func chart(
    _ series: [Chart.Series], title: String = "disk full on web3", unit: String = "%",
    _ thresholds: [Chart.Threshold] = [], minutes: Int64 = 180
  ) -> Chart {
    Chart(
      title: title, unit: unit, series: series, thresholds: thresholds, from: ago(minutes), to: end)
  }

  /// Drawn, and read back.
  static func draw(
    _ chart: Chart, _ theme: Chart.Theme = .light
  ) throws -> (Drawing, Picture) {
    let drawing = try Drawing(chart, theme)
    drawing.draw()
    let bytes = try drawing.canvas.png()
    #expect(try chart.png(theme) == bytes)
    return (drawing, try Picture(bytes))
  }

  @Test func `series are equal by their values`() {
    let time = Timestamp(seconds: 1)
    #expect(Chart.Series("a", [(time, 1)]) != Chart.Series("a", [(time, 2)]))
  }

  @Test(arguments: Chart.Theme.allCases)
  func `the line goes through its values, and each threshold lies at its height`(
    _ theme: Chart.Theme
  ) throws {
    let (drawing, picture) = try Self.draw(
      Self.chart(
        [Self.series { 20 + Double($0) / 3 }], [.init(60, .minor), .init(75, .critical)]), theme)
    let palette = Palette(theme)
    for minute in stride(from: 2, through: 170, by: 12) {
      let x = drawing.x(of: Double(Self.ago(Int64(180 - minute)).seconds))
      let y = drawing.y(of: 20 + Double(minute) / 3)
      #expect(picture.has(palette.lines[0], near: x, y))
      // Neither far above nor below it.
      #expect(!picture.has(palette.lines[0], near: x, y - 30, within: 4))
      #expect(!picture.has(palette.lines[0], near: x, y + 30, within: 4))
    }
    for (value, severity) in [(60.0, Severity.minor), (75, .critical)] {
      let y = drawing.y(of: value)
      let around = Box(
        left: drawing.plot.left, top: y - 2, right: drawing.plot.right, bottom: y + 2)
      let color = palette.color(of: severity)
      #expect(Double(picture.count(color, in: around)) > drawing.plot.width)
      // Dashed: there is as much that is not.
      #expect(Double(picture.count(color, in: around)) < 3 * drawing.plot.width)
    }
    // The marks say the truth: each stands where its value does, and they are evenly apart.
    #expect(drawing.values.marks.map(\.label) == ["0", "20", "40", "60", "80", "100"])
    for (index, mark) in drawing.values.marks.enumerated() {
      let place = try #require(drawing.canvas.written.first { $0.text == mark.label }?.box.middle)
      #expect(abs(place - drawing.y(of: Double(20 * index))) < 0.01)
      let plot = drawing.plot
      #expect(abs(place - (plot.bottom - plot.height * Double(index) / 5)) < 0.01)
    }
    #expect(picture[3, 3].isNear(palette.background))
    let labels = drawing.canvas.written.map(\.text)
    #expect(labels.contains("critical > 75 %") && labels.contains("minor > 60 %"))
    // The last value, in the colour of what it has crossed.
    let last = try #require(drawing.canvas.written.first { $0.text == "80 %" })
    #expect(picture.count(palette.color(of: .critical), in: last.box) > 100)
  }

  /// All kinds of charts, each in both themes.
  static let kinds: [(String, Chart)] = [
    ("one line", chart([series { 88 + Double($0) * 0.045 }], [.init(95, .critical)])),
    ("five lines", chart((1...5).map { n in series("web\(n)") { Double(10 * n + $0 % 7) } })),
    (
      "more lines than there is room for",
      chart(
        (1...40).map { n in series("host-\(n).example.org") { Double(n + $0 % 3) } },
        [
          .init(30, .minor), .init(31, .major), .init(32, .critical), .init(5, .minor, .below),
        ])
    ),
    (
      "endless names",
      chart(
        [
          series(String(repeating: "wide web ", count: 9999)) { Double($0) },
          series("\u{202E}live\u{7}\u{0}\n\u{1F525}") { Double($0) },
        ], title: String(repeating: "W", count: 100_000), unit: String(repeating: "unit", count: 99)
      )
    ),
    (
      "text without end in one letter",
      chart([series("e" + String(repeating: "\u{301}", count: 50_000)) { Double($0) }], title: "")
    ),
    (
      "bytes",
      chart(
        [series { 6e9 - Double($0) * 3e7 }], unit: "B", [.init(1_073_741_824, .critical, .below)])
    ),
    ("a constant", chart([series { _ in 3 }], unit: "", [.init(250, .critical)])),
    ("a constant zero", chart([series { _ in 0 }], unit: "ms")),
    ("a negative constant", chart([series { _ in -7 }], unit: "°C")),
    ("huge", chart([series { Double($0) * 1e97 }], unit: "W")),
    ("tiny", chart([series { Double($0) * 1e-97 }], unit: "W")),
    ("of all sizes", chart([series { $0.isMultiple(of: 2) ? 1e99 : -1e99 }])),
    (
      "beyond what can be drawn",
      chart([series { $0 == 3 ? 1.7e308 : $0 == 4 ? Double.leastNonzeroMagnitude : 1 }])
    ),
    ("nearly constant", chart([series { 1e15 + Double($0 % 2) }])),
    ("one value", chart([.init("a", [(ago(30), 212)])], unit: "W")),
    ("one moment", chart([.init("a", [(end, 212)])], minutes: 0)),
    (
      "a second",
      Chart(
        title: "a", unit: "s", series: [.init("a", [(end, 1)])],
        from: Timestamp(seconds: end.seconds - 1), to: end)
    ),
    ("two days", chart([series(minutes: 2880) { sin(Double($0) / 300) }], minutes: 2880)),
    ("three weeks", chart([series(minutes: 9000) { Double($0 % 50) }], minutes: 30_240)),
    ("a year", chart([series(minutes: 60) { Double($0) }], minutes: 525_600)),
    (
      "all times there are",
      Chart(
        title: "a", unit: "", series: [.init("a", [(end, 1)])],
        from: Timestamp(nanoseconds: .min), to: Timestamp(nanoseconds: .max))
    ),
    (
      "thirty thresholds",
      chart(
        [series { 50 + 40 * sin(Double($0) / 9) }], (0..<30).map { .init(Double($0 * 3), .major) })
    ),
    ("some hosts without values", chart([series("a") { Double($0) }, .init("b", [])])),
  ]

  @Test(arguments: kinds.map(\.0), Chart.Theme.allCases)
  func `no text leaves the picture or is upon another`(
    _ kind: String, _ theme: Chart.Theme
  ) throws {
    let chart = try #require(Self.kinds.first { $0.0 == kind }?.1)
    let start = ContinuousClock.now
    let (drawing, picture) = try Self.draw(chart, theme)
    #expect(ContinuousClock.now - start < .seconds(10))
    let palette = Palette(theme)
    let (width, height) = (picture.width, picture.height)
    let edges = [
      (0..<8, 0..<height), (width - 8..<width, 0..<height), (0..<width, 0..<8),
      (0..<width, height - 8..<height),
    ]
    for (columns, rows) in edges {
      let stray = columns.lazy.flatMap { x in rows.lazy.map { (x, $0) } }
        .first { !picture[$0.0, $0.1].isNear(palette.background) }
      #expect(stray == nil)
    }
    let written = drawing.canvas.written
    for (index, one) in written.enumerated() {
      #expect(one.box.left >= 8 && one.box.right <= Double(picture.width) - 8, "\(one)")
      #expect(one.text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x202e })
      for other in written[(index + 1)...] {
        #expect(!one.box.overlaps(other.box), "\(one) and \(other)")
      }
    }
  }

  @Test func `text stands where the title is, clipped where it is too long`() throws {
    let (drawing, picture) = try Self.draw(
      Self.chart([Self.series { Double($0) }], title: String(repeating: "long name ", count: 30)))
    let title = try #require(drawing.canvas.written.first)
    #expect(title.text.hasSuffix("…"))
    #expect(title.box.right > 1000)
    #expect(picture.count(Palette(.light).text, in: title.box) > 1000)
    // As much of it at the end as at the beginning.
    var half = title.box
    half.left += half.width / 2
    #expect(picture.count(Palette(.light).text, in: half) > 500)
  }

  @Test func `where values are missing the line is broken, and is not drawn to zero`() throws {
    for missing in [.nan, .infinity, -.infinity, 1e300] as [Double] {
      let (drawing, picture) = try Self.draw(
        Self.chart([Self.series { (60..<90).contains($0) ? missing : 40 + Double($0 % 3) }]))
      let left = drawing.x(of: Double(Self.ago(119).seconds))
      let right = drawing.x(of: Double(Self.ago(91).seconds))
      let gap = Box(
        left: left, top: drawing.plot.top, right: right, bottom: drawing.plot.bottom - 4)
      #expect(picture.count(Palette(.light).lines[0], in: gap) == 0)
      // Nor is it filled below.
      var below = gap
      below.top = drawing.y(of: 39)
      let (middle, foot) = (Int(below.middle), Int(left + 20))
      #expect(
        picture[foot, middle].isNear(Palette(.light).background)
          || picture[foot, middle].isNear(Palette(.light).grid))
      #expect(
        picture.has(
          Palette(.light).lines[0], near: drawing.x(of: Double(Self.ago(150).seconds)),
          drawing.y(of: 40), within: 20))
    }
  }

  @Test func `two passes that fell out are no gap, three are`() {
    let axis = TimeAxis(from: Self.ago(180), to: Self.end)
    for (hole, runs) in [(1, 1), (2, 1), (3, 2), (50, 2)] {
      var series = Self.series { Double($0) }
      series.values.removeSubrange(60..<(60 + hole))
      #expect(Trace(series, on: axis).runs.count == runs)
    }
  }

  @Test func `of thousands of values the peaks are kept`() throws {
    let (drawing, picture) = try Self.draw(
      Self.chart(
        [Self.series(minutes: 20_000) { $0 == 7777 ? 90 : $0 == 12_345 ? 0 : 40 }],
        minutes: 20_000))
    for (minute, value) in [(7777, 85.0), (12_345, 10)] {
      #expect(
        picture.has(
          Palette(.light).lines[0],
          near: drawing.x(of: Double(Self.ago(Int64(20_000 - minute)).seconds)),
          drawing.y(of: value)))
    }
    let run = try #require(drawing.lines[0].trace.runs.first)
    let reduced = Trace.reduced(run, on: drawing.times, columns: 1000)
    #expect(run.count == 20_001 && reduced.count <= 4000)
    #expect(reduced.first == run.first && reduced.last == run.last)
  }

  @Test func `a single value is a dot`() throws {
    let (drawing, picture) = try Self.draw(
      Self.chart([.init("a", [(Self.ago(90), 212)])], unit: "W"))
    let x = drawing.x(of: Double(Self.ago(90).seconds))
    #expect(picture.has(Palette(.light).lines[0], near: x, drawing.y(of: 212)))
    #expect(drawing.canvas.written.contains { $0.text == "212 W" })
  }

  @Test func `a threshold that is no quantity is not drawn`() throws {
    for value in [Double.nan, .infinity, 1e200, 1e-200, -.leastNonzeroMagnitude] {
      let (drawing, _) = try Self.draw(
        Self.chart([Self.series { _ in 0 }], [.init(value, .minor), .init(0, .major)]))
      #expect(drawing.thresholds.map(\.value) == [0])
    }
  }

  @Test func `without a value there is no chart`() {
    let empty = [
      [], [Chart.Series("a", [])], [.init("a", [(Self.end, .nan)])],
      // Outside of the span asked for.
      [.init("a", [(Timestamp(seconds: 1), 1)])],
    ]
    for series in empty {
      let error = #expect(throws: ChartError.self) { try Self.chart(series).png(.light) }
      #expect(error?.reason == .empty)
    }
  }

  /// In a process of its own: which fonts there are is found out once.
  @Test func `without a font nothing is drawn, and the error names the package`() async {
    await #expect(processExitsWith: .success) {
      let file = NSTemporaryDirectory() + "/no-fonts-\(getpid()).conf"
      try Data("<fontconfig/>".utf8).write(to: URL(fileURLWithPath: file))
      defer { unlink(file) }
      setenv("FONTCONFIG_FILE", file, 1)
      let error = #expect(throws: ChartError.self) {
        try ChartTests.chart([ChartTests.series { Double($0) }]).png(.light)
      }
      #expect(error?.reason == .font)
      #expect(error?.detail.contains("fonts-dejavu-core") == true)
    }
  }

  @Test func `of too many lines the worst are drawn, and those without values come last`() throws {
    func names(_ thresholds: [Chart.Threshold]) throws -> [String] {
      let many = (1...12).map { n in Self.series("web\(n)") { _ in Double(n) } }
      let (drawing, _) = try Self.draw(
        Self.chart([Chart.Series("none", [])] + many, thresholds))
      #expect(drawing.canvas.written.contains { $0.text == "and 5 more" })
      return drawing.lines.map(\.name)
    }
    #expect(try names([]) == (5...12).reversed().map { "web\($0)" })
    #expect(try names([.init(2, .minor, .below)]) == (1...8).map { "web\($0)" })
    let (few, _) = try Self.draw(Self.chart([Self.series { Double($0) }, .init("none", [])]))
    #expect(few.canvas.written.contains { $0.text == "none" })
    #expect(few.canvas.written.contains { $0.text == "–" })
  }

  @Test func `several are drawn side by side`() async throws {
    let chart = Self.chart([Self.series { 50 + 40 * sin(Double($0) / 9) }], [.init(80, .minor)])
    let wanted = try chart.png(.dark)
    try await withThrowingTaskGroup(of: [UInt8].self) { group in
      for _ in 0..<16 { group.addTask { try chart.png(.dark) } }
      for try await png in group { #expect(png == wanted) }
    }
  }

  @Test func `own marks and a caption stand in the place of times`() throws {
    var chart = Self.chart([Self.series { _ in 5 }])
    let usual = try Self.draw(chart).0.canvas.written.map(\.text)
    chart.marks = [.init(at: Self.ago(120), label: "100"), .init(at: Self.end, label: "5000")]
    chart.caption = "by the number of hosts"
    let texts = try Self.draw(chart).0.canvas.written.map(\.text)
    #expect(texts.contains("100") && texts.contains("5000"))
    #expect(texts.contains { $0.hasPrefix("by the number of hosts") })
    #expect(
      usual.contains { $0.contains(":00") } && !texts.contains { $0.contains(":") }, "\(texts)")
  }

  @Test func `an old value is shown with its time`() throws {
    setenv("TZ", "UTC", 1)
    tzset()
    var old = Self.series("old") { _ in 7 }
    old.values.removeLast(10)
    let (drawing, _) = try Self.draw(Self.chart([Self.series("new") { _ in 5 }, old]))
    let texts = drawing.canvas.written.map(\.text)
    #expect(texts.contains("5 %") && texts.contains("7 % at 17:22"), "\(texts)")
  }

  @Test(arguments: Chart.Theme.allCases)
  func `texts and lines stand out from the background`(_ theme: Chart.Theme) {
    let palette = Palette(theme)
    // WCAG 2.1, 1.4.3 and 1.4.11: 4.5 for text, 3 for what is drawn.
    let texts = [palette.text, palette.muted] + Severity.allCases.map { palette.color(of: $0) }
    for color in texts { #expect(color.contrast(to: palette.background) >= 4.5) }
    for color in palette.lines { #expect(color.contrast(to: palette.background) >= 3) }
    #expect(Set(palette.lines.map { "\($0)" }).count == 8)
  }

  @Test(arguments: [
    (96.42, "%", "96.4 %"), (100, "%", "100 %"), (0, "%", "0 %"), (1.2e9, "B", "1.12 GiB"),
    (1_048_576, "B/s", "1 MiB/s"), (12e6, "bit/s", "12 Mbit/s"), (0.7, "ms", "700 µs"),
    (38, "ms", "38 ms"), (1500, "ms", "1.5 s"), (90_000, "s", "25 h"), (0, "s", "0 s"),
    (1234, "", "1 234"), (2_500_000, "", "2.5 M"), (-4.25, "°C", "-4.25 °C"),
    (3e-9, "A", "3 ×10⁻⁹ A"), (1e99, "", "1 ×10⁹⁹"),
  ])
  func `amounts are short and bear their unit`(_ value: Double, _ unit: String, _ text: String) {
    #expect(Amount(value, unit).text(value) == text)
  }

  @Test(
    arguments: [
      (0.0, 87.0, [], "%", ["0", "20", "40", "60", "80", "100"]),
      (92, 97, [95], "%", ["90", "92", "94", "96", "98"]),
      (0, 1, [], "", ["0", "1", "2"]),
      (0, 3 * 1_073_741_824.0, [], "B", ["0", "1", "2", "3", "4"]),
      (-4, 4, [], "°C", ["-6", "-4", "-2", "0", "2", "4", "6"]),
      // Far thresholds do not press the values flat.
      (1, 3, [250], "", ["0", "1", "2", "3", "4"]),
      (0, 0, [5], "", ["0", "2", "4", "6"]),
    ] as [(Double, Double, [Double], String, [String])])
  func `marks are steps of 1, 2 or 5`(
    _ least: Double, _ greatest: Double, _ thresholds: [Double], _ unit: String, _ marks: [String]
  ) {
    let axis = ValueAxis(
      least: least, greatest: greatest, thresholds: thresholds, isWhole: true, unit: unit)
    #expect(axis.marks.map(\.label) == marks)
  }
}
