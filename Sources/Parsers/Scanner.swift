/// Walks over bytes by lines, words and numbers without copying them.
///
/// Blanks are spaces and tabs; lines end with a newline, and a carriage return before it is not
/// part of the line. Nothing here traps, whatever the bytes are.
public struct Scanner: ~Escapable {
  @usableFromInline let text: Span<UInt8>
  /// The index of the next byte that will be read.
  public private(set) var position = 0

  @_lifetime(copy text)
  public init(_ text: Span<UInt8>) { self.text = text }

  /// Whether every byte has been read.
  public var isAtEnd: Bool { position >= text.count }

  /// The bytes not yet read.
  public var rest: Span<UInt8> {
    @_lifetime(copy self) get { text.extracting(min(position, text.count)..<text.count) }
  }

  /// The next line without its end, or nil after the last.
  @_lifetime(copy self)
  public mutating func line() -> Span<UInt8>? {
    guard position < text.count else { return nil }
    let start = position
    var end = start
    while end < text.count, text[end] != UInt8(ascii: "\n") { end &+= 1 }
    position = end &+ 1
    if end > start, text[end &- 1] == UInt8(ascii: "\r") { end &-= 1 }
    return text.extracting(start..<end)
  }

  /// The next run of bytes between blanks, or nil if only blanks are left.
  @_lifetime(copy self)
  public mutating func word() -> Span<UInt8>? {
    skipBlanks()
    guard position < text.count else { return nil }
    let start = position
    var end = start
    while end < text.count, !text[end].isBlank { end &+= 1 }
    position = end
    return text.extracting(start..<end)
  }

  /// All bytes up to the given byte, which is consumed and not returned; nil if it does not occur.
  @_lifetime(copy self)
  public mutating func upTo(_ byte: UInt8) -> Span<UInt8>? {
    let start = position
    var end = start
    while end < text.count, text[end] != byte { end &+= 1 }
    guard end < text.count else { return nil }
    position = end &+ 1
    return text.extracting(start..<end)
  }

  /// The next word as a decimal number, or nil if it is not one (the word is consumed anyway).
  public mutating func unsigned() -> UInt64? {
    word()?.unsigned
  }

  /// Skips the next `count` words; false if there were fewer.
  @discardableResult
  public mutating func skip(words count: Int) -> Bool {
    for _ in 0..<count where word() == nil { return false }
    return true
  }

  /// Skips that many bytes, or all if there are fewer.
  public mutating func skip(bytes count: Int) {
    position = min(text.count, position &+ max(0, count))
  }

  public mutating func skipBlanks() {
    while position < text.count, text[position].isBlank { position &+= 1 }
  }

  /// Consumes the byte if it is the next one.
  public mutating func skip(_ byte: UInt8) -> Bool {
    guard position < text.count, text[position] == byte else { return false }
    position &+= 1
    return true
  }
}

extension UInt8 {
  /// A space or a tab.
  @inlinable public var isBlank: Bool { self == 0x20 || self == 0x09 }
  /// `0` to `9`.
  @inlinable public var isDigit: Bool { self >= 0x30 && self <= 0x39 }
}

extension Span<UInt8> {
  /// The bytes as a decimal number without sign, or nil if they are anything else or too large.
  public var unsigned: UInt64? {
    guard count > 0, count <= 20 else { return nil }
    var value: UInt64 = 0
    for index in indices {
      let digit = self[index] &- 0x30
      guard digit <= 9 else { return nil }
      if index < 18 {  // eighteen digits always fit
        value = value &* 10 &+ UInt64(digit)
      } else {
        let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, carry) = tens.addingReportingOverflow(UInt64(digit))
        if overflow || carry { return nil }
        value = sum
      }
    }
    return value
  }

  /// The bytes as a hexadecimal number of at most sixteen digits, or nil.
  public var hexadecimal: UInt64? {
    guard count > 0, count <= 16 else { return nil }
    var value: UInt64 = 0
    for index in indices {
      let byte = self[index]
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte &- UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte &- UInt8(ascii: "a") &+ 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte &- UInt8(ascii: "A") &+ 10
      default: return nil
      }
      value = value << 4 | UInt64(digit)
    }
    return value
  }

  /// The bytes as a decimal number with an optional sign, or nil.
  public var signed: Int64? {
    guard count > 0 else { return nil }
    let negative = self[0] == UInt8(ascii: "-")
    let digits = negative || self[0] == UInt8(ascii: "+") ? extracting(1..<count) : self
    guard let magnitude = digits.unsigned else { return nil }
    if negative {
      return magnitude == Int64.min.magnitude ? .min : Int64(exactly: magnitude).map { -$0 }
    }
    return Int64(exactly: magnitude)
  }

  /// The bytes as a decimal fraction such as `-12.50`, or nil; no exponent, no `nan`, no `inf`.
  public var decimal: Double? {
    guard count > 0, count <= 32 else { return nil }
    var index = 0
    let negative = self[0] == UInt8(ascii: "-")
    if negative || self[0] == UInt8(ascii: "+") { index = 1 }
    var mantissa = 0.0
    var scale = 1.0
    var digits = 0
    var point = false
    while index < count {
      let byte = self[index]
      index &+= 1
      if byte == UInt8(ascii: "."), !point {
        point = true
      } else if byte.isDigit {
        mantissa = mantissa * 10 + Double(byte &- 0x30)
        if point { scale *= 10 }
        digits &+= 1
      } else {
        return nil
      }
    }
    guard digits > 0 else { return nil }
    return (negative ? -mantissa : mantissa) / scale
  }

  /// Whether every byte is `0` to `9`; true if there is none.
  public var allDigits: Bool {
    for index in indices where !self[index].isDigit { return false }
    return true
  }

  public var first: UInt8? { isEmpty ? nil : self[0] }
  public var last: UInt8? { isEmpty ? nil : self[count &- 1] }

  /// Whether the bytes are the literal.
  public func equals(_ literal: String) -> Bool {
    count == literal.utf8.count && starts(with: literal)
  }

  /// Whether both hold the same bytes.
  public func isSame(as other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    for index in indices where self[index] != other[index] { return false }
    return true
  }

  /// Whether the bytes begin with the literal.
  public func starts(with literal: String) -> Bool {
    let other = literal.utf8Span.span
    guard count >= other.count else { return false }
    for index in other.indices where self[index] != other[index] { return false }
    return true
  }

  /// Whether the bytes end with the literal.
  public func ends(with literal: String) -> Bool {
    let length = literal.utf8.count
    return length <= count && extracting((count - length)..<count).starts(with: literal)
  }

  /// The first position of the literal, or nil.
  public func firstIndex(of literal: String) -> Int? {
    guard let first = literal.utf8.first else { return 0 }
    var start = 0
    let end = count - literal.utf8.count
    while start <= end {
      if self[start] == first, extracting(start..<count).starts(with: literal) { return start }
      start &+= 1
    }
    return nil
  }

  /// The bytes without blanks at either end.
  public var trimmed: Span<UInt8> {
    @_lifetime(copy self) get {
      var start = 0
      var end = count
      while start < end, self[start].isBlank { start &+= 1 }
      while end > start, self[end &- 1].isBlank { end &-= 1 }
      return extracting(start..<end)
    }
  }

  /// The bytes as text; invalid UTF-8 becomes U+FFFD.
  public var string: String {
    if let valid = try? UTF8Span(validating: self) { return String(copying: valid) }
    return String(decoding: bytes(limit: count), as: UTF8.self)
  }

  /// A copy of at most the first `limit` bytes.
  public func bytes(limit: Int) -> [UInt8] {
    var copy: [UInt8] = []
    copy.reserveCapacity(Swift.min(count, limit))
    for index in 0..<Swift.min(count, limit) { copy.append(self[index]) }
    return copy
  }
}
