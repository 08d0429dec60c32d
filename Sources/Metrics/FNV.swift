extension Sequence<UInt8> {
  /// A number that stands for the bytes, the same in any process: FNV-1a, 64 bits (draft-eastlake-fnv).
  /// It keeps nobody from making two texts with the same one.
  public var fnv1a: UInt64 {
    reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }
}
