/// A hash of bytes, the same in any process: FNV-1a, 64 bits (draft-eastlake-fnv). It does not resist
/// deliberate collisions.
public struct FNV1a: Sendable {
  public private(set) var value: UInt64

  /// Begins anew, or goes on from an earlier value.
  public init(_ value: UInt64 = 0xcbf2_9ce4_8422_2325) { self.value = value }

  public mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }

  /// Adds the bytes of a text in UTF-8.
  public mutating func add(_ text: String) {
    let bytes = text.utf8Span.span
    for index in bytes.indices { add(bytes[index]) }
  }
}

extension Sequence<UInt8> {
  /// The hash of all of it: see `FNV1a`.
  public var fnv1a: UInt64 {
    var hash = FNV1a()
    for byte in self { hash.add(byte) }
    return hash.value
  }
}
