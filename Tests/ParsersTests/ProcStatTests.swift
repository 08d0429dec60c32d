import Testing

@testable import Parsers

@Suite struct ProcStatTests {
  @Test func `a kernel before 2-6-33 prints fewer counters`() throws {
    let reading = try parse(
      "cpu  10 0 7 300\ncpu0 10 0 7 300\nbtime 1400000000\n", as: ProcStat.self)
    #expect(reading.cpus.map(\.name) == ["cpu", "cpu0"])
    #expect(reading.cpus.map(\.ticks) == [[10, 0, 7, 300], [10, 0, 7, 300]])
    #expect(reading.bootTime == 1_400_000_000)
    #expect(reading.forks == nil)
  }

  @Test func `counters that a newer kernel may add are left out`() throws {
    let reading = try parse("cpu  1 2 3 4 5 6 7 8 9 10 11 12\n", as: ProcStat.self)
    #expect(reading.cpus.first?.ticks == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  }

  @Test func `a CPU whose name no kernel writes is left out`() throws {
    let text = "cpu  1 2 3 4\ncpu0 1 2 3 4\ncpu01 1 2 3 4\ncpu123456 1 2 3 4\ncpux 1 2 3 4\n"
    #expect(try parse(text, as: ProcStat.self).cpus.map(\.name) == ["cpu", "cpu0"])
  }

  @Test(arguments: [
    "", "\n", "intr 1 2 3\n", "cpu  1 2 3\n", "cpu  1 2 x 4\n", "cpu0 1 2 3 4\n",
    "cpu  1 2 3 99999999999999999999999\n", "cpufreq 1 2 3 4\n", "cpu  1 2 3 -4\n",
  ])
  func `what is not the file is an error`(_ text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: ProcStat.self) }
  }
}
