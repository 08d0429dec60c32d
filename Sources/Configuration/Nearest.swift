/// The candidate nearest to the word, or nil if none is near.
///
/// Damerau-Levenshtein distance (two swapped neighbours count once): at most one edit in a word of
/// up to four letters, two in up to eight, three in longer ones. Case is ignored.
public func nearest(
  to word: String, among candidates: some Sequence<String>, slips: Int? = nil
) -> String? {
  let wanted = Array(word.lowercased().unicodeScalars.prefix(64))
  guard !wanted.isEmpty else { return nil }
  var best: (word: String, distance: Int)?
  for candidate in candidates {
    let letters = Array(candidate.lowercased().unicodeScalars.prefix(64))
    let longer = max(wanted.count, letters.count)
    let allowed = min(slips ?? (longer <= 4 ? 1 : longer <= 8 ? 2 : 3), (best?.distance ?? 99) - 1)
    guard allowed >= 0, abs(wanted.count - letters.count) <= allowed else { continue }
    let slipped = distance(from: wanted, to: letters)
    // "tcp" is not a typo of "ssh": at least one letter of a short word must match.
    if slipped <= allowed, slipped < min(wanted.count, letters.count) {
      best = (candidate, slipped)
    }
  }
  return best?.word
}

/// `did you mean "http"?`, or nil if no candidate is near.
public func didYouMean(_ word: String, among candidates: some Sequence<String>) -> String? {
  nearest(to: word, among: candidates).map { "did you mean \"\($0)\"?" }
}

/// The number of insertions, deletions, replacements and swaps of neighbours between both.
private func distance(from left: [Unicode.Scalar], to right: [Unicode.Scalar]) -> Int {
  var older: [Int] = []
  var previous = Array(0...right.count)
  for row in 0..<left.count {
    var current = [row + 1]
    for column in 0..<right.count {
      var least = min(previous[column + 1] + 1, current[column] + 1)
      least = min(least, previous[column] + (left[row] == right[column] ? 0 : 1))
      if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
        least = min(least, older[column - 1] + 1)
      }
      current.append(least)
    }
    older = previous
    previous = current
  }
  return previous[right.count]
}
