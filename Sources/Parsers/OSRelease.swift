/// Reads /etc/os-release: the distribution.
///
/// Format: os-release(5). `KEY=value` lines, the value bare or quoted as in a shell; a backslash in
/// quotes makes the next character literal.
public enum OSRelease: Parser {
  public struct Reading: Sendable, Equatable {
    /// The name for people: `Debian GNU/Linux 12 (bookworm)`.
    public var prettyName: String?
    /// `debian`, `rhel`, `alpine`.
    public var id: String?
    /// `12`, `7`, `3.20.3`; rolling distributions have none.
    public var version: String?
  }

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    while let line = lines.line() {
      var rest = Scanner(line.trimmed)
      guard let key = rest.upTo(UInt8(ascii: "=")) else { continue }
      if key.equals("PRETTY_NAME") {
        reading.prettyName = unquoted(rest.rest)
      } else if key.equals("ID") {
        reading.id = unquoted(rest.rest)
      } else if key.equals("VERSION_ID") {
        reading.version = unquoted(rest.rest)
      }
    }
    guard reading != Reading() else {
      throw ParseError("/etc/os-release", "expected a name", at: text)
    }
    return reading
  }

  private static func unquoted(_ value: Span<UInt8>) -> String {
    guard value.count >= 2, let first = value.first,
      first == UInt8(ascii: "\"") || first == UInt8(ascii: "'"), value.last == first
    else { return value.string }
    var plain: [UInt8] = []
    var escaped = false
    for index in 1..<(value.count - 1) {
      let byte = value[index]
      if byte == UInt8(ascii: "\\"), !escaped, first == UInt8(ascii: "\"") {
        escaped = true
      } else {
        plain.append(byte)
        escaped = false
      }
    }
    return plain.span.string
  }
}
