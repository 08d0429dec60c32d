/// Reads /proc/meminfo: the use of the memory.
///
/// Format: proc(5). `MemTotal:  2030172 kB`; lines without `kB` are counts of pages. The set of
/// lines depends on the kernel: MemAvailable came with 3.14 (RHEL 7 has it in its 3.10).
public enum Meminfo: Parser {
  public struct Reading: Sendable, Equatable {
    fileprivate var values = [UInt64?](repeating: nil, count: names.all.count)

    /// The value of a line by the kernel's name: bytes, or a plain count for a line without a unit;
    /// nil where the text has no such line, or this reader does not take it.
    public subscript(name: String) -> UInt64? {
      names.index(of: name.utf8Span.span).flatMap { values[$0] }
    }
  }

  /// The lines that are read, of the fifty and more that there are.
  private static let names = Names([
    "MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "SwapCached", "Active", "Inactive",
    "Active(file)", "Inactive(file)", "SwapTotal", "SwapFree", "Dirty", "Writeback",
    "WritebackTmp", "Mapped", "Shmem", "Slab", "SReclaimable", "SUnreclaim", "PageTables",
    "CommitLimit", "Committed_AS", "VmallocTotal", "VmallocUsed", "VmallocChunk",
    "HugePages_Total", "HugePages_Free", "Hugepagesize", "HighTotal", "HighFree", "LowTotal",
    "LowFree",
  ])

  /// A limit above the number of lines that kernels print; the rest is left out.
  static let mostLines = 200

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    var number = 0
    while number < mostLines, let line = lines.line() {
      number &+= 1
      var rest = Scanner(line)
      guard let name = rest.upTo(UInt8(ascii: ":")), let index = names.index(of: name),
        let value = rest.unsigned()
      else { continue }
      let (bytes, overflow) =
        rest.word()?.equals("kB") == true
        ? value.multipliedReportingOverflow(by: 1024) : (value, false)
      if !overflow { reading.values[index] = bytes }
    }
    guard reading["MemTotal"] != nil, reading["MemFree"] != nil else {
      throw ParseError("/proc/meminfo", "expected MemTotal and MemFree", at: text)
    }
    return reading
  }
}
