/// Reads /proc/pressure/cpu, memory or io: the time that tasks waited for that resource.
///
/// Format: the kernel's Documentation/accounting/psi.rst, since Linux 4.20.
/// `some avg10=0.12 avg60=0.34 avg300=0.56 total=789`: percentages of the last 10, 60 and 300
/// seconds in which some (or, in a second line, all) tasks stalled, and microseconds since boot.
public enum Pressure: Parser {
  public struct Stall: Sendable, Equatable {
    public var avg10: Double?
    public var avg60: Double?
    public var avg300: Double?
    /// Microseconds since boot.
    public var total: UInt64?
  }

  public struct Reading: Sendable, Equatable {
    public var some: Stall?
    public var full: Stall?
  }

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    while let line = lines.line() {
      var words = Scanner(line)
      guard let kind = words.word() else { continue }
      var stall = Stall()
      while let word = words.word() {
        var parts = Scanner(word)
        guard let key = parts.upTo(UInt8(ascii: "=")) else { continue }
        if key.equals("avg10") {
          stall.avg10 = parts.rest.decimal
        } else if key.equals("avg60") {
          stall.avg60 = parts.rest.decimal
        } else if key.equals("avg300") {
          stall.avg300 = parts.rest.decimal
        } else if key.equals("total") {
          stall.total = parts.rest.unsigned
        }
      }
      if kind.equals("some") {
        reading.some = stall
      } else if kind.equals("full") {
        reading.full = stall
      }
    }
    guard reading.some != nil else {
      throw ParseError("/proc/pressure", "expected the line \"some\"", line: 1, at: text)
    }
    return reading
  }
}
