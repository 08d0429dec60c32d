/// The alternatives of a regular expression.
enum Branches {
  private struct Branch {
    var text: ArraySlice<UInt8>
    var literal: [UInt8]
    var atStart: Bool
    var atEnd: Bool
  }

  /// A branch that another hides: whatever it matches, the other matches, too.
  static func shadowed(_ regex: ArraySlice<UInt8>, isPCRE: Bool) -> Oddity? {
    guard regex.contains(UInt8(ascii: "|")), !regex.contains(UInt8(ascii: "(")) || !isPCRE else {
      return nil
    }
    let texts = parts(regex)
    guard texts.count > 1 else { return nil }
    for (index, text) in texts.enumerated() where text.isEmpty {
      return Oddity(
        "branch \(index + 1) is empty and matches every line: the others do not count", at: regex)
    }
    for (later, text) in texts.enumerated() {
      for (earlier, other) in texts.enumerated() where earlier != later {
        let isSame = text.elementsEqual(other)
        if isSame, earlier > later { continue }
        guard isSame || covers(other, text, isPCRE) else { continue }
        // Of two that hide each other the later one is named.
        if !isSame, earlier > later, covers(text, other, isPCRE) { continue }
        return Oddity(
          "the branch \"\(clipped(text))\" is hidden by \"\(clipped(other))\"", at: regex)
      }
    }
    return nil
  }

  /// The branches outside groups.
  private static func parts(_ regex: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    var parts: [ArraySlice<UInt8>] = []
    var start = regex.startIndex
    var index = regex.startIndex
    var depth = 0
    while index < regex.endIndex {
      switch regex[index] {
      case UInt8(ascii: "\\"): index += 1
      case UInt8(ascii: "("): depth += 1
      case UInt8(ascii: ")"): depth -= 1
      case UInt8(ascii: "|") where depth == 0:
        parts.append(regex[start..<index])
        start = index + 1
      default: break
      }
      index += 1
    }
    parts.append(regex[min(start, regex.endIndex)...])
    return parts
  }

  /// A branch of plain letters, or nil.
  private static func plain(_ text: ArraySlice<UInt8>, _ isPCRE: Bool) -> Branch? {
    var rest = text
    let atStart = rest.first == UInt8(ascii: "^")
    if atStart { rest = rest.dropFirst() }
    let atEnd = rest.last == UInt8(ascii: "$")
    if atEnd { rest = rest.dropLast() }
    let isPlain = rest.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
      default: " _-/=:,@#%&<>~;\"'".utf8.contains(byte)
      }
    }
    guard isPlain, !rest.isEmpty else { return nil }
    return Branch(text: text, literal: rest.map(folded), atStart: atStart, atEnd: atEnd)
  }

  /// Whether the first matches wherever the second does.
  static func covers(
    _ first: ArraySlice<UInt8>, _ second: ArraySlice<UInt8>, _ isPCRE: Bool
  ) -> Bool {
    if isBeginning(first, of: second) { return true }
    guard let wide = plain(first, isPCRE), let narrow = plain(second, isPCRE) else { return false }
    // PCRE2 of Wazuh 4 minds case.
    if isPCRE, !first.contains(where: { $0 >= 0x80 }), wide.literal != narrow.literal {
      let left = first.filter { !"^$".utf8.contains($0) }
      let right = second.filter { !"^$".utf8.contains($0) }
      guard right.firstRange(of: Array(left)) != nil else { return false }
    }
    switch (wide.atStart, wide.atEnd) {
    case (false, false): return narrow.literal.firstRange(of: wide.literal) != nil
    case (true, false): return narrow.atStart && narrow.literal.starts(with: wide.literal)
    case (false, true):
      return narrow.atEnd && narrow.literal.suffix(wide.literal.count).elementsEqual(wide.literal)
    case (true, true): return narrow.atStart && narrow.atEnd && narrow.literal == wide.literal
    }
  }
}

extension Branches {
  /// Whether the second is the first and something behind it.
  private static func isBeginning(
    _ first: ArraySlice<UInt8>, of second: ArraySlice<UInt8>
  ) -> Bool {
    guard !first.isEmpty, first.count < second.count, second.starts(with: first),
      first.last != UInt8(ascii: "$"), let next = second.dropFirst(first.count).first,
      !"+*?{".utf8.contains(next)
    else { return false }
    var depth = 0
    var isEscaped = false
    for byte in first {
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if "([".utf8.contains(byte) {
        depth += 1
      } else if ")]".utf8.contains(byte) {
        depth -= 1
      }
    }
    return !isEscaped && depth == 0
  }
}

/// The numbers that the first group of a pattern can capture.
struct CaptureRange {
  private var least = Int64.min
  private var most = Int64.max

  init(_ regex: ArraySlice<UInt8>) {
    guard let open = regex.firstIndex(of: UInt8(ascii: "(")),
      let close = regex[open...].firstIndex(of: UInt8(ascii: ")"))
    else { return }
    let inner = regex[(open + 1)..<close]
    for form in ["\\d+", "\\d*", "[0-9]+", "[0-9]*"] where inner.elementsEqual(form.utf8) {
      least = 0
    }
    let digits = inner.count / 2
    if !inner.isEmpty, digits <= 15,
      inner.elementsEqual(String(repeating: "\\d", count: digits).utf8)
    {
      least = 0
      most = (0..<digits).reduce(Int64(1)) { value, _ in value * 10 } - 1
    }
  }

  var words: String {
    most == .max ? "no number below \(least)" : "numbers from \(least) to \(most)"
  }

  func canHold(_ comparison: Comparison) -> Bool {
    switch comparison.operation {
    case .less: least < comparison.value
    case .lessOrEqual: least <= comparison.value
    case .equal: least <= comparison.value && comparison.value <= most
    case .notEqual: least != most || least != comparison.value
    case .greaterOrEqual: most >= comparison.value
    case .greater: most > comparison.value
    }
  }

  func canFail(_ comparison: Comparison) -> Bool {
    switch comparison.operation {
    case .less: most >= comparison.value
    case .lessOrEqual: most > comparison.value
    case .equal: least != most || least != comparison.value
    case .notEqual: least <= comparison.value && comparison.value <= most
    case .greaterOrEqual: least < comparison.value
    case .greater: least <= comparison.value
    }
  }

  /// Whether no number satisfies all comparisons.
  static func excludes(_ comparisons: [Comparison]) -> Bool {
    var candidates: [Int64] = []
    for comparison in comparisons {
      candidates += [comparison.value, comparison.value &- 1, comparison.value &+ 1]
    }
    return !candidates.contains { candidate in comparisons.allSatisfy { $0.holds(for: candidate) } }
  }
}
