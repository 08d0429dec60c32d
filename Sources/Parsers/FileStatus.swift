/// Reads the output of the probe `file` from a host: the host's time, stat(1) and sha256sum(1), or
/// one word: `absent` if the file does not exist, `hidden` if its folder is not readable.
public enum FileStatus: Parser {
  public struct Reading: Sendable, Equatable {
    /// nil if its folder is not readable.
    public var exists: Bool?
    public var size: Int64?
    /// The last modification of the content, in seconds since 1970.
    public var changed: Int64?
    /// Seconds since then, by the host's own clock.
    public var age: Int64?
    /// Permissions, as `0o644`.
    public var mode: Int?
    public var owner: String?
    public var group: String?
    /// In hexadecimal, lower case.
    public var sha256: String?
  }

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var now: Int64?
    var lines = Scanner(text)
    var isAnswered = false
    while let line = lines.line() {
      var words = Scanner(line)
      guard let first = words.word() else { continue }
      if first.equals("absent") {
        reading.exists = false
        return reading
      }
      if first.equals("hidden") { return reading }
      if first.equals("now") {
        now = words.word()?.signed
        reading.exists = true
        isAnswered = true
      } else if first.equals("stat") {
        reading.size = words.word()?.signed
        reading.changed = words.word()?.signed
        if let mode = words.word() { reading.mode = octal(mode) }
        reading.owner = words.word()?.string
        reading.group = words.word()?.string
      } else if first.count == 64 || first.count == 65, reading.sha256 == nil {
        // For a name with odd characters, sha256sum prints a backslash before the sum.
        let sum = first.count == 65 ? first.extracting(1..<65) : first
        guard sum.extracting(0..<16).hexadecimal != nil else { continue }
        reading.sha256 = sum.string.lowercased()
      }
    }
    guard isAnswered else { throw ParseError("file", "no answer", at: text) }
    if let now, let changed = reading.changed {
      let (age, overflow) = now.subtractingReportingOverflow(changed)
      if !overflow { reading.age = age }
    }
    return reading
  }

  private static func octal(_ text: Span<UInt8>) -> Int? {
    guard text.count > 0, text.count <= 5 else { return nil }
    var value = 0
    for index in text.indices {
      let digit = text[index] &- 0x30
      guard digit < 8 else { return nil }
      value = value << 3 | Int(digit)
    }
    return value
  }
}
