import Testing

@testable import Parsers

@Suite struct ProcessesTests {
  /// What follows a name: parent 1, 5 and 6 ticks, one thread, started at 100, 1000000 bytes, 5 pages.
  private static let numbers =
    " S 1 1 1 0 -1 4194560 10 0 0 0 5 6 0 0 20 0 1 0 100 1000000 5 18446744073709551615 1 1\n"

  @Test(arguments: [
    "sh", "", ") (", "x) S 1\n99 (y", "a)\n1 (init) S 1", "a b ) ( c d) ",
    "kworker/u8:2-ext4-rsv-conversion", String(repeating: ")", count: 64),
  ])
  func `a process may call itself anything`(_ name: String) throws {
    let text = "1234 (\(name))\(Self.numbers)2 (next)\(Self.numbers)"
    let processes = try parse(text, as: Processes.self).processes
    #expect(processes.map(\.pid) == [1234, 2])
    #expect(processes.map(\.name) == [name, "next"])
    #expect(processes.map(\.state) == [UInt8(ascii: "S"), UInt8(ascii: "S")])
    #expect(processes.map(\.systemTime) == [6, 6])
    #expect(processes.map(\.startTime) == [100, 100])
    #expect(processes.map(\.residentPages) == [5, 5])
  }

  @Test(arguments: [
    "x", "12 sh S 1\n", "12 (sh S 1\n", "12 (sh) S 1 1\n", "12 (sh)\n", "12 (sh) S 1 1 1 0 -1",
    "99999999999999999999999 (sh)" + numbers, "1 (sh)" + numbers + "2",
    "1 (\(String(repeating: "x", count: 65)))" + numbers,
  ])
  func `a record that is none, or was cut off, is an error`(_ text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: Processes.self) }
  }
}
