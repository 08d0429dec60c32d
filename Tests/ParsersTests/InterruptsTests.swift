import Testing

@testable import Parsers

@Suite struct InterruptsTests {
  @Test func `counts of all CPUs are added up, and the words behind them are separated`() throws {
    let lines = try parse(
      """
                 CPU0       CPU1
        26:          0     166383  IO-APIC   4-edge      ttyS0, uart
        31:          7          9
       NMI:          1          2   Non-maskable interrupts
       ERR:          3
       MIS:          0

      """, as: Interrupts.self
    ).lines
    #expect(
      lines == [
        .init(name: "26", total: 166_383, type: "IO-APIC", device: "4-edge ttyS0, uart"),
        .init(name: "31", total: 16, type: "", device: ""),
        .init(name: "NMI", total: 3, type: "Non-maskable interrupts", device: ""),
        .init(name: "ERR", total: 3, type: "", device: ""),
        .init(name: "MIS", total: 0, type: "", device: ""),
      ])
    #expect(lines.map(\.isNumbered) == [true, true, false, false, false])
  }

  @Test(arguments: [
    ("NET_RX: 1 2 3\n", UInt64(3)),  // no more counts than CPUs
    ("IPI0: 1 x 3\n", 1), ("a:1 2\n", nil), (": 1 2\n", nil), ("no colon 1 2\n", nil), (":\n", nil),
    ("5: \n", nil), ("5: -1 2\n", nil), ("\n", nil),
    ("5: 18446744073709551615 1\n", nil), ("5: 18446744073709551616 1\n", nil),
    ("5: 18446744073709551615 0\n", .max),
  ])
  func `a line that is none is left out`(line: String, total: UInt64?) throws {
    let reading = try parse("  CPU0 CPU7\n" + line, as: Interrupts.self)
    #expect(reading.lines.map(\.total) == (total.map { [$0] } ?? []))
  }

  @Test(arguments: ["", "\n", "NET_RX: 1\n", "CPU0 x\n", "intr 5\n"])
  func `a text without the names of CPUs is an error`(text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: Interrupts.self) }
  }
}
