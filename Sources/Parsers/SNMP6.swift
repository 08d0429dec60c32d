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
    var reading = Reading()
    try walk(text) { name, value in
      if reading.values.count < most { reading.values[name.string] = value.signed }
    }
    return reading
  }

  /// Reads only the named counters, of the hundred and more that there are: a value for each, in
  /// their order; nil where the text has none.
  public static func parse(
    _ text: Span<UInt8>, only names: Names
  ) throws(ParseError) -> [Int64?] {
    var found = [Int64?](repeating: nil, count: names.all.count)
    try walk(text) { name, value in
      if let index = names.index(of: name) { found[index] = value.signed }
    }
    return found
  }

  private static func walk(
    _ text: Span<UInt8>, _ take: (Span<UInt8>, Span<UInt8>) -> Void
  ) throws(ParseError) {
    var lines = Scanner(text)
    var number = 0
    while let line = lines.line() {
      number &+= 1
      var words = Scanner(line)
      guard let name = words.word(), let value = words.word() else {
        throw ParseError("/proc/net/snmp6", "expected a name and a value", line: number, at: line)
      }
      take(name, value)
    }
    guard number > 0 else { throw ParseError("/proc/net/snmp6", "expected counters", at: text) }
  }
}
