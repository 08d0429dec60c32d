/// Counts the TCP sockets of a host by address family and state.
///
/// Format: either /proc/net/tcp and tcp6 themselves (proc_net_tcp in the kernel's documentation;
/// the fourth column is the state in hexadecimal, and only the heading of tcp6 spells `remote_address` out),
/// or lines of a file, a state and a count, `/proc/net/tcp 0A 12`, from a host that has `awk` and sums them up
/// itself.
public enum TCPStates: Parser {
  public struct Reading: Sendable, Equatable {
    /// By the kernel's number of the state (include/net/tcp_states.h), 1 (established) to 12; nil without
    /// the file of the family.
    public var four: [UInt8: UInt64]?
    public var six: [UInt8: UInt64]?
  }

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var (four, six): ([UInt8: UInt64]?, [UInt8: UInt64]?) = (nil, nil)
    var isSix = false
    var headings = 0
    var lines = Scanner(text)
    var number = 0
    while let line = lines.line() {
      number &+= 1
      var words = Scanner(line)
      guard var first = words.word() else { continue }
      let isCount = first.first == UInt8(ascii: "/")
      if isCount {
        isSix = first.last == UInt8(ascii: "6")
        guard let word = words.word() else { continue }
        first = word
      } else if first.equals("sl") {
        _ = words.skip(words: 1)
        isSix = words.word()?.equals("remote_address") == true
      }
      if first.equals("sl") || first.equals("st") {
        headings &+= 1
        if isSix { six = six ?? [:] } else { four = four ?? [:] }
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
        count = isCount ? words.unsigned() : nil
      }
      guard let count, state.count == 2, let code = state.hexadecimal else {
        throw ParseError("/proc/net/tcp", "expected a state and a count", line: number, at: line)
      }
      guard code > 0, code < 13, let state = UInt8(exactly: code) else { continue }
      let sum = ((isSix ? six : four)?[state] ?? 0).addingReportingOverflow(count)
      let counted = sum.overflow ? .max : sum.partialValue
      if isSix { six = six ?? [:] } else { four = four ?? [:] }
      if isSix { six?[state] = counted } else { four?[state] = counted }
    }
    guard headings > 0 else {
      throw ParseError("/proc/net/tcp", "expected its heading", line: 1, at: text)
    }
    return Reading(four: four, six: six)
  }
}
