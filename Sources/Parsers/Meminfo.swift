/// Reads /proc/meminfo: the use of the memory.
///
/// Format: proc(5). `MemTotal:  2030172 kB`; lines without `kB` are counts of pages. The set of
/// lines depends on the kernel: MemAvailable came with 3.14 (RHEL 7 has it in its 3.10).
public enum Meminfo: Parser {
  public struct Reading: Sendable, Equatable {
    /// By the kernel's names; bytes, or plain counts for lines without a unit.
    public var values: [String: UInt64] = [:]

    public subscript(name: String) -> UInt64? { values[name] }
  }

  /// A limit above the number of lines that kernels print; the rest is left out.
  static let mostLines = 200

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    reading.values.reserveCapacity(64)
    var lines = Scanner(text)
    var number = 0
    while number < mostLines, let line = lines.line() {
      number &+= 1
      var rest = Scanner(line)
      guard let name = rest.upTo(UInt8(ascii: ":")), name.count <= 40, let value = rest.unsigned()
      else { continue }
      let (bytes, overflow) =
        rest.word()?.equals("kB") == true
        ? value.multipliedReportingOverflow(by: 1024) : (value, false)
      if !overflow { reading.values[name.string] = bytes }
    }
    guard reading["MemTotal"] != nil, reading["MemFree"] != nil else {
      throw ParseError("/proc/meminfo", "expected MemTotal and MemFree", at: text)
    }
    return reading
  }
}
