/// Whether a name matches one of the patterns, by the rules of fnmatch(3) without flags: `*` stands
/// for any text, `?` for one byte, `[a-z]` for one of some bytes, `[!a-z]` for another one, `\*`
/// for a star itself.
///
/// The time is bounded by the product of their lengths. An unclosed bracket stands for itself.
public func matches(_ name: String, anyOf patterns: [String]) -> Bool {
  patterns.contains { matches(Array(name.utf8), pattern: Array($0.utf8)) }
}

private func matches(_ name: [UInt8], pattern: [UInt8]) -> Bool {
  var (at, wanted) = (0, 0)
  // The position of the last star, and the length of the name that it has matched so far.
  var (star, taken) = (-1, 0)
  while at < name.count {
    if wanted < pattern.count, pattern[wanted] == UInt8(ascii: "*") {
      (star, taken) = (wanted, at)
      wanted += 1
    } else if let end = one(name[at], in: pattern, from: wanted) {
      at += 1
      wanted = end
    } else if star >= 0 {
      taken += 1
      (at, wanted) = (taken, star + 1)
    } else {
      return false
    }
  }
  return pattern[wanted...].allSatisfy { $0 == UInt8(ascii: "*") }
}

/// The position in the pattern after the part for one byte; nil if that part does not match this
/// byte.
private func one(_ byte: UInt8, in pattern: [UInt8], from start: Int) -> Int? {
  guard start < pattern.count else { return nil }
  switch pattern[start] {
  case UInt8(ascii: "?"): return start + 1
  case UInt8(ascii: "\\") where start + 1 < pattern.count:
    return pattern[start + 1] == byte ? start + 2 : nil
  case UInt8(ascii: "["):
    guard let set = BracketSet(pattern, from: start) else { break }
    return set.contains(byte) ? set.end : nil
  default: break
  }
  return pattern[start] == byte ? start + 1 : nil
}

/// `[a-z_]` or `[!a-z_]` of a pattern.
private struct BracketSet {
  private var ranges: [ClosedRange<UInt8>] = []
  private let isNegated: Bool
  /// The position after the closing bracket.
  let end: Int

  /// Nil if no bracket closes it. A leading closing bracket is a member, as in `[]a]`.
  init?(_ pattern: [UInt8], from start: Int) {
    var at = start + 1
    guard at < pattern.count else { return nil }
    isNegated = [UInt8(ascii: "!"), UInt8(ascii: "^")].contains(pattern[at])
    if isNegated { at += 1 }
    let first = at
    while at < pattern.count, pattern[at] != UInt8(ascii: "]") || at == first {
      let low = pattern[at]
      if at + 2 < pattern.count, pattern[at + 1] == UInt8(ascii: "-"),
        pattern[at + 2] != UInt8(ascii: "]")
      {
        if low <= pattern[at + 2] { ranges.append(low...pattern[at + 2]) }
        at += 3
      } else {
        ranges.append(low...low)
        at += 1
      }
    }
    guard at < pattern.count else { return nil }
    end = at + 1
  }

  func contains(_ byte: UInt8) -> Bool {
    ranges.contains { $0.contains(byte) } != isNegated
  }
}
