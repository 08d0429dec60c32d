/// Which files of a folder are read: glob(7) patterns for the host that leave out what no rule names.
///
/// They may let through more than the rules name, never less: the patterns of both engines are no globs.
/// What came although no rule names it is dropped at once (`Needs.reads`).
struct NameFilter: Sendable, Hashable {
  /// Names that fit one of `include` and none of `exclude`.
  struct Test: Sendable, Hashable {
    var include: [String]
    var exclude: [String] = []
  }

  /// A name is let through by one of these.
  private(set) var tests: [Test] = []
  /// Whether each pattern has its globs. Where one has none, all files are let through, and what the account
  /// may not read stays unread, as it may be of no rule.
  private(set) var isKnown = true

  private static let all = Test(include: ["*"])
  /// The limit of globs of one pattern.
  private static let limit = 32

  mutating func add(_ name: Rule.NameTest, _ text: ArraySlice<UInt8>) {
    let test: Test?
    switch name {
    // Wazuh 5 does not read it there.
    case .exact: test = Test(include: [])
    case .four(let regex, _): test = Self.four(regex, text)
    case .five(_, isNegated: true): test = nil
    case .five(.broken, _): test = Test(include: [])
    case .five: test = PCREGlobs(text.dropFirst(2)).test
    }
    if test == nil { isKnown = false }
    let new = test ?? Self.all
    if !new.include.isEmpty, !tests.contains(new) { tests.append(new) }
  }

  mutating func add(_ other: NameFilter) {
    isKnown = isKnown && other.isKnown
    for test in other.tests where !tests.contains(test) { tests.append(test) }
  }

  var letsAllThrough: Bool { tests.contains(Self.all) }

  /// The body of a function of sh that tests `$1`.
  var script: String {
    guard !letsAllThrough else { return ":" }
    guard !tests.isEmpty else { return "false" }
    return tests.map { test in
      let exclude = test.exclude.isEmpty ? "" : "\(test.exclude.joined(separator: "|"))) false ;; "
      let include = test.include.map { $0.isEmpty ? "''" : $0 }.joined(separator: "|")
      return "case $1 in \(exclude)\(include)) ;; *) false ;; esac"
    }.joined(separator: " || ")
  }

  /// The same as arguments of find(1), in parentheses: a name has no "/", a byte that sh must quote is "?".
  var findWords: [String] {
    guard !letsAllThrough else { return [] }
    var words: [String] = []
    for test in tests {
      if !words.isEmpty { words.append("-o") }
      words.append("(")
      for (index, glob) in test.include.enumerated() {
        if index > 0 { words.append("-o") }
        words += ["-name", Self.unquoted(glob)]
      }
      words.append(")")
      for glob in test.exclude where !glob.utf8.contains(UInt8(ascii: "\\")) {
        words += ["!", "-name", glob]
      }
    }
    return ["("] + words + [")"]
  }

  private static func unquoted(_ glob: String) -> String {
    var text = ""
    var isQuoted = false
    for character in glob {
      if isQuoted {
        text += "?"
        isQuoted = false
      } else if character == "\\" {
        isQuoted = true
      } else {
        text.append(character)
      }
    }
    return text
  }

  // MARK: Patterns of Wazuh 4

  /// OSRegex behind `r:`, or OSMatch; the text is also tried as OSMatch as a whole.
  private static func four(_ regex: Expression?, _ text: ArraySlice<UInt8>) -> Test? {
    var include: [String] = []
    guard text.first != UInt8(ascii: "!") else { return nil }
    for part in text.split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false) {
      var rest = part
      let isAtStart = rest.first == UInt8(ascii: "^")
      if isAtStart { rest.removeFirst() }
      let isAtEnd = rest.last == UInt8(ascii: "$")
      if isAtEnd { rest.removeLast() }
      guard let glob = literal(rest, foldingCase: true) else { return nil }
      include.append((isAtStart ? "" : "*") + glob + (isAtEnd ? "" : "*"))
    }
    if case .osregex(let regex)? = regex {
      guard let globs = regex.globs else { return nil }
      include += globs
    }
    guard include.count <= limit else { return nil }
    return include.contains { $0.allSatisfy { $0 == "*" } } ? all : Test(include: include)
  }

  // MARK: Globs

  /// A text as a glob; nil if it has bytes that are not printable ASCII.
  static func literal(_ bytes: ArraySlice<UInt8>, foldingCase: Bool = false) -> String? {
    var glob = ""
    for byte in bytes {
      guard let part = literal(byte, foldingCase: foldingCase) else { return nil }
      glob += part
    }
    return glob
  }

  static func literal(_ byte: UInt8, foldingCase: Bool) -> String? {
    let letter = byte | 0x20
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "@"), UInt8(ascii: "%"):
      return String(UnicodeScalar(byte))
    case _ where (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(letter):
      guard foldingCase else { return String(UnicodeScalar(byte)) }
      return "[\(UnicodeScalar(letter))\(UnicodeScalar(letter & ~0x20))]"
    case 0x20...0x7e: return "\\\(UnicodeScalar(byte))"
    default: return nil
    }
  }
}

/// What a regular expression of PCRE2 may match, as globs; `test` is nil where that is not known.
private struct PCREGlobs {
  private(set) var test: NameFilter.Test?
  private var rest: ArraySlice<UInt8>
  private static let limit = 32

  private enum Piece: Equatable {
    case text(String)
    /// Anything.
    case any
    case start
    case end
  }

  private struct Unknown: Error {}

  init(_ pattern: ArraySlice<UInt8>) {
    rest = pattern
    // With (*VERB) and other options it may be anything.
    guard let all = try? alternatives(depth: 0), rest.isEmpty else { return }
    var test = NameFilter.Test(include: [])
    for pieces in all {
      let glob = Self.glob(pieces)
      if !test.include.contains(glob) { test.include.append(glob) }
    }
    if all.count == 1 { test.exclude = Self.excluded(pattern) }
    self.test = test
  }

  private static func glob(_ pieces: [Piece]) -> String {
    // An anchor that stands elsewhere takes nothing: without it more is let through.
    var glob = pieces.first == .start ? "" : "*"
    for piece in pieces {
      switch piece {
      case .text(let text): glob += text
      case .any: if glob.last != "*" { glob += "*" }
      case .start, .end: break
      }
    }
    // "^" between others may hold behind a line feed only.
    if pieces.last != .end, glob.last != "*" { glob += "*" }
    return glob
  }

  /// Of `^[class]+$`, the names with other bytes.
  private static func excluded(_ pattern: ArraySlice<UInt8>) -> [String] {
    guard pattern.starts(with: "^[".utf8), pattern.last == UInt8(ascii: "$"),
      let close = pattern.lastIndex(of: UInt8(ascii: "]")),
      pattern[(close + 1)...].elementsEqual("+$".utf8)
        || pattern[(close + 1)...].elementsEqual("*$".utf8)
    else { return [] }
    var parser = PCREGlobs(of: pattern[(pattern.startIndex + 2)...])
    guard let set = try? parser.set(), parser.rest.startIndex == close + 1 else { return [] }
    guard let bracket = bracket(set.bytes) else { return [] }
    return ["*[\(set.isNegated ? "" : "!")\(bracket)]*"]
  }

  private init(of rest: ArraySlice<UInt8>) { self.rest = rest }

  /// The inside of a bracket of a glob; nil if it cannot be written without quotes.
  private static func bracket(_ bytes: Set<UInt8>) -> String? {
    guard !bytes.isEmpty, bytes.count < 100 else { return nil }
    var text = ""
    for byte in bytes.sorted() where byte != UInt8(ascii: "-") {
      let letter = byte | 0x20
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"), UInt8(ascii: "+"), UInt8(ascii: "@"), UInt8(ascii: "%"):
        text.unicodeScalars.append(UnicodeScalar(byte))
      case _ where (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(letter):
        text.unicodeScalars.append(UnicodeScalar(byte))
      default: return nil
      }
    }
    if bytes.contains(UInt8(ascii: "-")) { text += "-" }
    return text
  }

  // MARK: Reading

  private mutating func alternatives(depth: Int) throws(Unknown) -> [[Piece]] {
    guard depth < 8 else { throw Unknown() }
    var all: [[Piece]] = []
    var current: [[Piece]] = [[]]
    func append(_ piece: Piece) { for index in current.indices { current[index].append(piece) } }
    while let byte = rest.first {
      if byte == UInt8(ascii: ")") {
        guard depth > 0 else { throw Unknown() }
        break
      }
      rest.removeFirst()
      var atom: [[Piece]]?
      switch byte {
      case UInt8(ascii: "|"):
        all += current
        current = [[]]
        continue
      case UInt8(ascii: "^"): append(.start)
      case UInt8(ascii: "$"): append(.end)
      case UInt8(ascii: "."): atom = [[.any]]
      case UInt8(ascii: "["):
        let (bytes, isNegated) = try set()
        if !isNegated, let bracket = Self.bracket(bytes) {
          atom = [[.text("[\(bracket)]")]]
        } else {
          atom = [[.any]]
        }
      case UInt8(ascii: "("): atom = try group(depth: depth)
      case UInt8(ascii: "\\"): atom = try escape()
      case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"), UInt8(ascii: "{"):
        throw Unknown()
      default:
        guard let text = NameFilter.literal(byte, foldingCase: true) else { throw Unknown() }
        atom = [[.text(text)]]
      }
      let (repeats, isOptional) = try quantifier()
      guard var atom else {
        if repeats { throw Unknown() }
        continue
      }
      if isOptional {
        atom = [[.any]]
      } else if repeats {
        // At least once: what it begins with, then anything.
        atom = atom.map { $0.contains(.start) || $0.contains(.end) ? [.any] : $0 + [.any] }
      }
      var joined: [[Piece]] = []
      for pieces in current { for more in atom { joined.append(pieces + more) } }
      guard joined.count <= Self.limit else { throw Unknown() }
      current = joined
    }
    all += current
    guard all.count <= Self.limit else { throw Unknown() }
    return all
  }

  /// Whether a quantifier follows, and whether it allows none.
  private mutating func quantifier() throws(Unknown) -> (repeats: Bool, isOptional: Bool) {
    guard let byte = rest.first else { return (false, false) }
    let isOptional: Bool
    switch byte {
    case UInt8(ascii: "*"), UInt8(ascii: "?"):
      isOptional = true
      rest.removeFirst()
    case UInt8(ascii: "+"):
      isOptional = false
      rest.removeFirst()
    case UInt8(ascii: "{"):
      guard let close = rest.firstIndex(of: UInt8(ascii: "}")) else { throw Unknown() }
      let body = rest[(rest.startIndex + 1)..<close]
      guard let first = body.first, (0x30...0x39).contains(first),
        body.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ",") })
      else { throw Unknown() }
      isOptional = true
      rest = rest[(close + 1)...]
    default: return (false, false)
    }
    if rest.first == UInt8(ascii: "?") || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
    if let next = rest.first, "*+?{".utf8.contains(next) { throw Unknown() }
    return (true, isOptional)
  }

  private mutating func group(depth: Int) throws(Unknown) -> [[Piece]]? {
    var isLook = false
    if rest.first == UInt8(ascii: "*") { throw Unknown() }
    if rest.first == UInt8(ascii: "?") {
      let looks = ["?=", "?!", "?<=", "?<!"].first { rest.starts(with: $0.utf8) }
      isLook = looks != nil
      guard let head = looks ?? (rest.starts(with: "?:".utf8) ? "?:" : nil) else { throw Unknown() }
      rest = rest.dropFirst(head.utf8.count)
    }
    let inner = try alternatives(depth: depth + 1)
    guard rest.first == UInt8(ascii: ")") else { throw Unknown() }
    rest.removeFirst()
    // It takes nothing; without it more is let through.
    return isLook ? [[]] : inner
  }

  private mutating func escape() throws(Unknown) -> [[Piece]]? {
    guard let byte = rest.popFirst() else { throw Unknown() }
    switch byte {
    case UInt8(ascii: "d"): return [[.text("[0123456789]")]]
    case UInt8(ascii: "s"), UInt8(ascii: "S"), UInt8(ascii: "D"), UInt8(ascii: "w"),
      UInt8(ascii: "W"), UInt8(ascii: "N"), UInt8(ascii: "h"):
      return [[.any]]
    case UInt8(ascii: "b"), UInt8(ascii: "B"), UInt8(ascii: "A"), UInt8(ascii: "z"),
      UInt8(ascii: "Z"):
      return [[]]
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      throw Unknown()
    default:
      guard let text = NameFilter.literal(byte, foldingCase: false) else { throw Unknown() }
      return [[.text(text)]]
    }
  }

  /// A class, behind its "[": its bytes in both cases.
  private mutating func set() throws(Unknown) -> (bytes: Set<UInt8>, isNegated: Bool) {
    var bytes: Set<UInt8> = []
    let isNegated = rest.first == UInt8(ascii: "^")
    if isNegated { rest.removeFirst() }
    var isFirst = true
    func add(_ byte: UInt8) {
      bytes.insert(byte)
      let letter = byte | 0x20
      guard (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(letter) else { return }
      bytes.insert(letter)
      bytes.insert(letter & ~0x20)
    }
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "]"), !isFirst { return (bytes, isNegated) }
      isFirst = false
      var low = byte
      switch byte {
      case UInt8(ascii: "["):
        if let next = rest.first, ":.=".utf8.contains(next) { throw Unknown() }
      case UInt8(ascii: "\\"):
        guard let escaped = rest.popFirst() else { throw Unknown() }
        if escaped == UInt8(ascii: "d") {
          for digit in UInt8(ascii: "0")...UInt8(ascii: "9") { add(digit) }
          continue
        }
        if escaped == UInt8(ascii: "w") {
          for byte in UInt8(0)..<0x80 where byte == UInt8(ascii: "_") || Self.isWord(byte) {
            add(byte)
          }
          continue
        }
        guard escaped >= 0x20, escaped < 0x7f, !Self.isWord(escaped) else { throw Unknown() }
        low = escaped
      case 0x20...0x7e: break
      default: throw Unknown()
      }
      guard rest.first == UInt8(ascii: "-"), let high = rest.dropFirst().first,
        high != UInt8(ascii: "]")
      else {
        add(low)
        continue
      }
      guard Self.isWord(high), high >= low else { throw Unknown() }
      rest = rest.dropFirst(2)
      for byte in low...high { add(byte) }
    }
    throw Unknown()
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20)
  }
}
