/// One rule of a check, compiled.
struct Rule: Sendable {
  enum Kind: UInt8, Sendable {
    case file = 0x66
    case folder = 0x64
    case command = 0x63
    case process = 0x70
    /// The registry of Windows; never found elsewhere.
    case registry = 0x72
    /// A script for a shell, `sh:`: ours, in files that name their dialect.
    case script = 0x73
  }

  enum Pattern: Sendable {
    case four(Pattern4)
    case five(Pattern5)
  }

  /// How the name of a file in a folder is tested.
  enum NameTest: Sendable {
    /// Wazuh 4: OSRegex behind `r:`, or the whole text as OSMatch.
    case four(regex: Expression?, match: OSMatch)
    /// Wazuh 5: PCRE2 behind `r:` or `!r:`.
    case five(Expression, isNegated: Bool)
    /// Wazuh 5: the whole name.
    case exact(ArraySlice<UInt8>)
  }

  /// Why a text is no rule.
  struct Fault: Error, Equatable {
    var text: String
    /// Whether a policy with it drops the whole check (Wazuh 5).
    var dropsCheck = false
  }

  var dialect: Dialect
  var isNegated: Bool
  var kind: Kind
  /// The path, the list of paths, or the command; variables replaced.
  var place: [UInt8]
  var name: NameTest?
  var nameText: ArraySlice<UInt8>?
  var pattern: Pattern?
  var patternText: ArraySlice<UInt8>?

  /// - Parameter extended: whether `sh:` is a kind of rule.
  init(
    _ text: [UInt8], _ dialect: Dialect, regexType: RegexType = .osregex,
    variables: Variables = Variables(), extended: Bool = false
  ) throws(Fault) {
    switch dialect {
    case .four: try self.init(four: text, regexType, variables, extended)
    case .five: try self.init(five: variables.replaced(in: text), extended)
    }
  }

  private static let kinds = "f: d: c: p: r:"

  /// Byte for byte: nothing is trimmed.
  private init(
    four text: [UInt8], _ type: RegexType, _ variables: Variables, _ extended: Bool
  ) throws(Fault) {
    dialect = .four
    var rest = text[...].untilNUL
    isNegated = rest.starts(with: "not ".utf8) || rest.starts(with: "NOT ".utf8)
    if isNegated { rest = rest.dropFirst(4) }
    let (kind, body) = try Self.kind(rest, extended)
    self.kind = kind
    let split = kind == .process ? nil : body.firstRange(of: arrow)
    let place = Array(split.map { body[..<$0.lowerBound] } ?? body)
    var behind = split.map { body[$0.upperBound...] }
    if kind == .folder, let whole = behind {
      let second = whole.firstRange(of: arrow)
      let name = second.map { whole[..<$0.lowerBound] } ?? whole
      behind = second.map { whole[$0.upperBound...] }
      nameText = name
      let isRegex = name.first.map(folded) == UInt8(ascii: "r") && name.dropFirst().first == 0x3a
      // Always OSRegex, also in a policy of PCRE2.
      self.name = .four(
        regex: isRegex ? Expression(four: name.dropFirst(2), .osregex) : nil, match: OSMatch(name))
    }
    if kind == .process {
      self.place = place
      behind = place[...]
    } else {
      self.place = variables.replaced(in: place)
    }
    patternText = behind
    pattern = behind.map { .four(Pattern4($0, type)) }
  }

  private init(five text: [UInt8], _ extended: Bool) throws(Fault) {
    dialect = .five
    var rest = text[...].untilNUL.trimming(0x20, 0x09)
    isNegated = rest.starts(with: "not ".utf8)
    if isNegated { rest = rest.dropFirst(4).trimming(0x20, 0x09) }
    let split = rest.firstRange(of: arrow)
    var behind = split.map { rest[$0.upperBound...] }
    let head: ArraySlice<UInt8>
    if split != nil, let short = rest.firstRange(of: Array("->".utf8)) {
      head = rest[..<short.lowerBound].trimming(0x20, 0x09)
    } else {
      head = rest
    }
    let (kind, body) = try Self.kind(head, extended)
    guard kind != .registry else { throw Fault(text: "r: is for Windows only") }
    guard !body.isEmpty else {
      throw Fault(text: "nothing behind \"\(clipped(head))\"", dropsCheck: true)
    }
    self.kind = kind
    place = Array(body)
    if kind == .folder, let whole = behind {
      let second = whole.firstRange(of: arrow)
      let name = second.map { whole[..<$0.lowerBound] } ?? whole
      behind = second.map { whole[$0.upperBound...] }
      nameText = name
      let isNegated = name.starts(with: "!r:".utf8)
      self.name =
        isNegated || name.starts(with: "r:".utf8)
        ? .five(Expression(five: name.dropFirst(isNegated ? 3 : 2)), isNegated: isNegated)
        : .exact(name)
    }
    if kind == .process { behind = nil }
    patternText = behind
    pattern = behind.map { .five(Pattern5($0)) }
  }

  /// The letter before the first colon, and what is behind it. A `!` before the letter has no effect.
  private static func kind(
    _ text: ArraySlice<UInt8>, _ extended: Bool
  ) throws(Fault) -> (Kind, ArraySlice<UInt8>) {
    guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else {
      throw Fault(text: "no rule: it begins with none of \(kinds)")
    }
    var letters = text[..<colon]
    if letters.first == UInt8(ascii: "!") { letters = letters.dropFirst() }
    if extended, letters.elementsEqual("sh".utf8) { return (.script, text[(colon + 1)...]) }
    guard letters.count == 1, let letter = letters.first, let kind = Kind(rawValue: letter),
      kind != .script
    else {
      throw Fault(text: "\"\(clipped(text[...colon]))\" is no kind of rule: \(kinds)")
    }
    return (kind, text[(colon + 1)...])
  }
}

extension Rule.NameTest {
  /// Whether the rule looks at a file of that name; Wazuh 5 looks for a whole name elsewhere.
  func accepts(_ name: [UInt8]) throws(TooComplex) -> Bool {
    switch self {
    case .four(let regex, let match):
      if case .osregex(let regex)? = regex, try regex.match(name[...], capturing: false) != nil {
        return true
      }
      return match.matches(name)
    case .five(.broken, _), .exact: return false
    case .five(let expression, let isNegated): return try expression.matches(name[...]) != isNegated
    }
  }
}

/// The variables of a policy.
public struct Variables: Sendable {
  private var sorted: [(name: [UInt8], value: [UInt8])] = []

  public init() {}

  /// Longest name first; equal lengths by their bytes.
  public init(_ pairs: [(name: [UInt8], value: [UInt8])]) {
    sorted = pairs.enumerated().sorted { left, right in
      if left.element.name.count != right.element.name.count {
        return left.element.name.count > right.element.name.count
      }
      if left.element.name != right.element.name {
        return left.element.name.lexicographicallyPrecedes(right.element.name)
      }
      return left.offset < right.offset
    }.map(\.element)
  }

  var names: [[UInt8]] { sorted.map(\.name) }

  /// The limit of a text with its variables replaced.
  static let limit = 1 << 16

  /// The text with each name replaced once, in that order: a value may contain a shorter name.
  ///
  /// Wazuh 4 does so with the place of a rule, Wazuh 5 with all texts of a policy.
  func replaced(in text: [UInt8]) -> [UInt8] {
    var text = text
    for (name, value) in sorted where text.count <= Self.limit {
      text = text.replacing(name, with: value)
    }
    return text
  }
}
