/// Whether a name matches one of an option's patterns, in which `*` stands for any text and `?` for
/// one byte. Time is bounded by the product of their lengths.
public func matches(_ name: String, anyOf patterns: [String]) -> Bool {
  patterns.contains { matches(Array(name.utf8), pattern: Array($0.utf8)) }
}

private func matches(_ name: [UInt8], pattern: [UInt8]) -> Bool {
  var (at, wanted) = (0, 0)
  // Where the last star stood, and how much of the name it has taken so far.
  var (star, taken) = (-1, 0)
  while at < name.count {
    if wanted < pattern.count, pattern[wanted] == UInt8(ascii: "*") {
      (star, taken) = (wanted, at)
      wanted += 1
    } else if wanted < pattern.count, [name[at], UInt8(ascii: "?")].contains(pattern[wanted]) {
      at += 1
      wanted += 1
    } else if star >= 0 {
      taken += 1
      (at, wanted) = (taken, star + 1)
    } else {
      return false
    }
  }
  return pattern[wanted...].allSatisfy { $0 == UInt8(ascii: "*") }
}
