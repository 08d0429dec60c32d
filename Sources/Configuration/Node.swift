/// A value of a configuration file with its place, so that every error can point at it.
///
/// A scalar keeps its text: the caller's accessor (`string`, `boolean`) decides whether `no` is a
/// name or a boolean, not the reader.
public struct Node: Sendable {
  public enum Content: Sendable, Equatable {
    case scalar(String, Style)
    case sequence([Node])
    case mapping([Pair])
  }

  /// The style of a scalar: without quotes, in quotes, or as a block (`|`, `>`).
  public enum Style: Sendable, Equatable { case plain, quoted, block }

  /// A key and its value; the key is always a scalar.
  public struct Pair: Sendable, Equatable {
    public let key: Node
    public let value: Node

    public init(key: Node, value: Node) {
      self.key = key
      self.value = value
    }

    /// The key's text.
    public var name: String { key.text ?? "" }
  }

  public var content: Content
  /// The explicit tag as written (`!vault`, `!!str`), or nil.
  public var tag: String?
  public var mark: Mark
  public var end: Mark

  public init(_ content: Content, tag: String? = nil, mark: Mark, end: Mark) {
    self.content = content
    self.tag = tag
    self.mark = mark
    self.end = end
  }

  /// A plain scalar at the place of another node, for computed values.
  public init(_ text: String, like node: Node) {
    self.init(.scalar(text, .quoted), mark: node.mark, end: node.end)
  }

  /// The text of a scalar, or nil.
  public var text: String? {
    if case .scalar(let text, _) = content { text } else { nil }
  }

  /// The members of a sequence, or nil.
  public var items: [Node]? {
    if case .sequence(let items) = content { items } else { nil }
  }

  /// The entries of a mapping in the order of the file, or nil.
  public var pairs: [Pair]? {
    if case .mapping(let pairs) = content { pairs } else { nil }
  }

  /// Whether the value is empty or one of YAML's null words: `~`, `null`.
  public var isNull: Bool {
    guard case .scalar(let text, .plain) = content, tag == nil || tag == "!!null" else {
      return false
    }
    return ["", "~", "null", "Null", "NULL"].contains(text)
  }

  /// The value of a key of a mapping, or nil.
  public subscript(key: String) -> Node? {
    pairs?.first { $0.key.text == key }?.value
  }

  /// The number of characters to underline: the part of the value on its first line.
  var length: Int {
    end.line == mark.line && end.source === mark.source ? max(1, end.column - mark.column) : 1
  }

  /// The kind of the value, for "expected a number, found …".
  var kind: String {
    switch content {
    case .scalar: isNull ? "nothing" : "text"
    case .sequence: "a list"
    case .mapping: "a mapping"
    }
  }
}

extension Node: Equatable {
  /// Whether both have the same value; their places do not matter.
  public static func == (left: Node, right: Node) -> Bool {
    left.content == right.content && left.tag == right.tag
  }
}
