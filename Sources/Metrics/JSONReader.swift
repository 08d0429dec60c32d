extension JSON {
  /// Reads a JSON text (RFC 8259); nil if it is invalid or nested deeper than 32 values.
  ///
  /// Integers that fit keep their type. A repeated member is kept twice.
  public init?(reading text: [UInt8]) {
    var reader = JSONReader(text: text)
    guard let value = reader.value(depth: 0), reader.isAtEnd else { return nil }
    self = value
  }

  /// The value of a member of an object; nil if it is missing or this is not an object.
  public subscript(name: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.0 == name }?.1
  }

  /// The elements of an array; none if this is not an array.
  public var elements: [JSON] {
    if case .array(let elements) = self { elements } else { [] }
  }

  /// The string, or nil.
  public var string: String? {
    if case .string(let string) = self { string } else { nil }
  }

  /// The integer, or nil.
  public var integer: Int64? {
    if case .integer(let integer) = self { integer } else { nil }
  }
}

private struct JSONReader {
  let text: [UInt8]
  private var place = 0

  init(text: [UInt8]) { self.text = text }

  private mutating func skipBlanks() {
    while place < text.count, [0x20, 0x09, 0x0a, 0x0d].contains(text[place]) { place += 1 }
  }

  var isAtEnd: Bool {
    mutating get {
      skipBlanks()
      return place == text.count
    }
  }

  private mutating func take(_ byte: Unicode.Scalar) -> Bool {
    skipBlanks()
    guard place < text.count, text[place] == UInt8(ascii: byte) else { return false }
    place += 1
    return true
  }

  private mutating func take(word: String, _ value: JSON) -> JSON? {
    guard text[place...].starts(with: word.utf8) else { return nil }
    place += word.utf8.count
    return value
  }

  mutating func value(depth: Int) -> JSON? {
    skipBlanks()
    guard place < text.count, depth < 32 else { return nil }
    switch text[place] {
    case UInt8(ascii: "{"): return object(depth)
    case UInt8(ascii: "["): return array(depth)
    case UInt8(ascii: "\""): return string().map { .string($0) }
    case UInt8(ascii: "t"): return take(word: "true", .boolean(true))
    case UInt8(ascii: "f"): return take(word: "false", .boolean(false))
    case UInt8(ascii: "n"): return take(word: "null", .null)
    default: return number()
    }
  }

  private mutating func object(_ depth: Int) -> JSON? {
    guard take("{") else { return nil }
    var members: [(String, JSON)] = []
    if take("}") { return .object([]) }
    repeat {
      skipBlanks()
      guard let name = string(), take(":"), let value = value(depth: depth + 1) else { return nil }
      members.append((name, value))
    } while take(",")
    return take("}") ? .object(members) : nil
  }

  private mutating func array(_ depth: Int) -> JSON? {
    guard take("[") else { return nil }
    var elements: [JSON] = []
    if take("]") { return .array([]) }
    repeat {
      guard let value = value(depth: depth + 1) else { return nil }
      elements.append(value)
    } while take(",")
    return take("]") ? .array(elements) : nil
  }

  private mutating func number() -> JSON? {
    let start = place
    while place < text.count, "+-.eE0123456789".utf8.contains(text[place]) { place += 1 }
    let word = String(decoding: text[start..<place], as: UTF8.self)
    guard let first = word.utf8.first, first == UInt8(ascii: "-") || first >= UInt8(ascii: "0")
    else { return nil }
    if let integer = Int64(word) { return .integer(integer) }
    return Double(word).map { .number($0) }
  }

  private mutating func string() -> String? {
    guard take("\"") else { return nil }
    var bytes: [UInt8] = []
    while place < text.count {
      let byte = text[place]
      place += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: bytes, as: UTF8.self)
      case 0..<0x20: return nil
      case UInt8(ascii: "\\"):
        guard let scalar = escaped() else { return nil }
        bytes.append(contentsOf: String(Character(scalar)).utf8)
      default: bytes.append(byte)
      }
    }
    return nil
  }

  private mutating func escaped() -> Unicode.Scalar? {
    guard place < text.count else { return nil }
    let byte = text[place]
    place += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      guard let first = unit() else { return nil }
      guard (0xd800..<0xdc00).contains(first) else {
        return Unicode.Scalar(first) ?? "\u{fffd}"
      }
      // Half of a surrogate pair: without the other half it is invalid.
      let before = place
      guard text[place...].starts(with: "\\u".utf8) else { return "\u{fffd}" }
      place += 2
      guard let second = unit(), (0xdc00..<0xe000).contains(second) else {
        place = before
        return "\u{fffd}"
      }
      return Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
    default: return nil
    }
  }

  private mutating func unit() -> UInt32? {
    guard text.count - place >= 4 else { return nil }
    let digits = text[place..<(place + 4)]
    guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else { return nil }
    place += 4
    return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
  }
}
