import Testing

@testable import Parsers

@Suite struct SmallFilesTests {
  @Test(
    arguments: [
      ("0.20 0.18 0.12 1/80 11206\n", 0.2, 0.18, 0.12, 1, 80), ("1 2 3", 1, 2, 3, nil, nil),
      ("1 2 3 x/y 5\n", 1, 2, 3, nil, nil),
    ] as [(String, Double, Double, Double, UInt64?, UInt64?)])
  func `load averages`(
    _ text: String, _ load1: Double, _ load5: Double, _ load15: Double, _ runnable: UInt64?,
    _ entities: UInt64?
  ) throws {
    let reading = try parse(text, as: Loadavg.self)
    #expect(reading.load1 == load1)
    #expect(reading.load5 == load5)
    #expect(reading.load15 == load15)
    #expect(reading.runnable == runnable)
    #expect(reading.entities == entities)
  }

  @Test(arguments: ["", "0.1 0.2\n", "a b c\n", "nan inf 1\n", "1e9 1 1\n"])
  func `fewer than three averages are an error`(_ text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: Loadavg.self) }
  }

  @Test func `the uptime ends with its line`() throws {
    #expect(try parse("12.50 9.25\n", as: Uptime.self) == Uptime.Reading(seconds: 12.5, idle: 9.25))
    #expect(try parse("12", as: Uptime.self) == Uptime.Reading(seconds: 12))
  }

  @Test(arguments: ["", "\n", "-1.0 2\n", "up 3 days\n"])
  func `no uptime is an error`(_ text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: Uptime.self) }
  }

  @Test(
    arguments: [
      ("PRETTY_NAME=\"A \\\"b\\\" \\$c\"\n", "A \"b\" $c"), ("PRETTY_NAME='A \\ b'\n", "A \\ b"),
      ("PRETTY_NAME=Arch\n", "Arch"), ("ID=x\n# PRETTY_NAME=no\n", nil), ("PRETTY_NAME=\"\n", "\""),
    ] as [(String, String?)])
  func `a name is unquoted as a shell would`(_ text: String, _ name: String?) throws {
    #expect(try parse(text, as: OSRelease.self).prettyName == name)
  }

  @Test func `pressure without a second line has no full`() throws {
    let reading = try parse("some avg10=0.10 avg60=x total=15\n", as: Pressure.self)
    #expect(reading.some == Pressure.Stall(avg10: 0.1, total: 15))
    #expect(reading.full == nil)
  }

  @Test(arguments: ["", "full avg10=1.00\n", "cat: Operation not supported\n"])
  func `no pressure is an error`(_ text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: Pressure.self) }
  }

  @Test func `the rest after a last line without a newline is empty`() {
    let bytes = Array("last".utf8)
    var lines = Scanner(bytes.span)
    let length = lines.line()?.count
    let rest = lines.rest.count
    #expect(length == 4)
    #expect(rest == 0)
  }

  @Test(
    arguments: [
      ("0A", 10), ("ff", 255), ("", nil), ("g", nil), ("ffffffffffffffff", .max),
      ("10000000000000000", nil), ("-1", nil),
    ] as [(String, UInt64?)])
  func `hexadecimal numbers`(_ text: String, _ value: UInt64?) {
    let bytes = Array(text.utf8)
    let number = bytes.span.hexadecimal
    #expect(number == value)
  }
}
