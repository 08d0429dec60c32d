import Testing

@testable import Parsers

@Suite struct ProcStatTests {
  @Test func `a kernel before 2-6-33 prints fewer counters`() throws {
    let text = Array("cpu  10 0 7 300\ncpu0 10 0 7 300\nbtime 1400000000\n".utf8)
    let reading = try ProcStat.parse(text.span)
    #expect(
      reading.cpus == [
        ProcStat.CPU(name: "cpu", ticks: [10, 0, 7, 300]),
        ProcStat.CPU(name: "cpu0", ticks: [10, 0, 7, 300]),
      ])
    #expect(reading.bootTime == 1_400_000_000)
    #expect(reading.forks == nil)
  }

  @Test(arguments: [
    "", "\n", "intr 1 2 3\n", "cpu  1 2 3\n", "cpu  1 2 x 4\n", "cpu0 1 2 3 4\n",
    "cpu  1 2 3 99999999999999999999999\n", "cpufreq 1 2 3 4\n",
  ])
  func `what is not the file is an error`(_ text: String) {
    let bytes = Array(text.utf8)
    #expect(throws: ParseError.self) { _ = try ProcStat.parse(bytes.span) }
  }
}
