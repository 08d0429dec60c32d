/// What looks like another kind of regular expression and is plain text in OSRegex.
enum OSRegexLook {
  /// The first such place of a pattern that compiles.
  static func first(_ regex: ArraySlice<UInt8>) -> Oddity? {
    var index = regex.startIndex
    var isFirst = true
    var previous: UInt8 = 0
    while index < regex.endIndex {
      let byte = regex[index]
      let next = index + 1 < regex.endIndex ? regex[index + 1] : 0
      if byte == UInt8(ascii: "\\") {
        index += 2
        // A quantifier of the escape.
        if index < regex.endIndex, "+*".utf8.contains(regex[index]) { index += 1 }
        previous = UInt8(ascii: "\\")
        isFirst = false
        continue
      }
      let isLast = index + 1 == regex.endIndex || next == UInt8(ascii: "|")
      switch byte {
      case UInt8(ascii: "|"):
        isFirst = true
        previous = 0
        index += 1
        continue
      case UInt8(ascii: "^") where !isFirst:
        return Oddity(
          "\"^\" is plain text here", "only the first of a branch is an anchor", at: regex)
      case UInt8(ascii: "$") where !isLast:
        return Oddity("\"$\" is plain text here", "write \\$, or put it at the end", at: regex)
      case UInt8(ascii: ".") where next == UInt8(ascii: "*") || next == UInt8(ascii: "+"):
        return Oddity(
          "\".\(shown(next))\" is plain text in OSRegex", "write \\.\(shown(next))", at: regex)
      case UInt8(ascii: "[") where isSet(regex[index...]):
        return Oddity("\"[…]\" is plain text in OSRegex", "write \\d, \\w, \\s or \\.", at: regex)
      case UInt8(ascii: "+"), UInt8(ascii: "*"), UInt8(ascii: "?"):
        if isLetter(previous) || previous == UInt8(ascii: ")") {
          return Oddity(
            "\"\(shown(byte))\" is plain text here: only escapes repeat", at: regex)
        }
      case UInt8(ascii: "(") where previous == UInt8(ascii: "(") || previous == UInt8(ascii: ")"),
        UInt8(ascii: ")") where previous == UInt8(ascii: "("):
        return Oddity(
          "two parentheses side by side: OSRegex takes the second for the text \"(\"", at: regex)
      case 0x80...:
        return Oddity("a letter that is not ASCII never matches in OSRegex", at: regex)
      default: break
      }
      previous = byte
      isFirst = false
      index += 1
    }
    return nil
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20)
  }

  /// Whether it reads like a set of characters: `[a-z]`, `[^#]`, `[0-9]+`.
  private static func isSet(_ text: ArraySlice<UInt8>) -> Bool {
    guard let end = text.dropFirst().firstIndex(of: UInt8(ascii: "]")) else { return false }
    let inner = text[(text.startIndex + 1)..<end]
    let next = end + 1 < text.endIndex ? text[end + 1] : 0
    return inner.first == UInt8(ascii: "^")
      || inner.dropFirst().dropLast().contains(UInt8(ascii: "-"))
      || "+*".utf8.contains(next)
  }
}
