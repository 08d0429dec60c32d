import Testing

@testable import Parsers

struct PluginOutputTests {
  typealias Range = PluginOutput.Range

  @Test(
    arguments: [
      ("OK - fine", "OK - fine", "", []),
      ("", "", "", []),
      (
        "PING OK | rta=0.05ms;100;500;0 pl=0%;20;60;0", "PING OK", "",
        ["rta 0.05 ms 0.0:100.0 0.0:500.0 0.0:-", "pl 0.0 % 0.0:20.0 0.0:60.0 0.0:-"]
      ),
      ("T | 'a b''c'=1KB;;;0;9 x", "T", "", ["a b'c 1.0 KB - - 0.0:9.0"]),
      ("T | load=U", "T", "", ["load -  - - -:-"]),
      (
        "T|a=1;@5:10;~:7;;\nmore\nlast | b=2c;4:\nc=3", "T", "more\nlast",
        ["a 1.0  @5.0:10.0 -:7.0 -:-", "b 2.0 c 4.0:- - -:-", "c 3.0  - - -:-"]
      ),
      ("T | =1 x= 'y' a=b a=1;x;y b==2 c=1e5", "T", "", ["a 1.0  - - -:-", "c 1.0 e5 - - -:-"]),
      ("T | a=-1.5s\r\n", "T", "", ["a -1.5 s - - -:-"]),
    ] as [(String, String, String, [String])])
  func `text and perfdata are taken apart`(
    output: String, text: String, more: String, values: [String]
  ) throws {
    let reading = try parse(output, as: PluginOutput.self)
    #expect(reading.text == text && reading.more == more)
    #expect(reading.values.map(shown) == values)
  }

  private func shown(_ value: PluginOutput.Value) -> String {
    func number(_ number: Double?) -> String { number.map { "\($0)" } ?? "-" }
    func range(_ range: Range?) -> String {
      range.map { "\($0.isInside ? "@" : "")\(number($0.low)):\(number($0.high))" } ?? "-"
    }
    return "\(value.label) \(number(value.value)) \(value.unit) \(range(value.warning)) "
      + "\(range(value.critical)) \(number(value.minimum)):\(number(value.maximum))"
  }

  @Test(arguments: [
    ("10", 11, true), ("10", 10, false), ("10", -1, true), ("10:", 9, true), ("10:", 11, false),
    ("~:10", -5, false), ("@10:20", 15, true), ("@10:20", 21, false), ("10:20", 9, true),
  ])
  func `a range is broken outside, or inside with an at sign`(
    text: String, value: Double, isBroken: Bool
  ) throws {
    let bytes = Array(text.utf8)
    let range = PluginOutput.range(bytes.span)
    #expect(range?.isBroken(by: value) == isBroken)
  }

  @Test func `perfdata without end is cut`() throws {
    let many = "T | " + (0..<1_000).map { "v\($0)=1" }.joined(separator: " ")
    #expect(try parse(many, as: PluginOutput.self).values.count == 64)
    let long = String(repeating: "x", count: 100_000)
    #expect(try parse(long + "\n" + long, as: PluginOutput.self).text.utf8.count == 4096)
  }

  @Test(
    arguments: [
      ("0 \"My service\" a=1;5;10|b=2 all is well", [(0, "My service", 2, "all is well")]),
      ("2 down - gone\n\n1 x - y", [(2, "down", 0, "gone"), (1, "x", 0, "y")]),
      ("P disk used=7;5;10 full", [(1, "disk", 1, "full")]),
      ("P disk used=10;5;10 full", [(2, "disk", 1, "full")]),
      ("P disk used=3;5;10", [(0, "disk", 1, "")]),
    ] as [(String, [(Int, String, Int, String)])])
  func `lines of a local check are read`(
    output: String, items: [(Int, String, Int, String)]
  ) throws {
    let found = try parse(output, as: LocalChecks.self)
    #expect(found.count == items.count)
    for (one, other) in zip(found, items) {
      #expect((one.state, one.name, one.values.count, one.text) == other)
    }
  }

  @Test(arguments: ["", "hello", "4 x - y", "0", "0 \"x", "0 x"])
  func `what is no local check is an error`(output: String) {
    #expect(throws: ParseError.self) { try parse(output, as: LocalChecks.self) }
  }
}
