/// Writes numbers and texts in a compact binary form.
struct ByteWriter {
  var bytes: [UInt8] = []

  /// Seven bits per byte, the lowest first; the high bit marks that more bytes follow (LEB128).
  mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func varint(_ value: Int) { varint(UInt64(max(0, value))) }

  mutating func zigzag(_ value: Int64) { varint(value.zigzag) }

  mutating func fixed(_ value: UInt64) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func string(_ text: String) {
    varint(text.utf8.count)
    bytes.append(contentsOf: text.utf8)
  }

  mutating func block(_ block: [UInt8]) {
    varint(block.count)
    bytes.append(contentsOf: block)
  }
}

/// The bytes read are not those that were written.
struct Damaged: Error {}

/// Reads the output of `ByteWriter` from a file that may be damaged: it throws and never traps.
struct ByteReader {
  private let bytes: [UInt8]
  private var position: Int
  private let end: Int

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    position = 0
    end = bytes.count
  }

  private init(_ bytes: [UInt8], _ range: Range<Int>) {
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  var isAtEnd: Bool { position >= end }

  mutating func byte() throws(Damaged) -> UInt8 {
    guard position < end else { throw Damaged() }
    defer { position &+= 1 }
    return bytes[position]
  }

  mutating func varint() throws(Damaged) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while shift < 64 {
      let byte = try byte()
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw Damaged()
  }

  mutating func zigzag() throws(Damaged) -> Int64 { Int64(zigzag: try varint()) }

  /// The number of items that follow. Each takes at least `size` bytes; a larger number is an
  /// error.
  mutating func count(ofAtLeast size: Int = 1) throws(Damaged) -> Int {
    let value = try varint()
    guard value <= UInt64((end &- position) / max(1, size)) else { throw Damaged() }
    return Int(value)
  }

  mutating func fixed() throws(Damaged) -> UInt64 {
    guard end &- position >= 8 else { throw Damaged() }
    var value: UInt64 = 0
    for shift in 0..<8 { value |= UInt64(bytes[position &+ shift]) << UInt64(shift * 8) }
    position &+= 8
    return value
  }

  mutating func string() throws(Damaged) -> String { try text(try varint()) }

  /// A text with its length before it.
  mutating func text(_ count: UInt64) throws(Damaged) -> String {
    guard count <= UInt64(end &- position) else { throw Damaged() }
    defer { position &+= Int(count) }
    return String(decoding: bytes[position..<(position &+ Int(count))], as: UTF8.self)
  }

  /// The next byte, without going past it.
  var peek: UInt8? { position < end ? bytes[position] : nil }

  mutating func block() throws(Damaged) -> [UInt8] {
    let count = try count()
    defer { position &+= count }
    return Array(bytes[position..<(position &+ count)])
  }

  /// A reader of the block that follows; this reader continues after the block.
  mutating func inner() throws(Damaged) -> ByteReader {
    let count = try count()
    defer { position &+= count }
    return ByteReader(bytes, position..<(position &+ count))
  }
}

extension Int64 {
  /// Maps small magnitudes of either sign to small numbers: 0, -1, 1, -2 become 0, 1, 2, 3.
  var zigzag: UInt64 { UInt64(bitPattern: (self << 1) ^ (self >> 63)) }

  init(zigzag value: UInt64) {
    self = Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }
}
