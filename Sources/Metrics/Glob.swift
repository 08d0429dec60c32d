/// A pattern of names by the rules of fnmatch(3) without flags, in bytes: `*` stands for any text, `?` for
/// one byte, `[a-z]` for one of some bytes, `[!a-z]` for another one, `[[:digit:]]` for a class of ASCII,
/// `\*` for a star itself.
///
/// The time of a match is bounded by the product of both lengths. An unclosed bracket stands for itself.
public struct Glob: Sendable, Hashable {
  private let pattern: [UInt8]

  public init(_ pattern: String) { self.pattern = Array(pattern.utf8) }

  /// Whether the whole name matches.
  public func matches(_ name: String) -> Bool {
    Self.matches(name.utf8Span.span, pattern.span)
  }

  fileprivate static func matches(_ name: Span<UInt8>, _ pattern: Span<UInt8>) -> Bool {
    var (at, wanted) = (0, 0)
    // The position of the last star, and the end of the text that it has matched so far.
    var (star, taken) = (-1, 0)
    while at < name.count {
      if wanted < pattern.count, pattern[wanted] == UInt8(ascii: "*") {
        (star, taken) = (wanted, at)
        wanted += 1
      } else if let end = one(name[at], of: pattern, from: wanted) {
        at += 1
        wanted = end
      } else if star >= 0 {
        taken += 1
        (at, wanted) = (taken, star + 1)
      } else {
        return false
      }
    }
    while wanted < pattern.count, pattern[wanted] == UInt8(ascii: "*") { wanted += 1 }
    return wanted == pattern.count
  }

  /// The position in the pattern after the part for one byte; nil if that part does not match this
  /// byte.
  private static func one(_ byte: UInt8, of pattern: Span<UInt8>, from start: Int) -> Int? {
    guard start < pattern.count else { return nil }
    switch pattern[start] {
    case UInt8(ascii: "?"): return start + 1
    case UInt8(ascii: "\\"):
      guard start + 1 < pattern.count else { return nil }
      return pattern[start + 1] == byte ? start + 2 : nil
    case UInt8(ascii: "["):
      guard let set = BracketSet(pattern, from: start) else { break }
      return set.contains(byte) ? set.end : nil
    default: break
    }
    return pattern[start] == byte ? start + 1 : nil
  }
}

/// Whether a name matches one of the patterns.
public func matches(_ name: String, anyOf patterns: [String]) -> Bool {
  patterns.contains { Glob.matches(name.utf8Span.span, $0.utf8Span.span) }
}

/// `[a-z_]` or `[!a-z_]` of a pattern.
private struct BracketSet {
  private var ranges: [ClosedRange<UInt8>] = []
  private let isNegated: Bool
  /// The position after the closing bracket.
  let end: Int

  /// Nil if no bracket closes it. A leading closing bracket is a member, as in `[]a]`.
  init?(_ pattern: Span<UInt8>, from start: Int) {
    var at = start + 1
    guard at < pattern.count else { return nil }
    isNegated = [UInt8(ascii: "!"), UInt8(ascii: "^")].contains(pattern[at])
    if isNegated { at += 1 }
    let first = at
    // A member, which a backslash may quote.
    func member() -> UInt8? {
      if at < pattern.count, pattern[at] == UInt8(ascii: "\\") { at += 1 }
      guard at < pattern.count else { return nil }
      at += 1
      return pattern[at - 1]
    }
    while at < pattern.count, pattern[at] != UInt8(ascii: "]") || at == first {
      if let (members, next) = Self.characterClass(pattern, at) {
        ranges += members
        at = next
        continue
      }
      guard let low = member() else { return nil }
      if at + 1 < pattern.count, pattern[at] == UInt8(ascii: "-"),
        pattern[at + 1] != UInt8(ascii: "]")
      {
        at += 1
        guard let high = member() else { return nil }
        if low <= high { ranges.append(low...high) }
      } else {
        ranges.append(low...low)
      }
    }
    guard at < pattern.count else { return nil }
    end = at + 1
  }

  /// The class at this position, such as `[:digit:]`, and the position after it; nil if there is none.
  private static func characterClass(
    _ pattern: Span<UInt8>, _ at: Int
  ) -> (members: [ClosedRange<UInt8>], end: Int)? {
    func has(_ byte: Unicode.Scalar, at place: Int) -> Bool {
      place < pattern.count && pattern[place] == UInt8(ascii: byte)
    }
    guard has("[", at: at), has(":", at: at + 1) else { return nil }
    var (name, end) = ("", at + 2)
    while end < pattern.count, pattern[end] != UInt8(ascii: ":") {
      name.unicodeScalars.append(Unicode.Scalar(pattern[end]))
      end += 1
    }
    guard has("]", at: end + 1), let members = classes[name] else { return nil }
    return (members, end + 2)
  }

  private static let classes: [String: [ClosedRange<UInt8>]] = [
    "alnum": [48...57, 65...90, 97...122], "alpha": [65...90, 97...122], "blank": [9...9, 32...32],
    "cntrl": [0...31, 127...127], "digit": [48...57], "graph": [33...126], "lower": [97...122],
    "print": [32...126], "punct": [33...47, 58...64, 91...96, 123...126],
    "space": [9...13, 32...32], "upper": [65...90], "xdigit": [48...57, 65...70, 97...102],
  ]

  func contains(_ byte: UInt8) -> Bool {
    ranges.contains { $0.contains(byte) } != isNegated
  }
}
