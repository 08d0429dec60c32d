/// OSRegex, the regular expressions of OSSEC and Wazuh 4, with the answers of the original.
///
/// It is no regular-expression engine in the usual sense: only escapes repeat, the machine leaves a
/// repetition at the first chance, keeps at most four places to return to, and captures differ from
/// those of other engines. Shipped policies depend on it. Source: measurements of Wazuh 4.14.
struct OSRegex: Sendable {
  /// Why a pattern is refused, and the byte where.
  struct Fault: Error, Equatable {
    var text: String
    var offset: Int
  }

  /// The limit of a pattern in bytes.
  static let patternLimit = 20_480
  /// The limit of steps for one subject.
  static let stepLimit = 4_000_000

  private let alternatives: [Alternative]

  init(_ pattern: some Collection<UInt8>) throws(Fault) {
    let pattern = Array(pattern)
    guard pattern.count <= Self.patternLimit else {
      throw Fault(text: "longer than \(Self.patternLimit) bytes", offset: Self.patternLimit)
    }
    var alternatives: [Alternative] = []
    var current = Alternative()
    var opened: Int?
    var start = 0
    var index = 0
    func finish(_ end: Int, _ alternative: inout Alternative) {
      // Of a part of the pattern, the last "$" is an anchor, and so is the first "^".
      if start < end, pattern[start] == UInt8(ascii: "^") {
        alternative.tokens.removeFirst()
        alternative.isAnchoredAtStart = true
      }
      if let last = alternative.tokens.last, last == .literal(UInt8(ascii: "$")) {
        alternative.tokens.removeLast()
        alternative.isAnchoredAtEnd = true
      }
      alternative.hasGroups = alternative.tokens.contains(.parenthesis)
      alternatives.append(alternative)
      alternative = Alternative()
    }
    while index < pattern.count {
      let byte = pattern[index]
      switch byte {
      case UInt8(ascii: "\\"):
        guard index + 1 < pattern.count else {
          throw Fault(text: "ends with a single \"\\\"", offset: index)
        }
        guard let kind = ByteClass(escape: pattern[index + 1]) else {
          throw Fault(
            text: "no such escape in OSRegex: \\\(shown(pattern[index + 1]))", offset: index)
        }
        var quantifier = Quantifier.none
        index += 1
        if index + 1 < pattern.count {
          switch pattern[index + 1] {
          case UInt8(ascii: "+"): quantifier = .oneOrMore
          case UInt8(ascii: "*"): quantifier = .any
          default: break
          }
          if quantifier != .none { index += 1 }
        }
        current.tokens.append(.set(kind, quantifier))
      case UInt8(ascii: "("):
        guard opened == nil else { throw Fault(text: "a group within a group", offset: index) }
        opened = index
        current.tokens.append(.parenthesis)
      case UInt8(ascii: ")"):
        guard opened != nil else { throw Fault(text: "a \")\" without its \"(\"", offset: index) }
        opened = nil
        current.tokens.append(.parenthesis)
      case UInt8(ascii: "|"):
        guard opened == nil else { throw Fault(text: "a \"|\" within a group", offset: index) }
        finish(index, &current)
        start = index + 1
      default:
        current.tokens.append(.literal(folded(byte)))
      }
      index += 1
    }
    if let opened { throw Fault(text: "a \"(\" without its \")\"", offset: opened) }
    finish(pattern.count, &current)
    self.alternatives = alternatives
  }

  /// What a match captured, in order; nil without a match.
  ///
  /// - Parameter capturing: false as for the names of a folder's files; it can change the answer.
  func match(
    _ subject: ArraySlice<UInt8>, capturing: Bool = true
  ) throws(TooComplex) -> [ArraySlice<UInt8>]? {
    var steps = Self.stepLimit
    for alternative in alternatives {
      var machine = Machine(alternative, subject, capturing: capturing)
      guard try machine.run(&steps) else { continue }
      return machine.captures()
    }
    return nil
  }
}

extension OSRegex {
  /// Globs that let through what it matches, and more: its literals, in their order. All of them are
  /// matched, but one behind a class at the end.
  var globs: [String]? {
    var globs: [String] = []
    for alternative in alternatives {
      var tokens = alternative.tokens[...]
      var glob = alternative.isAnchoredAtStart ? "" : "*"
      var isOpenAtEnd = !alternative.isAnchoredAtEnd
      if tokens.count > 1, case .literal = tokens[tokens.endIndex - 1],
        case .set(_, .none) = tokens[tokens.endIndex - 2]
      {
        tokens.removeLast()
        isOpenAtEnd = true
      }
      for token in tokens {
        switch token {
        case .literal(let byte):
          guard let text = NameFilter.literal(byte, foldingCase: true) else { return nil }
          glob += text
        case .set: if glob.last != "*" { glob += "*" }
        // Only one parenthesis is skipped; a further one is a literal that no such name has.
        case .parenthesis: if glob.last != "*" { glob += "*" }
        }
      }
      if isOpenAtEnd, glob.last != "*" { glob += "*" }
      globs.append(glob)
    }
    return globs
  }
}

/// A match that takes more steps than its limit.
struct TooComplex: Error {}

private enum Quantifier: Sendable { case none, oneOrMore, any }

private enum Token: Sendable, Equatable {
  case literal(UInt8)
  case set(ByteClass, Quantifier)
  case parenthesis

  /// Whether it takes a single byte of the pattern's text.
  var isOneByte: Bool {
    if case .set = self { false } else { true }
  }
}

private struct Alternative: Sendable {
  var tokens: [Token] = []
  var isAnchoredAtStart = false
  var isAnchoredAtEnd = false
  var hasGroups = false
}

/// The bytes that an escape accepts.
private enum ByteClass: Sendable, Equatable {
  case digit, word, space, tab, punctuation, every
  case notDigit, notWord, notSpace
  case byte(UInt8)

  init?(escape: UInt8) {
    switch escape {
    case UInt8(ascii: "d"): self = .digit
    case UInt8(ascii: "w"): self = .word
    case UInt8(ascii: "s"): self = .space
    case UInt8(ascii: "t"): self = .tab
    case UInt8(ascii: "p"): self = .punctuation
    case UInt8(ascii: "."): self = .every
    case UInt8(ascii: "D"): self = .notDigit
    case UInt8(ascii: "W"): self = .notWord
    case UInt8(ascii: "S"): self = .notSpace
    case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "\\"), UInt8(ascii: "$"),
      UInt8(ascii: "|"), UInt8(ascii: "<"):
      self = .byte(escape)
    default: return nil
    }
  }

  func accepts(_ byte: UInt8) -> Bool {
    switch self {
    case .digit: isDigit(byte)
    case .word: isWord(byte)
    case .space: byte == 0x20
    case .tab: byte == 0x09
    case .punctuation:
      switch byte {
      case 0x21...0x2e, 0x3a...0x3f, UInt8(ascii: "["), UInt8(ascii: "]"), 0x7b...0x7d: true
      default: false
      }
    case .every: true
    case .notDigit: !isDigit(byte)
    case .notWord: !isWord(byte)
    case .notSpace: byte != 0x20
    case .byte(let own): byte == own
    }
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

  private func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
    case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "@"): true
    default: false
    }
  }
}

/// One alternative at work on one subject.
private struct Machine {
  private let pattern: [Token]
  private let subject: ArraySlice<UInt8>
  private let isAnchoredAtStart: Bool
  private let isAnchoredAtEnd: Bool
  private let isCapturing: Bool

  /// The place in the pattern.
  private var p = 0
  /// The place in the subject, counted from its start.
  private var s = 0
  /// Whether the quantified class at `p` has matched before.
  private var isRepeating = false
  /// Where the search goes on after a failure.
  private var restart: Int?
  private var hasMatched = true
  /// Places to return to: at most four.
  private var slots: [(p: Int, s: Int)] = []
  private static let slotLimit = 4
  /// The recorded place of each parenthesis, by its place in the pattern.
  private var recorded: [Int?]

  init(_ alternative: Alternative, _ subject: ArraySlice<UInt8>, capturing: Bool) {
    pattern = alternative.tokens
    isAnchoredAtStart = alternative.isAnchoredAtStart
    isAnchoredAtEnd = alternative.isAnchoredAtEnd
    self.subject = subject
    isCapturing = capturing
    recorded = alternative.hasGroups ? Array(repeating: nil, count: pattern.count) : []
  }

  private func byte(_ place: Int) -> UInt8 { subject[subject.startIndex + place] }

  private func isParenthesis(_ place: Int) -> Bool {
    place < pattern.count && pattern[place] == .parenthesis
  }

  /// The captures of a match, or nil where the end of one lies before its start.
  func captures() -> [ArraySlice<UInt8>]? {
    var all: [ArraySlice<UInt8>] = []
    guard isCapturing, !recorded.isEmpty else { return all }
    let places = pattern.indices.filter { pattern[$0] == .parenthesis }
    for pair in stride(from: 0, to: places.count - 1, by: 2) {
      guard let start = recorded[places[pair]], let end = recorded[places[pair + 1]] else { break }
      guard start <= end else { return nil }
      let first = subject.startIndex + start
      all.append(subject[first..<(subject.startIndex + min(end, subject.count))])
    }
    return all
  }

  mutating func run(_ steps: inout Int) throws(TooComplex) -> Bool {
    if subject.isEmpty && pattern.isEmpty { return true }
    while s < subject.count {
      steps -= 1
      guard steps > 0 else { throw TooComplex() }
      // The pattern is used up, or a parenthesis stands here: only one is skipped.
      if p < pattern.count, pattern[p] == .parenthesis {
        recorded[p] = s
        p += 1
      }
      if p >= pattern.count {
        if !isAnchoredAtEnd { return true }
        guard retreat() else { return false }
        continue
      }
      let now = byte(s)
      switch pattern[p] {
      case .set(let kind, let quantifier):
        if kind.accepts(now) {
          if quantifier == .none {
            p += 1
            if restart == nil { restart = s }
            hasMatched = true
            s += 1
          } else {
            accept(now, quantifier)
          }
          continue
        }
        if isRepeating && hasMatched && isNearEnd {
          hasMatched = true
          if !isAnchoredAtEnd { return true }
          isRepeating = false
        } else if quantifier == .oneOrMore && isRepeating {
          p += 1
          isRepeating = false
          continue
        } else if quantifier == .any {
          p += 1
          isRepeating = false
          hasMatched = true
          continue
        } else {
          isRepeating = false
        }
      case .literal(let own):
        // A literal that is not ASCII never matches.
        if own < 0x80 && folded(now) == own {
          step()
          continue
        }
      case .parenthesis:
        if now == UInt8(ascii: "(") {
          step()
          continue
        }
      }
      guard retreat() else { return false }
    }
    return finish()
  }

  private mutating func step() {
    p += 1
    if restart == nil { restart = s }
    hasMatched = true
    s += 1
  }

  /// Whether the class at `p` is the last of the pattern, or one byte follows it.
  private var isNearEnd: Bool {
    guard case .set(_, let quantifier) = pattern[p] else { return false }
    let behind = pattern.count - p - 1
    if quantifier != .none { return behind == 0 }
    return behind == 0 || (behind == 1 && pattern[p + 1].isOneByte)
  }

  /// A quantified class accepts the byte.
  private mutating func accept(_ now: UInt8, _ quantifier: Quantifier) {
    let behind = p + 1
    if quantifier == .any { isRepeating = true }
    guard isRepeating else {
      if isCapturing, isParenthesis(behind) {
        recorded[behind] = s == subject.count - 1 ? s + 1 : s
      }
      isRepeating = true
      hasMatched = true
      s += 1
      return
    }
    // Leave the repetition if what follows accepts the byte, too.
    let skipped = isParenthesis(behind) ? behind : nil
    let next = skipped == nil ? behind : behind + 1
    var advance: Int?
    if next >= pattern.count {
      advance = 1
    } else {
      switch pattern[next] {
      case .set(let kind, let following):
        if kind.accepts(now) { advance = following == .none ? 2 : 0 }
      case .literal(let own):
        if own < 0x80 && folded(now) == own {
          isRepeating = false
          advance = 1
        }
      case .parenthesis:
        if now == UInt8(ascii: "(") {
          isRepeating = false
          advance = 1
        }
      }
    }
    guard let advance else {
      hasMatched = true
      s += 1
      return
    }
    if let skipped { recorded[skipped] = advance == 1 && isRepeating ? s + 1 : s }
    if next >= pattern.count {
      s += 1
      return
    }
    if slots.count < Self.slotLimit { slots.append((p, s)) }
    p = advance == 0 ? next : next + 1
    hasMatched = true
    s += 1
  }

  /// Goes on elsewhere after a failure; false if there is no place left.
  private mutating func retreat() -> Bool {
    if let slot = slots.popLast() {
      p = slot.p
      s = slot.s + 1
      return true
    }
    if isAnchoredAtStart { return false }
    if let restart { s = restart }
    restart = nil
    p = 0
    hasMatched = false
    s += 1
    return true
  }

  /// At the end of the subject: whether the rest of the pattern can be skipped.
  private mutating func finish() -> Bool {
    if isCapturing {
      var ahead = p
      while ahead < pattern.count, case .set(_, .any) = pattern[ahead] { ahead += 1 }
      if isParenthesis(ahead) {
        recorded[ahead] = s
        p = ahead
      }
    }
    guard hasMatched else { return false }
    if p >= pattern.count { return true }
    if isParenthesis(p) {
      p += 1
      if p >= pattern.count { return true }
    }
    if isRepeating, case .set = pattern[p] {
      p += 1
      if isParenthesis(p) { p += 1 }
      if p >= pattern.count { return true }
      if case .set(_, let quantifier) = pattern[p] {
        p += 1
        if quantifier == .any {
          if isParenthesis(p) { p += 1 }
          if p >= pattern.count { return true }
        }
        // A "+" stays, and nothing can follow it.
        if quantifier == .oneOrMore { return false }
      }
    }
    guard p < pattern.count, case .set(_, .any) = pattern[p] else { return false }
    p += 1
    if isParenthesis(p) { p += 1 }
    return p >= pattern.count
  }
}

/// The byte in lower case, as in the C locale.
func folded(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte }

/// The byte as a person reads it.
func shown(_ byte: UInt8) -> String {
  byte >= 0x20 && byte < 0x7f ? String(UnicodeScalar(byte)) : "x" + String(byte, radix: 16)
}
