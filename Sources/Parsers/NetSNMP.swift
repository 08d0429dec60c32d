/// Reads /proc/net/snmp and /proc/net/netstat: the counters of the network protocols.
///
/// Format: the kernel's Documentation/networking/snmp_counter.rst. Pairs of lines that begin with the
/// same word: the names, then the values.
public enum NetSNMP: Parser {
  public struct Reading: Sendable, Equatable {
    /// By protocol and name joined, as `nstat` prints them: `TcpRetransSegs`.
    public var values: [String: Int64] = [:]

    public subscript(name: String) -> Int64? { values[name] }
  }

  /// More counters than any kernel has; what comes after is left out.
  static let most = 1000

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    try parse(text, only: nil)
  }

  /// Reads only the counters that are asked for; the files hold hundreds.
  public static func parse(
    _ text: Span<UInt8>, only wanted: Set<String>?
  ) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    var number = 1
    while let heading = lines.line() {
      guard let line = lines.line() else {
        throw ParseError("/proc/net/snmp", "expected values", line: number, at: heading)
      }
      var names = Scanner(heading)
      var values = Scanner(line)
      guard let protocolName = names.upTo(UInt8(ascii: ":")),
        let same = values.upTo(UInt8(ascii: ":")), same.isSame(as: protocolName)
      else {
        throw ParseError("/proc/net/snmp", "expected names and values", line: number, at: line)
      }
      let prefix = protocolName.string
      while reading.values.count < most, let name = names.word() {
        // Kernels have been seen with fewer values than names: the rest is not known.
        guard let value = values.word() else { break }
        let key = prefix + name.string
        if wanted?.contains(key) ?? true, let value = value.signed { reading.values[key] = value }
      }
      number &+= 2
    }
    guard number > 1 else { throw ParseError("/proc/net/snmp", "expected counters", at: text) }
    return reading
  }
}
