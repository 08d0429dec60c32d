/// A pattern of Wazuh 5.
enum Pattern5: Sendable {
  /// The text as a whole: a line of a file, or all output of a command, equals it.
  case literal(ArraySlice<UInt8>)
  case terms([Term])

  struct Term: Sendable {
    var isNegated: Bool
    var kind: Kind
  }

  enum Kind: Sendable {
    case literal(ArraySlice<UInt8>)
    case regex(Expression)
    case number(Expression, operation: ArraySlice<UInt8>, value: ArraySlice<UInt8>)
    /// A numeric term without its operator or its value.
    case fault(String)
  }

  enum Failure: Error {
    case fault(String)
    case tooComplex
  }

  init(_ text: ArraySlice<UInt8>) {
    guard Self.isTermPattern(text) else {
      self = .literal(text)
      return
    }
    self = .terms(text.parts(separatedBy: conjunction).map(Self.term))
  }

  static func isTermPattern(_ text: ArraySlice<UInt8>) -> Bool {
    ["r:", "!r:", "n:", "!n:"].contains { text.starts(with: $0.utf8) }
  }

  private static func term(_ text: ArraySlice<UInt8>) -> Term {
    let isNegated = text.first == UInt8(ascii: "!")
    let body = isNegated ? text.dropFirst() : text
    if body.starts(with: "r:".utf8) {
      return Term(isNegated: isNegated, kind: .regex(Expression(five: body.dropFirst(2))))
    }
    guard body.starts(with: "n:".utf8) else {
      return Term(isNegated: isNegated, kind: .literal(body))
    }
    return Term(isNegated: isNegated, kind: number(body.dropFirst(2)))
  }

  private static func number(_ text: ArraySlice<UInt8>) -> Kind {
    guard let word = text.firstRange(of: Array("compare".utf8)) else {
      return .fault("a numeric pattern without \"compare\"")
    }
    // The bytes beside the word are not looked at.
    let regex = text[..<word.lowerBound].dropLast()
    let right = text[word.upperBound...].dropFirst().split {
      $0 == 0x20 || (0x09...0x0d).contains($0)
    }
    guard right.count > 1 else {
      return .fault("a comparison takes an operator and a number, with a space between them")
    }
    return .number(Expression(five: regex), operation: right[0], value: right[1])
  }

  /// Whether a text satisfies the pattern. An empty one never does.
  ///
  /// - Parameter found: the line that decided, with its number.
  func matches(
    _ content: ArraySlice<UInt8>, _ budget: Budget,
    found: inout (number: Int, text: ArraySlice<UInt8>)?
  ) throws(Failure) -> Bool {
    guard case .terms(let terms) = self, !content.isEmpty else { return false }
    // A single negated term asks all lines.
    let isOpposite = terms.count == 1 && terms[0].isNegated
    var rest = content
    var number = 0
    while let line = Lines.nextOfFive(&rest) {
      number += 1
      if budget.isOver { throw .tooComplex }
      var all = true
      for term in terms {
        let value = try Self.value(term.kind, line)
        guard value != (term.isNegated && !isOpposite) else {
          all = false
          break
        }
      }
      if all {
        found = (number, line)
        return !isOpposite
      }
    }
    return isOpposite
  }

  private static func value(
    _ kind: Kind, _ line: ArraySlice<UInt8>
  ) throws(Failure) -> Bool {
    switch kind {
    case .literal(let literal): return line.elementsEqual(literal)
    case .fault(let text): throw .fault(text)
    case .regex(let expression): return try match(expression, line) != nil
    case .number(let expression, let operation, let value):
      guard let match = try match(expression, line) else { return false }
      // The first group, unset or not, if the match has one; the whole match otherwise.
      let left = match.groups > 0 ? match.first ?? [] : match.whole
      guard let number = integer(left) else { throw .fault("\"\(clipped(left))\" is no number") }
      guard let right = integer(value) else { throw .fault("\"\(clipped(value))\" is no number") }
      guard let operation = Comparison.Operator(rawValue: text(operation)) else {
        throw .fault("\"\(clipped(operation))\" is no operator: < <= == != >= >")
      }
      return Comparison(operation, right).holds(for: number)
    }
  }

  private static func match(
    _ expression: Expression, _ line: ArraySlice<UInt8>
  ) throws(Failure) -> PCRE2.Match? {
    switch expression {
    case .broken(let fault): throw .fault("the pattern does not compile: \(fault)")
    case .osregex: return nil
    case .pcre2(let regex):
      do throws(TooComplex) { return try regex.match(line) } catch { throw .tooComplex }
    }
  }

  /// As std::stoi reads it: 32 bits.
  private static func integer(_ text: ArraySlice<UInt8>) -> Int64? {
    Comparison.leadingInteger(text).flatMap { Int32(exactly: $0) }.map(Int64.init)
  }
}
