/// Reads /proc/net/snmp6: the counters of IPv6, a name and a value per line.
public enum SNMP6: Parser {
  public struct Reading: Sendable, Equatable {
    /// By name: `Ip6InDiscards`.
    public var values: [String: Int64] = [:]

    public subscript(name: String) -> Int64? { values[name] }
  }

  /// A limit above the number of counters of any kernel; the rest is left out.
  static let most = 1000

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    try parse(text, only: nil)
  }

  /// Reads only the requested counters, of the hundred and more that there are.
  public static func parse(
    _ text: Span<UInt8>, only wanted: [String]?
  ) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    var number = 0
    while let line = lines.line(), reading.values.count < most {
      number &+= 1
      var words = Scanner(line)
      guard let name = words.word(), let value = words.word() else {
        throw ParseError("/proc/net/snmp6", "expected a name and a value", line: number, at: line)
      }
      if let wanted {
        for own in wanted where name.equals(own) { reading.values[own] = value.signed }
      } else {
        reading.values[name.string] = value.signed
      }
    }
    guard number > 0 else { throw ParseError("/proc/net/snmp6", "expected counters", at: text) }
    return reading
  }
}
