/// A text of a help page, in blocks.
enum Block: Equatable {
  case paragraph([String])
  /// Lines that stay as they are.
  case literal([String])

  /// Blank lines end a paragraph; indented lines are literal.
  static func blocks(_ text: String) -> [Block] {
    var blocks: [Block] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let line = String(line)
      let isLiteral = line.hasPrefix("  ")
      switch blocks.last {
      case _ where line.isEmpty:
        blocks.append(.paragraph([]))
      case .paragraph(let lines) where !isLiteral:
        blocks[blocks.count - 1] = .paragraph(lines + [line])
      case .literal(let lines) where isLiteral:
        blocks[blocks.count - 1] = .literal(lines + [line])
      default:
        blocks.append(isLiteral ? .literal([line]) : .paragraph([line]))
      }
    }
    return blocks.filter { $0 != .paragraph([]) }
  }
}

/// A piece of a line: plain text, or code between backticks.
enum Piece: Equatable {
  case text(String)
  case code(String)

  /// Takes Markdown apart; of a link only its text remains.
  static func pieces(_ text: String) -> [Piece] {
    let parts = text.split(separator: "`", omittingEmptySubsequences: false)
    // An odd number of backticks is plain text.
    guard parts.count % 2 == 1 else { return [.text(text)] }
    var pieces: [Piece] = []
    for (index, part) in parts.enumerated() where !part.isEmpty {
      pieces.append(index % 2 == 1 ? .code(String(part)) : .text(String(part)))
    }
    return unlinked(pieces)
  }

  /// `[`, text or code, `](page.md#anchor)` becomes the text or code.
  private static func unlinked(_ pieces: [Piece]) -> [Piece] {
    var result: [Piece] = []
    for (index, piece) in pieces.enumerated() {
      guard case .text(var text) = piece else {
        result.append(piece)
        continue
      }
      if index > 0, text.hasPrefix("]("), let end = text.firstIndex(of: ")") {
        text = String(text[text.index(after: end)...])
      }
      if index + 1 < pieces.count, text.hasSuffix("["),
        case .text(let next)? = pieces.dropFirst(index + 2).first,
        next.hasPrefix("](")
      {
        text.removeLast()
      }
      while let middle = text.firstRange(of: "]("),
        let start = text[..<middle.lowerBound].lastIndex(of: "["),
        let end = text[middle.upperBound...].firstIndex(of: ")")
      {
        let words = text[text.index(after: start)..<middle.lowerBound]
        text = String(text[..<start] + words + text[text.index(after: end)...])
      }
      if !text.isEmpty { result.append(.text(text)) }
    }
    return result
  }
}
