/// One format: bytes in, a typed reading out.
///
/// A parser does no I/O and never traps: the bytes come from a host that may be hostile. It throws
/// where the text is not its format, and leaves nil in the reading what the text does not tell.
public protocol Parser: Sendable {
  associatedtype Reading: Sendable, Equatable
  static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading
}

/// Says which format was expected, what was wrong and on which line.
public struct ParseError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What was being read, as people know it: `/proc/stat`, `who`.
  public var format: String
  /// What was wrong, as a sentence fragment: "expected an integer".
  public var problem: String
  /// The line, counted from 1, or nil where the whole text is meant.
  public var line: Int?
  /// The beginning of the offending text, at most 60 bytes. It is the host's: make it visible before printing.
  public var excerpt: String?

  public init(_ format: String, _ problem: String, line: Int? = nil, excerpt: String? = nil) {
    self.format = format
    self.problem = problem
    self.line = line
    self.excerpt = excerpt
  }

  public init(_ format: String, _ problem: String, line: Int? = nil, at text: Span<UInt8>) {
    self.init(
      format, problem, line: line, excerpt: String(decoding: text.bytes(limit: 60), as: UTF8.self))
  }

  public var description: String {
    var text = format
    if let line { text += ":\(line)" }
    text += ": \(problem)"
    if let excerpt { text += " at \"\(excerpt)\"" }
    return text
  }
}
