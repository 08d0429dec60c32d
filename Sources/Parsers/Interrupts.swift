/// Reads /proc/interrupts and /proc/softirqs: the number of each interrupt.
///
/// Format: proc(5), and the kernel's arch/x86/kernel/irq.c. A header names the CPUs; then each line
/// has a name, a count per CPU and words: the controller and device of a numbered interrupt, the
/// meaning of a named one. `ERR` and `MIS` have one count, whatever the number of CPUs.
///
///     ```
///               CPU0   CPU1
///      26:         0    166  IO-APIC  4-edge  ttyS0
///     NMI:         0      0  Non-maskable interrupts
///     ```
public enum Interrupts: Parser {
  public struct Line: Sendable, Equatable {
    /// `26`, `NMI`, `NET_RX`.
    public var name: String
    /// The sum over all CPUs, since boot.
    public var total: UInt64
    /// The controller of a numbered interrupt, or the meaning of a named one; may be empty.
    public var type: String
    /// The pin and the drivers' names of a numbered interrupt; else empty.
    public var device: String

    /// Whether the name is the number of an interrupt line.
    public var isNumbered: Bool { name.utf8.allSatisfy(\.isDigit) }
  }

  public struct Reading: Sendable, Equatable {
    /// The kernel's order. A line whose sum overflows is left out.
    public var lines: [Line] = []
  }

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var lines = Scanner(text)
    guard let header = lines.line(), let cpus = count(header) else {
      throw ParseError("interrupts", "expected the names of CPUs", line: 1, at: text)
    }
    var reading = Reading()
    while let line = lines.line() {
      var words = Scanner(line)
      guard let name = words.word(), name.count > 1, name.last == UInt8(ascii: ":") else {
        continue
      }
      let id = name.extracting(0..<(name.count - 1))
      if let total = sum(&words, of: cpus) {
        let isNumbered = id.allDigits
        reading.lines.append(
          Line(
            name: id.string, total: total,
            type: isNumbered ? words.word()?.string ?? "" : joined(&words),
            device: isNumbered ? joined(&words) : ""))
      }
    }
    return reading
  }

  /// The number of CPUs in the header; nil if the line is not one.
  private static func count(_ header: Span<UInt8>) -> Int? {
    var words = Scanner(header)
    var count = 0
    while let word = words.word() {
      guard word.starts(with: "CPU") else { return nil }
      count += 1
    }
    return count > 0 ? count : nil
  }

  /// The sum of the next numbers, at most one per CPU; nil if there is none or it overflows.
  private static func sum(_ words: inout Scanner, of cpus: Int) -> UInt64? {
    var sum: UInt64?
    for _ in 0..<cpus {
      var ahead = words
      guard let number = ahead.unsigned() else { break }
      words = ahead
      let (total, overflow) = (sum ?? 0).addingReportingOverflow(number)
      if overflow { return nil }
      sum = total
    }
    return sum
  }

  /// The remaining words, joined by single blanks.
  private static func joined(_ words: inout Scanner) -> String {
    var text = ""
    while let word = words.word() { text += text.isEmpty ? word.string : " \(word.string)" }
    return text
  }
}
