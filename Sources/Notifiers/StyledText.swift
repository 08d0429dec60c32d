/// Lines of text, parts of which are emphasised; no mark-up, so nothing in it can style or break it.
public struct StyledText: Sendable, Equatable {
  public enum Style: Sendable, Equatable { case plain, bold, code }

  public struct Span: Sendable, Equatable {
    public var text: String
    public var style: Style

    public init(_ text: String, _ style: Style = .plain) {
      self.text = text
      self.style = style
    }
  }

  /// Each without its line break.
  public var lines: [[Span]] = []

  public init(_ lines: [[Span]] = []) { self.lines = lines }

  public mutating func add(_ spans: Span...) { lines.append(spans) }

  /// The text alone, lines parted by line breaks.
  public var plain: String {
    lines.map { $0.map(\.text).joined() }.joined(separator: "\n")
  }
}
