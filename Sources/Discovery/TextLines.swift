/// The lines of a text, each with its number and its words; a carriage return is a blank.
///
/// `comment` is the byte that begins a comment, or nil.
func textLines(_ bytes: [UInt8], comment: UInt8? = nil) -> [(number: Int, words: [String])] {
  var lines: [(number: Int, words: [String])] = []
  for (index, line) in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
    let text = comment.map { mark in line.prefix { $0 != mark } } ?? line
    let words = text.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }
      .map { String(decoding: $0, as: UTF8.self) }
    if !words.isEmpty { lines.append((index + 1, words)) }
  }
  return lines
}
