/// How Wazuh cuts files and output into lines.
enum Lines {
  /// The longest line of a file under Wazuh 4: a longer one becomes several.
  static let fileLimit = 2047
  /// The number of pieces of a command's output under Wazuh 4; the last holds all the rest.
  static let pieces = 256

  /// The next line of a file under Wazuh 4: without what follows a NUL, and without CR and LF at its
  /// end. The text loses what was read; nil at its end.
  static func nextOfFile(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    guard !rest.isEmpty else { return nil }
    let chunk = rest.prefix(fileLimit)
    let end = chunk.firstIndex(of: lineFeed).map { $0 + 1 } ?? chunk.endIndex
    let line = rest[rest.startIndex..<end]
    rest = rest[end...]
    return line.untilNUL.dropping(atEnd: lineFeed, carriageReturn)
  }

  /// The pieces of a command's output under Wazuh 4.
  static func ofOutput(_ output: some Collection<UInt8>) -> [ArraySlice<UInt8>] {
    let text = Array(output)[...].untilNUL
    var lines: [ArraySlice<UInt8>] = []
    var start = text.startIndex
    // What the piece holds before `start`, where an end of line in it was escaped.
    var joined: [UInt8] = []
    var place = text.startIndex
    while let end = text[place...].firstIndex(of: lineFeed) {
      place = end + 1
      if end > start, text[end - 1] == UInt8(ascii: "\\") {
        // The backslash goes, and the piece goes on.
        joined += text[start..<(end - 1)]
        joined.append(lineFeed)
        start = place
      } else if lines.count < pieces - 1 {
        lines.append(joined.isEmpty ? text[start..<end] : (joined + text[start..<end])[...])
        joined = []
        start = place
      }
    }
    lines.append(joined.isEmpty ? text[start...] : (joined + text[start...])[...])
    return lines.map { $0.dropping(atEnd: lineFeed, carriageReturn) }
  }

  /// The lines under Wazuh 5: cut at LF, nothing else removed; no line behind the last LF.
  static func nextOfFive(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    guard !rest.isEmpty else { return nil }
    let end = rest.firstIndex(of: lineFeed) ?? rest.endIndex
    let line = rest[rest.startIndex..<end]
    rest = end < rest.endIndex ? rest[(end + 1)...] : rest[end...]
    return line
  }

  /// The words of a command: Wazuh starts it without a shell.
  static func words(_ command: some Collection<UInt8>) -> [[UInt8]] {
    var words: [[UInt8]] = []
    var word: [UInt8]?
    var isQuoted = false
    var isEscaped = false
    for byte in command {
      if isEscaped {
        word = (word ?? []) + [byte]
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == UInt8(ascii: "\"") {
        isQuoted.toggle()
        word = word ?? []
      } else if byte == UInt8(ascii: " ") && !isQuoted {
        if let done = word { words.append(done) }
        word = nil
      } else {
        word = (word ?? []) + [byte]
      }
    }
    if let word { words.append(word) }
    return words
  }
}
