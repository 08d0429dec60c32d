/// Reads /proc/uptime: the time since boot.
///
/// Format: proc(5). `5025.16 9876.54`: seconds since boot, and idle seconds of all CPUs together.
public enum Uptime: Parser {
  public struct Reading: Sendable, Equatable {
    /// Seconds since boot.
    public var seconds: Double
    /// Seconds of idling, summed over the CPUs.
    public var idle: Double?
  }

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var lines = Scanner(text)
    if let line = lines.line() {
      var words = Scanner(line)
      if let seconds = words.word()?.decimal, seconds >= 0 {
        return Reading(seconds: seconds, idle: words.word()?.decimal)
      }
    }
    throw ParseError("/proc/uptime", "expected seconds since boot", line: 1, at: text)
  }
}
