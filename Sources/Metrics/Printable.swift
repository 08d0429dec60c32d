/// Text that is safe for a terminal: all foreign text in it is `visible`.
///
/// A literal is trusted and unchanged. Every other `String` is untrusted, whatever its origin: put
/// into a `Printable` it goes through `visible`. A `Printable` cannot be turned back into a
/// `String`, so text with colours never reaches code that expects text of hosts.
public struct Printable: Sendable, Equatable, ExpressibleByStringInterpolation {
  /// The bytes for the terminal.
  public private(set) var bytes: [UInt8]

  public init(stringLiteral literal: String) { bytes = Array(literal.utf8) }

  public init(stringInterpolation: StringInterpolation) { bytes = stringInterpolation.bytes }

  /// One line of untrusted text.
  public init(_ text: String) { bytes = Array(text.visible.utf8) }

  /// Untrusted text that keeps its line breaks.
  public static func lines(_ text: String) -> Printable {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { Printable(String($0)) }
      .joined(separator: "\n")
  }

  /// JSON in one line; JSON's own rules escape its strings.
  public init(_ json: JSON) { bytes = json.bytes }

  /// The text between two terminal sequences, such as those of a colour.
  public func between(_ before: StaticString, _ after: StaticString) -> Printable {
    var all = Printable("")
    all.bytes = Array(before.description.utf8) + bytes + after.description.utf8
    return all
  }

  public var isEmpty: Bool { bytes.isEmpty }

  public static func + (a: Printable, b: Printable) -> Printable {
    var sum = a
    sum.bytes += b.bytes
    return sum
  }

  public static func += (a: inout Printable, b: Printable) { a.bytes += b.bytes }

  public struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var bytes: [UInt8] = []

    public init(literalCapacity: Int, interpolationCount: Int) {
      bytes.reserveCapacity(literalCapacity + 16 * interpolationCount)
    }

    public mutating func appendLiteral(_ literal: String) { bytes += literal.utf8 }

    public mutating func appendInterpolation(_ text: Printable) { bytes += text.bytes }

    @_disfavoredOverload
    public mutating func appendInterpolation(_ value: some CustomStringConvertible) {
      bytes += value.description.visible.utf8
    }
  }
}

extension Sequence<Printable> {
  public func joined(separator: Printable = "") -> Printable {
    var all: Printable = ""
    var isFirst = true
    for part in self {
      if !isFirst { all += separator }
      isFirst = false
      all += part
    }
    return all
  }
}

extension DefaultStringInterpolation {
  @available(*, unavailable, message: "what was made printable is printed, and is no text any more")
  public mutating func appendInterpolation(_ text: Printable) {}
}
