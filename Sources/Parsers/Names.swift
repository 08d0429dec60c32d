/// Fixed names, found by the bytes of a word without making text of it.
///
/// The files of /proc have hundreds of names, of which a collector wants a few dozen. Making a
/// `String` of each and hashing it costs more than the rest of the parsing.
public struct Names: Sendable {
  /// The names, in the order in which they were given; of a repeated one the first counts.
  public let all: [String]
  /// The index of a name plus one, or zero, by the hash of its bytes.
  private var buckets: [UInt16]
  /// The names one after the other, and where each ends.
  private var text: [UInt8] = []
  private var ends: [Int] = []

  /// At most 10,000 names, each of at least one byte: they are written in our own code.
  public init(_ names: [String]) {
    precondition(names.count <= 10_000 && !names.contains(""))
    all = names
    var size = 16
    while size < names.count * 4 { size *= 2 }
    buckets = Array(repeating: 0, count: size)
    for (index, name) in names.enumerated() {
      text += name.utf8
      ends.append(text.count)
      var bucket = Self.hash(name.utf8Span.span) & (size - 1)
      while buckets[bucket] != 0 { bucket = (bucket &+ 1) & (size - 1) }
      buckets[bucket] = UInt16(index + 1)
    }
  }

  /// The index of the name with these bytes, or nil if it is none of them.
  public func index(of word: Span<UInt8>) -> Int? {
    guard word.count > 0 else { return nil }
    let mask = buckets.count &- 1
    var bucket = Self.hash(word) & mask
    while buckets[bucket] != 0 {
      let index = Int(buckets[bucket]) &- 1
      if isName(index, word) { return index }
      bucket = (bucket &+ 1) & mask
    }
    return nil
  }

  private func isName(_ index: Int, _ word: Span<UInt8>) -> Bool {
    let start = index > 0 ? ends[index &- 1] : 0
    guard ends[index] &- start == word.count else { return false }
    for position in word.indices where text[start &+ position] != word[position] { return false }
    return true
  }

  /// The length and four of the bytes tell most names apart; the table is four times too large, so
  /// that a word that is no name mostly ends at an empty place.
  private static func hash(_ word: Span<UInt8>) -> Int {
    let count = word.count
    var hash = UInt(count)
    func mix(_ position: Int) {
      hash = (hash ^ UInt(word[position])) &* 0x9E37_79B9_7F4A_7C15
    }
    mix(0)
    mix(count / 3)
    mix(count &* 2 / 3)
    mix(count &- 1)
    return Int(truncatingIfNeeded: hash >> 40)
  }
}
