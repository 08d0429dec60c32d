/// Reads /proc/loadavg: the run-queue lengths, averaged over 1, 5 and 15 minutes.
///
/// Format: proc(5). `0.20 0.18 0.12 1/80 11206`: the averages, runnable over existing kernel
/// scheduling entities, and the last process id.
public enum Loadavg: Parser {
  public struct Reading: Sendable, Equatable {
    public var load1: Double
    public var load5: Double
    public var load15: Double
    /// Kernel scheduling entities (processes and threads) that can run now.
    public var runnable: UInt64?
    /// Kernel scheduling entities that exist.
    public var entities: UInt64?
  }

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var words = Scanner(text)
    guard let load1 = words.word()?.decimal, let load5 = words.word()?.decimal,
      let load15 = words.word()?.decimal
    else { throw ParseError("/proc/loadavg", "expected three averages", line: 1, at: text) }
    var reading = Reading(load1: load1, load5: load5, load15: load15)
    if let counts = words.word() {
      var parts = Scanner(counts)
      reading.runnable = parts.upTo(UInt8(ascii: "/"))?.unsigned
      reading.entities = parts.rest.unsigned
    }
    return reading
  }
}
