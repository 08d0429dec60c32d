/// Reads /proc/net/sockstat and sockstat6: the number of sockets in use.
///
/// Format: proc(5). `UDP: inuse 3 mem 2`, `UDP6: inuse 1`, `TCP: inuse 5 orphan 0 tw 0 alloc 6 …`.
public enum Sockstat: Parser {
  public struct Reading: Sendable, Equatable {
    /// UDP sockets bound to a port.
    public var udp: UInt64?
    /// TCP sockets in any state but TIME-WAIT.
    public var tcp: UInt64?
  }

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    while let line = lines.line() {
      var words = Scanner(line)
      guard let key = words.word(), words.word()?.equals("inuse") == true else { continue }
      if key.equals("UDP:") || key.equals("UDP6:") {
        reading.udp = words.unsigned()
      } else if key.equals("TCP:") || key.equals("TCP6:") {
        reading.tcp = words.unsigned()
      }
    }
    guard reading != Reading() else {
      throw ParseError("/proc/net/sockstat", "expected sockets in use", at: text)
    }
    return reading
  }
}
