/// Reads the lines of /proc/vmstat that this program uses.
///
/// Format: proc(5). `pswpin 0`; counters of pages since boot, and `nr_…` gauges in pages.
public enum Vmstat: Parser {
  public struct Reading: Sendable, Equatable {
    /// Pages read from swap since boot.
    public var swappedIn: UInt64?
    /// Pages written to swap since boot.
    public var swappedOut: UInt64?
    /// Pages that map files or shared memory now.
    public var mapped: UInt64?
    /// Pages that hold page tables now.
    public var pageTables: UInt64?
  }

  private static let names = Names(["pswpin", "pswpout", "nr_mapped", "nr_page_table_pages"])

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    while let line = lines.line() {
      var words = Scanner(line)
      guard let name = words.word() else { continue }
      switch names.index(of: name) {
      case 0: reading.swappedIn = words.unsigned()
      case 1: reading.swappedOut = words.unsigned()
      case 2: reading.mapped = words.unsigned()
      case 3: reading.pageTables = words.unsigned()
      default: break
      }
    }
    guard reading != Reading() else {
      throw ParseError("/proc/vmstat", "expected counters of pages", at: text)
    }
    return reading
  }
}
