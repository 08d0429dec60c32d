internal import Metrics

/// The line of an error in a form for terminals, and the part to underline.
public struct Excerpt: Sendable, Equatable {
  /// The line with control characters made visible and secrets replaced by dots.
  public let text: String
  /// Columns before the underline.
  public let indent: Int
  /// Columns to underline.
  public let width: Int
}

extension Source {
  /// The limit of an excerpt's width; a longer line is cut around the place.
  static let excerptWidth = 100

  func excerpt(line: Int, column: Int, length: Int) -> Excerpt? {
    let bytes = self.line(line)
    guard bytes.count <= Source.legibleLine else { return nil }
    let characters = Array(String(decoding: bytes, as: UTF8.self))
    let covered = cover(characters, line: line)
    // The terminal text of each character; a hidden run becomes one row of dots.
    var shown: [String] = []
    for (index, character) in characters.enumerated() {
      if !covered[index] {
        shown.append(String(character).visible)
      } else {
        shown.append(index == 0 || !covered[index - 1] ? "•••" : "")
      }
    }
    let start = min(max(column - 1, 0), characters.count)
    let stop = min(start + max(length, 1), characters.count)
    var first = 0
    var last = shown.count
    if shown.count > Source.excerptWidth {
      first = max(0, start - Source.excerptWidth / 2)
      last = min(shown.count, first + Source.excerptWidth)
    }
    let lead = first > 0 ? "…" : ""
    let indent = lead.count + shown[first..<start].reduce(0) { $0 + $1.count }
    let width =
      covered[safely: start] && start < stop
      ? 3 : shown[start..<min(max(stop, start), last)].reduce(0) { $0 + $1.count }
    let text = lead + shown[first..<last].joined() + (last < shown.count ? "…" : "")
    return Excerpt(
      text: text,
      indent: covered[safely: start] ? coverStart(shown, first, start) + lead.count : indent,
      width: max(1, width))
  }

  /// The start of the dots that stand for the character at `index`.
  private func coverStart(_ shown: [String], _ first: Int, _ index: Int) -> Int {
    var start = index
    while start > first, shown[start].isEmpty { start -= 1 }
    return shown[first..<start].reduce(0) { $0 + $1.count }
  }

  /// The characters of the line that belong to a secret.
  ///
  /// Works on the text, not on the tree: it also handles lines that are not valid YAML.
  private func cover(_ line: [Character], line number: Int) -> [Bool] {
    if continuesSecret(number) { return line.map { !$0.isWhitespace } }
    return SecretCover(line).covered
  }

  /// Whether the line belongs to a secret that began above it, as a block or a long quoted text.
  private func continuesSecret(_ number: Int) -> Bool {
    func indent(_ line: ArraySlice<UInt8>) -> Int? {
      line.firstIndex { $0 != UInt8(ascii: " ") }.map { $0 - line.startIndex }
    }
    guard var least = indent(line(number)) else { return false }
    var above = number - 1
    while above > 0, least > 0, number - above <= 64 {
      let text = line(above)
      above -= 1
      guard text.count <= Source.legibleLine, let depth = indent(text), depth < least else {
        continue
      }
      least = depth
      if SecretCover(Array(String(decoding: text, as: UTF8.self))).isOpen { return true }
    }
    return false
  }
}

extension [Bool] {
  fileprivate subscript(safely index: Int) -> Bool { indices.contains(index) && self[index] }
}

/// Finds the values of `password:`, `token=` and similar keys, and the user part of URLs.
struct SecretCover {
  private(set) var covered: [Bool]
  /// Whether the last key of the line is a secret whose value may continue below.
  private(set) var isOpen = false

  static let words = [
    "pass", "secret", "token", "apikey", "api_key", "community", "credential", "pwd", "auth",
  ]

  init(_ line: [Character]) {
    covered = Array(repeating: false, count: line.count)
    var flow = 0
    var index = 0
    while index < line.count {
      let character = line[index]
      if character == "{" || character == "[" { flow += 1 }
      if character == "}" || character == "]" { flow -= 1 }
      if character == ":" || character == "=", Self.namesSecret(line[..<index]) {
        index = cover(line, from: index + 1, inFlow: flow > 0, isYAML: character == ":")
        continue
      }
      index += 1
    }
    coverLogins(line)
  }

  /// Hides the value that begins at or after `start` and returns its end.
  private mutating func cover(_ line: [Character], from start: Int, inFlow: Bool, isYAML: Bool)
    -> Int
  {
    var begin = start
    while begin < line.count, line[begin].isWhitespace { begin += 1 }
    guard begin < line.count else {
      isOpen = true
      return begin
    }
    var end = begin
    let quote = line[begin]
    if isYAML, quote == "\"" || quote == "'" {
      end = Self.closing(line, from: begin)
      isOpen = end > line.count
      end = min(end, line.count)
    } else if isYAML, inFlow {
      while end < line.count, !",]}".contains(line[end]) { end += 1 }
      isOpen = end == line.count
    } else {
      // Parts of `name=value` may be quoted, so only the end of the line is surely its end.
      end = line.count
      isOpen = true
    }
    let value = String(line[begin..<end]).drop { $0 == "\"" || $0 == "'" }
    if ["${", "file:", "credential:"].contains(where: { value.hasPrefix($0) }) {
      isOpen = false
      return end
    }
    for index in begin..<end { covered[index] = true }
    return end
  }

  /// The index after the quote that closes the one at `start`, or beyond the line if none does.
  private static func closing(_ line: [Character], from start: Int) -> Int {
    let quote = line[start]
    var index = start + 1
    while index < line.count {
      if line[index] == "\\", quote == "\"" {
        index += 2
      } else if line[index] != quote {
        index += 1
      } else if quote == "'", index + 1 < line.count, line[index + 1] == quote {
        // Two single quotes are one literal quote.
        index += 2
      } else {
        return index + 1
      }
    }
    return line.count + 1
  }

  private static func namesSecret(_ before: ArraySlice<Character>) -> Bool {
    let unquoted = before.reversed().drop { $0 == "\"" || $0 == "'" || $0 == " " }
    let name = unquoted.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" }
    let word = String(name.reversed()).lowercased()
    return words.contains { word.contains($0) }
  }

  /// Hides the part of `https://user:password@host` before the `@`.
  private mutating func coverLogins(_ line: [Character]) {
    var index = 0
    while index + 2 < line.count {
      guard line[index] == ":", line[index + 1] == "/", line[index + 2] == "/" else {
        index += 1
        continue
      }
      index += 3
      let rest = line[index...].prefix { !$0.isWhitespace && !"/\"'".contains($0) }
      if let at = rest.lastIndex(of: "@") {
        for position in index..<at { covered[position] = true }
      }
    }
  }
}
