import Metrics
import Testing

struct LineProtocolTests {
  static let time = Timestamp(nanoseconds: 1_465_839_830_100_400_200)

  private func line(_ point: Point, common: [Metrics.Tag] = []) -> String {
    var lines = LineProtocol()
    lines.append(point, common: common, at: Self.time)
    return String(decoding: lines.bytes, as: UTF8.self)
  }

  @Test(
    arguments: [
      ("weather", "weather"), ("wea,ther", #"wea\,ther"#), ("wea ther", #"wea\ ther"#),
      ("wea=ther", "wea=ther"), (#"wea\ther"#, #"wea\ther"#), (#"a\ b"#, #"a⧵\ b"#),
      (#"a\"#, "a⧵"), (#"a\""#, #"a⧵""#), ("#a", "＃a"), ("a\nb", "a⏎b"), ("a\u{0}", "a\u{fffd}"),
    ])
  func `a measurement is escaped as the reference says`(name: String, written: String) {
    var point = Point(name)
    point.integer("v", Int64(1))
    #expect(line(point) == "\(written) v=1i 1465839830100400200\n")
  }

  @Test(
    arguments: [
      ("plain", "plain"), ("a b", #"a\ b"#), ("a,b", #"a\,b"#), ("a=b", #"a\=b"#),
      ("a\"b", "a\"b"), (#"C:\x"#, #"C:\x"#), (#"x\"#, "x⧵"), (#"\\"#, "⧵⧵"), (#"\,"#, #"⧵\,"#),
      ("ü😀", "ü😀"), ("\r\n", "⏎⏎"), ("\t", "\u{fffd}"),
      // C1 controls, marks that reorder text, and line separators.
      ("a\u{9b}31m", "a\u{fffd}31m"), ("\u{85}", "\u{fffd}"), ("x\u{202e}y", "x\u{fffd}y"),
      ("\u{2066}\u{200f}\u{feff}", "\u{fffd}\u{fffd}\u{fffd}"), ("\u{2028}", "⏎"),
      ("\u{e000}", "\u{e000}"),
    ])
  func `a name or tag value is escaped as the reference says`(text: String, written: String) {
    var point = Point("m", tags: [Metrics.Tag("t", text), Metrics.Tag("k" + text, "v")])
    point.integer(text, Int64(1))
    let tags = [("t", written), ("k" + written, "v")].sorted { $0.0 < $1.0 }
      .map { "\($0)=\($1)" }.joined(separator: ",")
    #expect(line(point) == "m,\(tags) \(written)=1i 1465839830100400200\n")
  }

  @Test(
    arguments: [
      (.integer(0), "0i"), (.integer(.min), "-9223372036854775808i"), (.integer(-7), "-7i"),
      (.boolean(true), "true"), (.boolean(false), "false"), (.string(""), "\"\""),
      (.string(#"a"b\c d,e=f"#), #""a\"b\\c d,e=f""#), (.string("a\nb\u{1b}"), "\"a⏎b\u{fffd}\""),
      (.string("\u{9b}2J\u{202e}é"), "\"\u{fffd}2J\u{fffd}é\""),
      (.float(0), "0"), (.float(-0.0), "0"), (.float(100), "100"), (.float(12.3), "12.3"),
      (.float(12.34), "12.34"), (.float(-0.05), "-0.05"), (.float(-12.5), "-12.5"),
      (.float(0.001), "0.001"), (.float(1 / 3.0), "0.3333333333333333"), (.float(1e21), "1e+21"),
      (.float(1e-7), "1e-07"), (.float(9_007_199_254_740_992), "9007199254740992.0"),
    ] as [(FieldValue, String)])
  func `a value shows its type`(value: FieldValue, written: String) {
    var point = Point("m")
    point.fields = [Field("v", value)]
    #expect(line(point) == "m v=\(written) 1465839830100400200\n")
  }

  @Test func `every hundredth reads back as the number it was`() {
    var wrong = 0
    for hundredths in -20_000...20_000 {
      let float = Double(hundredths) / 100
      var point = Point("m")
      point.float("v", float)
      let text = line(point).dropFirst(4).prefix { $0 != " " }
      if Double(text) != float || text.count > float.description.count { wrong += 1 }
    }
    #expect(wrong == 0)
  }

  @Test(
    arguments: [
      ([], [], ""), ([("b", "1"), ("a", "2")], [], ",a=2,b=1"),
      ([], [("h", "x"), ("g", "y")], ",g=y,h=x"),
      ([("m", "1")], [("a", "2"), ("z", "3")], ",a=2,m=1,z=3"),
      ([("host", "own")], [("host", "common"), ("a", "2")], ",a=2,host=own"),
      ([("a", "1"), ("a", "2")], [("b", "3"), ("b", "4")], ",a=1,b=3"),
      ([("time", "1"), ("", "2"), ("x", "")], [("time", "1"), ("y", "")], ""),
    ] as [([(String, String)], [(String, String)], String)])
  func `tags are sorted, each once, the point's before the batch's`(
    own: [(String, String)], common: [(String, String)], written: String
  ) {
    var point = Point("m", tags: own.map { Metrics.Tag($0, $1) })
    point.integer("v", Int64(1))
    let tags = common.map { Metrics.Tag($0, $1) }
    #expect(line(point, common: tags) == "m\(written) v=1i 1465839830100400200\n")
    var lines = LineProtocol()
    lines.append(PointBatch(host: "h", tags: tags, time: Self.time, points: [point, point]))
    #expect(lines.count == 2)
    let text = String(decoding: lines.bytes, as: UTF8.self)
    #expect(text.hasPrefix("m\(written) v=1i 1465839830100400200\nm\(written) v=1i"))
  }

  @Test func `what cannot be written leaves no trace`() {
    var lines = LineProtocol()
    var nan = Point("m")
    nan.fields = [Field("a", .float(.nan)), Field("time", .integer(1)), Field("", .integer(1))]
    for point in [Point("m"), nan, Point("")] { lines.append(point, at: Self.time) }
    #expect(lines.bytes.isEmpty)
    #expect(lines.count == 0)
  }

  @Test(
    arguments: [
      (Int64.min, "-9223372036854775806"), (Int64.max, "9223372036854775806"), (-1, "-1"),
      (0, "0"),
    ])
  func `a time is within what the database holds`(nanoseconds: Int64, written: String) {
    var point = Point("m", time: Timestamp(nanoseconds: nanoseconds))
    point.integer("v", Int64(1))
    #expect(line(point) == "m v=1i \(written)\n")
  }

  @Test func `text of any length stays within the bounds`() {
    for text in ["\\", "\"", ",", "é", "a", " ", "\n"].map({ String(repeating: $0, count: 99_999) })
    {
      var point = Point("m", tags: [Metrics.Tag("t", text)])
      point.string("s", text)
      #expect(line(point).utf8.count < LineProtocol.longestString + LineProtocol.longestName + 100)
    }
  }
}
