internal import Configuration
internal import Glibc

/// How Wazuh types a value of YAML: what strtod(3) reads to its end is a number unless it is quoted,
/// all else is text. `true`, `~` and `null` are text.
enum Value {
  case text(String)
  case number(Double)
  case list
  case mapping

  init(_ node: Node) {
    switch node.content {
    case .sequence: self = .list
    case .mapping: self = .mapping
    case .scalar(let text, let style):
      // A text of C ends at its first NUL.
      let text = text.utf8.contains(0) ? String(text.unicodeScalars.prefix { $0 != "\0" }) : text
      if style != .quoted, let number = Self.number(text) {
        self = .number(number)
      } else {
        self = .text(text)
      }
    }
  }

  private static func number(_ text: String) -> Double? {
    guard !text.isEmpty else { return nil }
    return unsafe text.withCString { start in
      var end: UnsafeMutablePointer<CChar>?
      let value = unsafe strtod(start, &end)
      guard let end = unsafe end, unsafe end.pointee == 0 else { return nil }
      return value
    }
  }

  var text: String? {
    if case .text(let text) = self { text } else { nil }
  }

  /// The kind, for "a text is expected, not …".
  var kind: String {
    switch self {
    case .text: "a text"
    case .number: "a number"
    case .list: "a list"
    case .mapping: "a mapping"
    }
  }
}

extension Node {
  /// The first value of a key; Wazuh 4 ignores the case of ASCII letters.
  func value(_ key: String, _ dialect: Dialect) -> Node? {
    guard dialect == .four else {
      return pairs?.first { $0.name.utf8.elementsEqual(key.utf8) }?.value
    }
    return pairs?.first {
      $0.name.utf8.elementsEqual(key.utf8) { folded($0) == folded($1) }
    }?.value
  }

  /// The members of a list, or the values of a mapping: Wazuh 4 takes one for the other.
  var members: [Node]? { items ?? pairs?.map(\.value) }
}
