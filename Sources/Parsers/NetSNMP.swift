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
    var reading = Reading()
    try walk(text) { prefix, names, values in
      let prefix = prefix.string
      // Some kernels print fewer values than names: the others are unknown.
      while reading.values.count < most, let name = names.word(), let value = values.word() {
        reading.values[prefix + name.string] = value.signed
      }
    }
    return reading
  }

  /// Counters by their protocol and name, such as `RetransSegs` of `Tcp`.
  public struct Selection: Sendable {
    /// The counters, each as protocol and name joined, in the order of the values.
    public let all: [String]
    private let protocols: Names
    fileprivate let parts: [(names: Names, first: Int)]

    public init(_ counters: KeyValuePairs<String, [String]>) {
      protocols = Names(counters.map { $0.key })
      all = counters.flatMap { family in family.value.map { family.key + $0 } }
      var first = 0
      parts = counters.map { family in
        defer { first += family.value.count }
        return (Names(family.value), first)
      }
    }

    fileprivate func part(of name: Span<UInt8>) -> (names: Names, first: Int)? {
      protocols.index(of: name).map { parts[$0] }
    }
  }

  /// Reads only the selected counters: a value for each, in their order; nil where the text has none.
  public static func parse(
    _ text: Span<UInt8>, only selection: Selection
  ) throws(ParseError) -> [Int64?] {
    var found = [Int64?](repeating: nil, count: selection.all.count)
    try walk(text) { prefix, names, values in
      guard let part = selection.part(of: prefix) else { return }
      while let name = names.word(), let value = values.word() {
        if let index = part.names.index(of: name) { found[part.first + index] = value.signed }
      }
    }
    return found
  }

  /// Hands on each protocol with its names and its values.
  private static func walk(
    _ text: Span<UInt8>, _ take: (Span<UInt8>, inout Scanner, inout Scanner) -> Void
  ) throws(ParseError) {
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
      take(protocolName, &names, &values)
    }
    guard number > 1 else { throw ParseError("/proc/net/snmp", "expected counters", at: text) }
  }
}
