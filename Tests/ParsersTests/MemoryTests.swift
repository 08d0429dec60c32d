import Testing

@testable import Parsers

@Suite struct MemoryTests {
  @Test func `kilobytes become bytes and counts stay counts`() throws {
    let reading = try parse(
      "MemTotal:  2 kB\nMemFree: 1 kB\r\nHugePages_Total:   3\nOdd line\nCached: 18446744073709551615 kB\n",
      as: Meminfo.self)
    #expect(reading["MemTotal"] == 2048)
    #expect(reading["MemFree"] == 1024)
    #expect(reading["HugePages_Total"] == 3)
    #expect(reading["Cached"] == nil)
    #expect(reading["Huge"] == nil)
  }

  @Test(arguments: ["", "MemTotal: 1 kB\n", "MemFree: 1 kB\n", "MemTotal: x kB\nMemFree: 1 kB\n"])
  func `missing memory is an error`(_ text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: Meminfo.self) }
  }

  @Test(
    arguments: [
      ("Mapped: 4000 kB", "nr_mapped 1000", 4096),
      ("Mapped: 4100 kB", "nr_mapped 1000", 4096),
      ("Mapped: 64000 kB", "nr_mapped 1000", 65536),
      ("Mapped: 16000 kB", "nr_mapped 1000", 16384),
      ("Mapped: 1 kB\nPageTables: 8 kB", "nr_mapped 1000\nnr_page_table_pages 2", 4096),
      ("Mapped: 1 kB", "nr_mapped 1000", nil),
      ("Mapped: 1 kB", "nr_mapped 0", nil),
      ("Mapped: 6000 kB", "nr_mapped 1000", nil),
      ("Other: 1 kB", "nr_mapped 1000", nil),
    ] as [(String, String, UInt64?)])
  func `the page size is what two files agree on`(
    _ memory: String, _ pages: String, _ size: UInt64?
  ) throws {
    let memory = try parse("MemTotal: 9 kB\nMemFree: 1 kB\n\(memory)\n", as: Meminfo.self)
    let pages = try parse(pages, as: Vmstat.self)
    #expect(PageSize.infer(memory, pages) == size)
  }
}
