extension Collection<UInt8> where SubSequence: Collection<UInt8> {
  /// The range of the first occurrence of a text that is not empty.
  func firstRange(of wanted: [UInt8]) -> Range<Index>? {
    guard let first = wanted.first else { return nil }
    var start = startIndex
    while let hit = self[start...].firstIndex(of: first) {
      if self[hit...].starts(with: wanted) {
        return hit..<index(hit, offsetBy: wanted.count)
      }
      start = index(after: hit)
    }
    return nil
  }
}

extension ArraySlice<UInt8> {
  /// The parts between the separators, in order, also those that are empty.
  func parts(separatedBy separator: [UInt8]) -> [ArraySlice<UInt8>] {
    var parts: [ArraySlice<UInt8>] = []
    var rest = self
    while let range = rest.firstRange(of: separator) {
      parts.append(rest[..<range.lowerBound])
      rest = rest[range.upperBound...]
    }
    parts.append(rest)
    return parts
  }

  /// Without bytes of the set at its end.
  func dropping(atEnd bytes: UInt8...) -> ArraySlice<UInt8> {
    var rest = self
    while let last = rest.last, bytes.contains(last) { rest.removeLast() }
    return rest
  }

  /// Without bytes of the set at both ends.
  func trimming(_ bytes: UInt8...) -> ArraySlice<UInt8> {
    var rest = self
    while let last = rest.last, bytes.contains(last) { rest.removeLast() }
    while let first = rest.first, bytes.contains(first) { rest.removeFirst() }
    return rest
  }

  /// Up to the first NUL, as a text of C ends there.
  var untilNUL: ArraySlice<UInt8> { prefix { $0 != 0 } }
}

extension [UInt8] {
  /// All occurrences replaced, from left to right; what is put in is not looked at again.
  func replacing(_ name: [UInt8], with value: [UInt8]) -> [UInt8] {
    guard !name.isEmpty else { return self }
    var result: [UInt8] = []
    var rest = self[...]
    while let range = rest.firstRange(of: name) {
      result += rest[..<range.lowerBound]
      result += value
      rest = rest[range.upperBound...]
    }
    return result + rest
  }
}

let arrow: [UInt8] = Array(" -> ".utf8)
let conjunction: [UInt8] = Array(" && ".utf8)
let lineFeed = UInt8(ascii: "\n")
let carriageReturn = UInt8(ascii: "\r")
