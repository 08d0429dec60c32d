/// OSMatch, the simple patterns of OSSEC: `|` for alternatives, `^` and `$` for the ends, a leading
/// `!` for "not". Case of ASCII letters is ignored. Wazuh 4 uses it for names in a folder.
struct OSMatch: Sendable {
  private struct Part: Sendable {
    var text: [UInt8]
    var atStart = false
    var atEnd = false
  }

  private let isNegated: Bool
  private let parts: [Part]

  init(_ pattern: some Collection<UInt8>) {
    var rest = Array(pattern)[...]
    isNegated = rest.first == UInt8(ascii: "!")
    if isNegated { rest = rest.dropFirst() }
    parts = rest.split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false).map {
      var part = Part(text: $0.map(folded))
      if part.text.first == UInt8(ascii: "^") {
        part.atStart = true
        part.text.removeFirst()
      }
      if part.text.last == UInt8(ascii: "$") {
        part.atEnd = true
        part.text.removeLast()
      }
      return part
    }
  }

  func matches(_ subject: some Collection<UInt8>) -> Bool {
    let text = subject.map(folded)
    return parts.contains { matches($0, text) } != isNegated
  }

  private func matches(_ part: Part, _ text: [UInt8]) -> Bool {
    switch (part.atStart, part.atEnd) {
    case (true, true): return text == part.text
    case (true, false): return text.starts(with: part.text)
    case (false, true): return text.suffix(part.text.count).elementsEqual(part.text)
    case (false, false):
      guard let first = part.text.first else { return true }
      // A byte that is not ASCII never matches here.
      guard part.text.allSatisfy({ $0 < 0x80 }), text.count >= part.text.count else { return false }
      for start in 0...(text.count - part.text.count) where text[start] == first {
        if text[start...].starts(with: part.text) { return true }
      }
      return false
    }
  }
}
