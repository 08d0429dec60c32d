/// A JSON value (RFC 8259) for output; members keep their order.
public enum JSON: Sendable, Equatable {
  case null
  case boolean(Bool)
  case integer(Int64)
  /// JSON has no NaN and no infinity: they become null.
  case number(Double)
  case string(String)
  case array([JSON])
  case object([(String, JSON)])

  public static func == (a: JSON, b: JSON) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.boolean(let a), .boolean(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.number(let a), .number(let b)): a == b
    case (.string(let a), .string(let b)): a == b
    case (.array(let a), .array(let b)): a == b
    case (.object(let a), .object(let b)): a.elementsEqual(b, by: ==)
    default: false
    }
  }

  /// The value of a field of a point.
  public init(_ value: FieldValue) {
    switch value {
    case .integer(let integer): self = .integer(integer)
    case .float(let float): self = .number(float)
    case .string(let string): self = .string(string)
    case .boolean(let boolean): self = .boolean(boolean)
    }
  }

  /// The text without a line break, so that one value makes one line.
  public var bytes: [UInt8] {
    var bytes: [UInt8] = []
    encode(into: &bytes)
    return bytes
  }

  /// The text as a string.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Appends the text to the output.
  public func encode(into bytes: inout [UInt8]) {
    switch self {
    case .null: bytes.append(contentsOf: "null".utf8)
    case .boolean(let boolean): bytes.append(contentsOf: (boolean ? "true" : "false").utf8)
    case .integer(let integer): bytes.append(decimal: integer)
    case .number(let number):
      if !number.isFinite {
        bytes.append(contentsOf: "null".utf8)
      } else if let whole = Int64(exactly: number), whole.magnitude < 1 << 53 {
        bytes.append(decimal: whole)
      } else {
        bytes.append(contentsOf: number.description.utf8)
      }
    case .string(let string): Self.encode(string, into: &bytes)
    case .array(let elements):
      bytes.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        element.encode(into: &bytes)
      }
      bytes.append(UInt8(ascii: "]"))
    case .object(let members):
      bytes.append(UInt8(ascii: "{"))
      for (index, member) in members.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        Self.encode(member.0, into: &bytes)
        bytes.append(UInt8(ascii: ":"))
        member.1.encode(into: &bytes)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }

  /// Writes a string in quotes. Characters that could end a line or move a cursor when the text is
  /// shown (C0, DEL, C1, format characters such as direction marks, line separators) are escaped.
  private static func encode(_ string: String, into bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": bytes.append(contentsOf: "\\\"".utf8)
      case "\\": bytes.append(contentsOf: "\\\\".utf8)
      case "\n": bytes.append(contentsOf: "\\n".utf8)
      case "\r": bytes.append(contentsOf: "\\r".utf8)
      case "\t": bytes.append(contentsOf: "\\t".utf8)
      case _ where scalar.value >= 0x20 && scalar.value < 0x7f:
        bytes.append(UInt8(truncatingIfNeeded: scalar.value))
      default:
        if scalar.isControl {
          for unit in String(scalar).utf16 {
            let hex = String(unit, radix: 16)
            bytes.append(contentsOf: "\\u".utf8)
            bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: 4 - hex.utf8.count))
            bytes.append(contentsOf: hex.utf8)
          }
        } else {
          bytes.append(contentsOf: String(Character(scalar)).utf8)
        }
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}

extension [UInt8] {
  /// Adds an integer in decimal digits.
  mutating func append(decimal value: Int64) {
    if value < 0 { append(UInt8(ascii: "-")) }
    var rest = value.magnitude
    let start = count
    repeat {
      let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
      append(UInt8(truncatingIfNeeded: digit) &+ 0x30)
      rest = quotient
    } while rest != 0
    self[start...].reverse()
  }
}
