/// Reads /proc/net/sockstat and sockstat6: the number of sockets in use.
///
/// Format: proc(5). `UDP: inuse 3 mem 2`, `UDP6: inuse 1`, `TCP: inuse 5 orphan 0 tw 0 alloc 6 …`.
public enum Sockstat: Parser {
  public struct Reading: Sendable, Equatable {
    /// By protocol and word in lower case, without the 6 of IPv6: `tcp_inuse`, `sockets_used`.
    public var values: [String: UInt64] = [:]

    /// UDP sockets bound to a port.
    public var udp: UInt64? { values["udp_inuse"] }
    /// TCP sockets in any state but TIME-WAIT.
    public var tcp: UInt64? { values["tcp_inuse"] }
  }

  /// The limit of values; kernels have 16.
  private static let mostValues = 64

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    while let line = lines.line() {
      var words = Scanner(line)
      guard var key = words.word(), key.last == UInt8(ascii: ":"), key.count <= 16 else { continue }
      key = key.extracting(0..<(key.count &- 1))
      if key.last == UInt8(ascii: "6") { key = key.extracting(0..<(key.count &- 1)) }
      let protocolName = key.string.lowercased()
      while reading.values.count < mostValues, let word = words.word(), word.count <= 16 {
        guard let value = words.unsigned() else { break }
        reading.values["\(protocolName)_\(word.string)"] = value
      }
    }
    guard reading.values.contains(where: { $0.key.hasSuffix("_inuse") }) else {
      throw ParseError("/proc/net/sockstat", "expected sockets in use", at: text)
    }
    return reading
  }
}
