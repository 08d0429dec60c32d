extension Span<UInt8> {
  /// A number that is almost surely another one for other bytes, to see whether a text has changed.
  ///
  /// Who chooses the bytes can find two texts of the same number: it protects nothing.
  public var fingerprint: UInt64 {
    var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
    func mix(_ word: UInt64) {
      hash = (hash ^ word) &* 0xD6E8_FEB8_6659_FD93
      hash ^= hash >> 32
    }
    mix(UInt64(truncatingIfNeeded: count))
    var index = 0
    while count &- index >= 8 {
      var word: UInt64 = 0
      for offset in 0..<8 { word |= UInt64(self[index &+ offset]) &<< UInt64(offset &* 8) }
      mix(word)
      index &+= 8
    }
    var rest: UInt64 = 0
    while index < count {
      rest = rest &<< 8 | UInt64(self[index])
      index &+= 1
    }
    mix(rest)
    return hash
  }
}
