/// A pattern of Wazuh 4: terms between ` && `, tested on one line.
struct Pattern4: Sendable {
  struct Term: Sendable {
    var isNegated: Bool
    var kind: Kind
    /// The text of the term, for messages.
    var text: ArraySlice<UInt8>
  }

  enum Kind: Sendable {
    case literal(ArraySlice<UInt8>)
    case regex(Expression)
    case number(Numeric)
    /// A numeric term without ` compare `.
    case noComparison
  }

  struct Numeric: Sendable {
    var expression: Expression
    var right: ArraySlice<UInt8>
  }

  var terms: [Term]

  init(_ text: ArraySlice<UInt8>, _ type: RegexType) {
    terms = text.parts(separatedBy: conjunction).filter { !$0.isEmpty }
      .map { Self.term($0, type) }
  }

  private static func term(_ text: ArraySlice<UInt8>, _ type: RegexType) -> Term {
    let isNegated = text.first == UInt8(ascii: "!")
    let body = isNegated ? text.dropFirst() : text
    let rest = body.dropFirst(2)
    guard body.dropFirst().first == UInt8(ascii: ":"), let letter = body.first.map(folded) else {
      return Term(isNegated: isNegated, kind: .literal(body), text: text)
    }
    switch letter {
    case UInt8(ascii: "r"):
      return Term(isNegated: isNegated, kind: .regex(Expression(four: rest, type)), text: text)
    case UInt8(ascii: "n"):
      guard let word = rest.firstRange(of: Array(" compare ".utf8)) else {
        return Term(isNegated: isNegated, kind: .noComparison, text: text)
      }
      let numeric = Numeric(
        expression: Expression(four: rest[..<word.lowerBound], type),
        right: rest[word.upperBound...])
      return Term(isNegated: isNegated, kind: .number(numeric), text: text)
    default:
      return Term(isNegated: isNegated, kind: .literal(body), text: text)
    }
  }

  /// The value of a line, as the engine computes it: 1 is a match, 2 is invalid, 0 and all others are
  /// not. `reason` tells why a term is invalid.
  func value(_ line: ArraySlice<UInt8>, reason: inout String?) throws(TooComplex) -> Int32 {
    var product: Int32 = 1
    for term in terms {
      let value = try Self.value(term.kind, line, &reason)
      product = product &* (term.isNegated ? value ^ 1 : value)
    }
    return product
  }

  private static func value(
    _ kind: Kind, _ line: ArraySlice<UInt8>, _ reason: inout String?
  ) throws(TooComplex) -> Int32 {
    switch kind {
    case .literal(let literal):
      return line.count == literal.count && line.elementsEqual(literal) { folded($0) == folded($1) }
        ? 1 : 0
    case .regex(let expression): return try expression.matches(line) ? 1 : 0
    case .noComparison:
      reason = "a numeric pattern without \" compare \""
      return 2
    case .number(let numeric): return try numeric.value(line, &reason)
    }
  }
}

extension Pattern4.Numeric {
  func value(_ line: ArraySlice<UInt8>, _ reason: inout String?) throws(TooComplex) -> Int32 {
    let capture: ArraySlice<UInt8>?
    switch expression {
    case .broken(let fault):
      reason = "the pattern does not compile: \(fault)"
      return 2
    case .osregex(let regex):
      guard let captures = try regex.match(line) else { return 0 }
      capture = captures.first
    case .pcre2(let regex):
      guard let match = try regex.match(line) else { return 0 }
      capture = match.first
    }
    guard let capture else {
      reason = "the pattern matches without a capture: \(clipped(line))"
      return 2
    }
    guard let left = Comparison.leadingInteger(capture) else {
      reason = "\"\(clipped(capture))\" is no number"
      return 2
    }
    switch Comparison.four(right) {
    case .success(let comparison): return comparison.holds(for: left) ? 1 : 0
    case .failure(let fault):
      reason = fault.text
      return 2
    }
  }
}
