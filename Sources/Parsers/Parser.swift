/// One format: bytes in, a typed reading out.
///
/// A parser does no I/O and never traps: the bytes come from a host that may be hostile. It throws
/// if the text does not have its format, and leaves values that the text lacks nil in the reading.
public protocol Parser: Sendable {
  associatedtype Reading: Sendable, Equatable
  static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading
}

/// The expected format, the problem and its line.
public struct ParseError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The name of the source for people: `/proc/stat`, `who`.
  public var format: String
  /// The problem, as a sentence fragment: "expected an integer".
  public var problem: String
  /// The line, counted from 1, or nil for the whole text.
  public var line: Int?
  /// The beginning of the offending text, at most 60 bytes. Foreign text: make it visible before
  /// printing.
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
