/// Counts the TCP sockets of a host by their state.
///
/// Format: either /proc/net/tcp and tcp6 themselves (proc_net_tcp in the kernel's documentation;
/// the fourth column is the state in hexadecimal), or lines of a state and a count, `0A 12`, from a
/// host that has `awk` and sums them up itself.
public enum TCPStates: Parser {
  public struct Reading: Sendable, Equatable {
    /// By the kernel's number of the state (include/net/tcp_states.h), 1 (established) to 12.
    public var counts: [UInt8: UInt64] = [:]
  }

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var counts: [13 of UInt64] = .init(repeating: 0)
    var lines = Scanner(text)
    var headings = 0
    var number = 0
    while let line = lines.line() {
      number &+= 1
      var words = Scanner(line)
      guard let first = words.word() else { continue }
      if first.equals("sl") || first.equals("st") {
        headings &+= 1
        continue
      }
      var count: UInt64? = 1
      var state = first
      if first.last == UInt8(ascii: ":") {
        guard words.skip(words: 2), let word = words.word() else {
          throw ParseError("/proc/net/tcp", "expected a state", line: number, at: line)
        }
        state = word
      } else {
        count = words.unsigned()
      }
      guard let count, state.count == 2, let code = state.hexadecimal else {
        throw ParseError("/proc/net/tcp", "expected a state and a count", line: number, at: line)
      }
      guard code > 0, code < 13 else { continue }
      let sum = counts[Int(code)].addingReportingOverflow(count)
      counts[Int(code)] = sum.overflow ? .max : sum.partialValue
    }
    guard headings > 0 else {
      throw ParseError("/proc/net/tcp", "expected its heading", line: 1, at: text)
    }
    var reading = Reading()
    for code in 1..<13 where counts[code] > 0 { reading.counts[UInt8(code)] = counts[code] }
    return reading
  }
}
