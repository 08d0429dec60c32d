/// Reads the /proc/[pid]/stat files of all processes, one after the other.
///
/// Format: proc(5). `42 (name) S 1 …`. A process may have any name, brackets and newlines included,
/// so a line of it may look like another process. But a name has at most 64 bytes (15 for a
/// user's), and more than 64 bytes of numbers follow it: the last `)` within 66 bytes of the first
/// `(` ends the name, and the next newline the record, whatever the name is.
public enum Processes: Parser {
  public struct Process: Sendable, Equatable {
    public var pid: UInt64
    /// The process's own name; it may be any text.
    public var name: String
    /// The kernel's letter: R, S, D, Z, T, t, X, I and so on.
    public var state: UInt8
    public var parent: UInt64?
    /// User time in ticks of USER_HZ, a hundredth of a second.
    public var userTime: UInt64
    /// Kernel time in ticks.
    public var systemTime: UInt64
    public var threads: UInt64?
    /// The start time in ticks after boot: with the pid, it identifies the process.
    public var startTime: UInt64
    /// Bytes.
    public var virtualSize: UInt64?
    /// Pages.
    public var residentPages: UInt64?
  }

  public struct Reading: Sendable, Equatable {
    public var processes: [Process] = []
  }

  private static let longestName = 64

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    reading.processes.reserveCapacity(text.count / 150)
    var records = Scanner(text)
    while !records.isAtEnd {
      let start = records.rest
      guard let process = next(&records) else {
        throw ParseError(
          "/proc/[pid]/stat", "expected process \(reading.processes.count + 1)", at: start)
      }
      reading.processes.append(process)
    }
    return reading
  }

  private static func next(_ records: inout Scanner) -> Process? {
    guard let pid = records.upTo(UInt8(ascii: " "))?.unsigned,
      records.skip(UInt8(ascii: "("))
    else { return nil }
    let rest = records.rest
    var end = min(longestName + 1, rest.count) - 1
    while end >= 0, rest[end] != UInt8(ascii: ")") { end &-= 1 }
    guard end >= 0 else { return nil }
    records.skip(bytes: end + 1)
    // A truncated record has no newline, and its last number is unreliable.
    guard let numbers = records.upTo(UInt8(ascii: "\n")) else { return nil }
    var words = Scanner(numbers)
    guard let state = words.word(), state.count == 1 else { return nil }
    let parent = words.unsigned()
    words.skip(words: 9)
    guard let userTime = words.unsigned(), let systemTime = words.unsigned() else { return nil }
    words.skip(words: 4)
    let threads = words.unsigned()
    words.skip(words: 1)
    guard let startTime = words.unsigned() else { return nil }
    return Process(
      pid: pid, name: rest.extracting(0..<end).string, state: state[0], parent: parent,
      userTime: userTime, systemTime: systemTime, threads: threads, startTime: startTime,
      virtualSize: words.unsigned(), residentPages: words.unsigned())
  }
}
