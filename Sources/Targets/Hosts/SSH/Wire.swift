/// Reads and writes the data types of the SSH protocols (RFC 4251, section 5).
///
/// For the agent's messages, OpenSSH's key files and the algorithm lists of a key exchange.
struct WireReader {
  private let bytes: ArraySlice<UInt8>
  private(set) var position: Int

  init(_ bytes: some Sequence<UInt8>) {
    self.bytes = ArraySlice(bytes)
    position = self.bytes.startIndex
  }

  var isAtEnd: Bool { position >= bytes.endIndex }

  mutating func byte() -> UInt8? {
    guard position < bytes.endIndex else { return nil }
    defer { position += 1 }
    return bytes[position]
  }

  mutating func uint32() -> UInt32? {
    guard bytes.endIndex - position >= 4 else { return nil }
    defer { position += 4 }
    return bytes[position..<position + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }

  mutating func uint64() -> UInt64? {
    guard let high = uint32(), let low = uint32() else { return nil }
    return UInt64(high) << 32 | UInt64(low)
  }

  mutating func raw(_ count: Int) -> ArraySlice<UInt8>? {
    guard count >= 0, bytes.endIndex - position >= count else { return nil }
    defer { position += count }
    return bytes[position..<position + count]
  }

  /// A string: its length in four bytes, then its bytes.
  mutating func string() -> ArraySlice<UInt8>? {
    guard let count = uint32() else { return nil }
    return raw(Int(count))
  }

  mutating func text() -> String? {
    string().map { String(decoding: $0, as: UTF8.self) }
  }

  /// A comma-separated list of names.
  mutating func names() -> [String]? {
    text().map { $0.isEmpty ? [] : $0.split(separator: ",").map(String.init) }
  }
}

struct WireWriter {
  private(set) var bytes: [UInt8] = []

  mutating func byte(_ value: UInt8) { bytes.append(value) }

  mutating func uint32(_ value: UInt32) {
    for shift in stride(from: 24, through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(shift)))
    }
  }

  mutating func string(_ value: some Collection<UInt8>) {
    uint32(UInt32(value.count))
    bytes.append(contentsOf: value)
  }

  /// A non-negative number: without leading zeros, with one where the first bit would be a sign.
  mutating func mpint(_ value: some Collection<UInt8>) {
    let digits = Array(value.drop { $0 == 0 })
    string((digits.first ?? 0) & 0x80 == 0 ? digits : [0] + digits)
  }
}
