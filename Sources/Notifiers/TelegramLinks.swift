/// Keeps Telegram from turning words into links.
///
/// Without a parse mode Telegram still looks for addresses, `@names` (whose owners it notifies),
/// `#tags`, `$TAGS` and `/commands`, and text from a host may hold any. It does not look inside
/// `code`.
enum TelegramLinks {
  /// The same words, with those that Telegram would link as code.
  static func inert(_ span: StyledText.Span) -> [StyledText.Span] {
    guard span.style == .plain, span.text.utf8.contains(where: { "@#$/.".utf8.contains($0) })
    else { return [span] }
    var spans: [StyledText.Span] = []
    var plain = ""
    for word in words(of: span.text) {
      let kept = trimmed(word)
      guard isLink(kept) else {
        plain += word
        continue
      }
      if !plain.isEmpty { spans.append(.init(plain)) }
      spans.append(.init(String(kept), .code))
      plain = String(word[kept.endIndex...])
    }
    if !plain.isEmpty { spans.append(.init(plain)) }
    return spans
  }

  /// Splits before and after each character that cannot be part of a link.
  private static func words(of text: String) -> [Substring] {
    var words: [Substring] = []
    var start = text.startIndex
    for index in text.indices
    where text[index].isWhitespace || "()<>[]{}\"'`,;|".contains(text[index]) {
      if start < index { words.append(text[start..<index]) }
      let next = text.index(after: index)
      words.append(text[index..<next])
      start = next
    }
    if start < text.endIndex { words.append(text[start...]) }
    return words
  }

  /// Without the punctuation that ends a sentence.
  private static func trimmed(_ word: Substring) -> Substring {
    var word = word
    while let last = word.last, ".:!?…".contains(last) { word.removeLast() }
    return word
  }

  private static func isLink(_ word: Substring) -> Bool {
    if word.contains("://") { return true }
    var before: Character?
    for (index, next) in zip(word.indices, word.dropFirst()) {
      let character = word[index]
      defer { before = character }
      switch character {
      case "@" where isPart(next): return true
      case "#"
      where word[index...].dropFirst().prefix(while: isPart).contains { !$0.isNumber }:
        return true
      case "$" where next.isLetter && next.isUppercase: return true
      case "/" where isPart(next) && !(before.map(isPart) ?? false): return true
      default: break
      }
    }
    // A link needs no blank before or after it.
    return word.split { !isPart($0) && !"-.~".contains($0) }.contains(where: isName)
  }

  private static func isPart(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || character == "_"
  }

  /// Whether the text holds letters or digits joined by dots, as in `evil.example` or `192.0.2.1`;
  /// `3.12` and `6.5.0-41` are numbers.
  private static func isName(_ run: Substring) -> Bool {
    let labels = run.split(separator: ".").filter { $0.contains(where: isPart) }
    guard labels.count > 1, let last = labels.last else { return false }
    if labels.count == 4, labels.allSatisfy({ $0.allSatisfy(\.isNumber) }) { return true }
    return last.lowercased().hasPrefix("xn--")
      || last.count > 1 && last.allSatisfy { $0.isLetter || $0 == "-" }
  }
}
