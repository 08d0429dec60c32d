/// Reads /proc/stat: the CPU times, and counters of the whole kernel.
///
/// Format: proc(5). Times are in ticks of USER_HZ, a hundredth of a second on every present
/// architecture of Linux. Kernels before 2.6.33 print fewer than ten; an offline CPU has no line.
public enum ProcStat: Parser {
  /// The ticks of one CPU in each state; nil if the kernel is too old for it.
  public struct CPU: Sendable, Equatable {
    /// `cpu` for the sum, `cpu0` and so on for one.
    public var name: String
    /// user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice, in this order;
    /// fewer on old kernels. `user` holds `guest`, and `nice` holds `guest_nice`.
    public var ticks: [UInt64]
  }

  public struct Reading: Sendable, Equatable {
    /// The order of the file, the sum first.
    public var cpus: [CPU] = []
    /// Interrupts served since boot.
    public var interrupts: UInt64?
    /// Context switches since boot.
    public var contextSwitches: UInt64?
    /// The boot time in seconds since 1970, by the host's clock.
    public var bootTime: UInt64?
    /// Processes and threads created since boot.
    public var forks: UInt64?
  }

  /// A limit above the number of CPUs that Linux supports; the rest is left out.
  static let mostCPUs = 8193

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    var number = 0
    while let line = lines.line() {
      number &+= 1
      // The `intr` line may hold tens of kilobytes; only its first number is read.
      var words = Scanner(line)
      guard let key = words.word() else { continue }
      if key.starts(with: "cpu") {
        guard reading.cpus.count < mostCPUs else { continue }
        guard let ticks = ticks(&words) else {
          throw ParseError("/proc/stat", "expected four to ten counters", line: number, at: line)
        }
        // A number in a form that the kernel never writes would only create new series.
        let index = key.extracting(3..<key.count)
        guard index.allDigits, index.count <= 5,
          index.count <= 1 || index.first != UInt8(ascii: "0")
        else { continue }
        reading.cpus.append(CPU(name: key.string, ticks: ticks))
      } else if key.equals("intr") {
        reading.interrupts = words.unsigned()
      } else if key.equals("ctxt") {
        reading.contextSwitches = words.unsigned()
      } else if key.equals("btime") {
        reading.bootTime = words.unsigned()
      } else if key.equals("processes") {
        reading.forks = words.unsigned()
      }
    }
    guard reading.cpus.first?.name == "cpu" else {
      throw ParseError("/proc/stat", "expected the line \"cpu\" first", line: 1, at: text)
    }
    return reading
  }

  private static func ticks(_ words: inout Scanner) -> [UInt64]? {
    var ticks: [UInt64] = []
    ticks.reserveCapacity(10)
    while ticks.count < 10, let word = words.word() {
      guard let value = word.unsigned else { return nil }
      ticks.append(value)
    }
    return ticks.count >= 4 ? ticks : nil
  }
}
