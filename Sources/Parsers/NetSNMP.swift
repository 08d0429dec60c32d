/// Reads /proc/net/snmp and /proc/net/netstat: the counters of the network protocols.
///
/// Format: the kernel's Documentation/networking/snmp_counter.rst. Pairs of lines that begin with
/// the same word: the names, then the values.
public enum NetSNMP: Parser {
  public struct Reading: Sendable, Equatable {
    /// By protocol and name joined, as `nstat` prints them: `TcpRetransSegs`.
    public var values: [String: Int64] = [:]

    public subscript(name: String) -> Int64? { values[name] }
  }

  /// A limit above the number of counters of any kernel; the rest is left out.
  static let most = 1000

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    try parse(text, only: nil)
  }

  /// A counter by its protocol and name: `Tcp`, `RetransSegs`.
  public struct Counter: Sendable {
    public var `protocol`: String
    public var name: String

    public init(_ protocolName: String, _ name: String) {
      self.protocol = protocolName
      self.name = name
    }
  }

  /// Reads only the requested counters; the files hold hundreds, and building each name costs more
  /// than the rest of the parsing.
  public static func parse(
    _ text: Span<UInt8>, only wanted: [Counter]?
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
      number &+= 2
      let prefix = protocolName.string
      let own = wanted?.filter { $0.protocol == prefix }.map(\.name)
      if own?.isEmpty == true { continue }
      // Some kernels print fewer values than names: the others are unknown.
      while reading.values.count < most, let name = names.word(), let value = values.word() {
        if let own {
          for wanted in own where name.equals(wanted) {
            reading.values[prefix + wanted] = value.signed
          }
        } else {
          reading.values[prefix + name.string] = value.signed
        }
      }
    }
    guard number > 1 else { throw ParseError("/proc/net/snmp", "expected counters", at: text) }
    return reading
  }
}
