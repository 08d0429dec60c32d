/// What can be said of a rule without a host.
struct RuleFacts {
  /// Whether it can be found, and whether it can be not found, `not` included.
  var canFind = true
  var canMiss = true
  var oddities: [Oddity] = []

  init(_ rule: CheckRule, _ allowed: AllowedCommands) {
    switch rule.compiled {
    case .failure(let fault):
      canFind = false
      canMiss = false
      oddities.append(Oddity("no rule: \(fault.text)"))
    case .success(let compiled):
      place(compiled, allowed)
      switch compiled.pattern {
      case .four(let pattern): four(compiled, pattern)
      case .five(let pattern): five(compiled, pattern)
      case nil: withoutPattern(compiled)
      }
      if let name = compiled.name { self.name(name, compiled) }
      if compiled.dialect == .five, compiled.pattern != nil, let last = rule.text.last,
        last == 0x20 || last == 0x09
      {
        oddities.append(
          Oddity(
            "Wazuh 5 removes the blank at the end: it is no part of the pattern",
            "write [ ] or \\x20 for a space that a line must have"))
      }
      if compiled.isNegated { (canFind, canMiss) = (canMiss, canFind) }
    }
  }

  // MARK: Places

  private mutating func place(_ rule: Rule, _ allowed: AllowedCommands) {
    let place = rule.place[...]
    if place.contains(lineFeed) {
      oddities.append(
        Oddity(
          "a line feed in the path or command", "write the rule on one line, or as >- or |-"))
    }
    switch rule.kind {
    case .command, .script:
      if let refusal = allowed.refusal(of: rule) {
        oddities.append(Oddity("a command that is refused here: \(refusal)", at: place))
      }
    case .file, .folder:
      let members =
        rule.dialect == .four
        ? place.split(separator: UInt8(ascii: ",")) : [place]
      for member in members { path(member, rule) }
      if rule.dialect == .five, place.contains(UInt8(ascii: ",")) {
        oddities.append(
          Oddity("Wazuh 5 knows no lists: the comma is part of the path", at: place))
      }
    case .process, .registry: break
    }
  }

  private mutating func path(_ path: ArraySlice<UInt8>, _ rule: Rule) {
    let isRelative = path.first != UInt8(ascii: "/") && path.first != UInt8(ascii: "$")
    if path.first == 0x20 || path.last == 0x20 {
      oddities.append(Oddity("a space at an end of a path is part of it", at: path))
    } else if isRelative {
      oddities.append(
        Oddity(
          "a path that does not begin with \"/\" is looked for in Wazuh's own folder", at: path))
    }
    if path.contains(where: { "*?[".utf8.contains($0) }) {
      oddities.append(
        Oddity("\"*\", \"?\" and \"[\" stand for themselves in a path", at: path))
    }
  }

  private mutating func withoutPattern(_ rule: Rule) {
    let place = rule.place[...]
    if let range = place.firstRange(of: Array("->".utf8)) {
      oddities.append(
        Oddity(
          "an arrow without a space on both sides is part of the path or command",
          "write \" -> \"", at: place[range]))
    } else {
      for operation in [" r:", " n:", " !r:", " !n:"] {
        guard let range = place.firstRange(of: Array(operation.utf8)) else { continue }
        oddities.append(
          Oddity("no \" -> \" before \"\(operation.dropFirst())\"", at: place[range].dropFirst()))
      }
    }
    switch rule.kind {
    case .command where rule.dialect == .four, .script where rule.dialect == .four:
      canMiss = false
      oddities.append(
        Oddity("a command without a pattern is always found, and does not run", "add \" -> r:…\""))
    case .command, .script: canMiss = false
    case .registry: canFind = false
    case .file, .folder, .process: break
    }
  }

  private mutating func name(_ name: Rule.NameTest, _ rule: Rule) {
    switch name {
    case .four(let regex, _):
      if let fault = regex?.fault {
        oddities.append(
          Oddity("the pattern of names does not compile: \(fault)", at: rule.nameText))
      }
      if let text = rule.nameText, regex == nil, text.contains(UInt8(ascii: "*")) {
        oddities.append(
          Oddity("\"*\" stands for itself in a name", "write r:\\.conf$", at: text))
      }
    case .five(let expression, _):
      if let fault = expression.fault {
        canFind = false
        canMiss = false
        oddities.append(
          Oddity("the pattern of names does not compile: \(fault)", at: rule.nameText))
      }
    case .exact(let text):
      if rule.pattern != nil {
        canFind = false
        canMiss = false
        oddities.append(
          Oddity(
            "Wazuh 5 looks for such a file in its own folder", "write r:^\(clipped(text))$",
            at: text))
      }
    }
  }

  // MARK: Patterns of Wazuh 4

  private mutating func four(_ rule: Rule, _ pattern: Pattern4) {
    var never = false
    var always = true
    for term in pattern.terms {
      let (canHold, canFailToHold) = self.term(term, rule)
      if !(term.isNegated ? canFailToHold : canHold) { never = true }
      if term.isNegated ? canHold : canFailToHold { always = false }
    }
    if let text = contradiction(pattern.terms.map { (String(decoding: $0.text, as: UTF8.self)) }) {
      never = true
      oddities.append(Oddity("\"\(text)\" and its opposite cannot both hold for one line"))
    }
    if ranges(pattern) {
      never = true
      oddities.append(Oddity("an impossible comparison: no number satisfies all of them"))
    }
    if never { canFind = false }
    switch rule.kind {
    case .command, .script:
      // Output mostly ends with a line feed, and what is behind it is a line, too.
      var reason: String?
      let onEmpty = (try? pattern.value([], reason: &reason)) == 1
      if always || onEmpty {
        canMiss = false
        oddities.append(
          Oddity(
            "always found: the empty line behind the last line feed of the output satisfies it",
            pattern.terms.count == 1 && pattern.terms[0].isNegated
              ? "write \"not c:… -> …\" without the \"!\"" : nil, at: rule.patternText))
      }
    case .file, .folder:
      if pattern.terms.count == 1, pattern.terms[0].isNegated, !never {
        oddities.append(
          Oddity(
            "found as soon as one line is another; it does not say that no line is so",
            "write \"not \(rule.kind == .file ? "f" : "d"):… -> …\" without the \"!\"",
            at: rule.patternText))
      }
      if pattern.terms.isEmpty {
        oddities.append(Oddity("an empty pattern is satisfied by every line"))
      }
    case .process:
      process(rule, pattern)
      if pattern.terms.count == 1, pattern.terms[0].isNegated {
        oddities.append(
          Oddity("found as soon as one process is another", "write \"not p:…\" without the \"!\""))
      }
    case .registry: canFind = false
    }
  }

  private mutating func process(_ rule: Rule, _ pattern: Pattern4) {
    guard case .literal(let text)? = pattern.terms.first?.kind, pattern.terms.count == 1 else {
      return
    }
    if text.contains(UInt8(ascii: "/")) || text.count > 15 {
      if !pattern.terms[0].isNegated { canFind = false }
      oddities.append(
        Oddity(
          "the text of a process is its name of at most 15 bytes, without a path",
          at: rule.patternText))
    }
  }

  /// Whether a term can hold for a line, and whether it can fail to, without its `!`.
  private mutating func term(_ term: Pattern4.Term, _ rule: Rule) -> (Bool, Bool) {
    let text = term.text
    switch term.kind {
    case .noComparison:
      oddities.append(
        Oddity("a numeric pattern without \" compare \"", "write n:REGEX compare >= 5", at: text))
      return (false, false)
    case .literal(let literal):
      return self.literal(literal, text, rule)
    case .regex(let expression):
      let regex = text.drop { $0 != UInt8(ascii: ":") }.dropFirst()
      let isBroken = self.regex(expression, regex, at: text)
      if text.contains(lineFeed) {
        oddities.append(Oddity("a pattern that spans a line: no line has a line feed", at: text))
        if case .osregex = expression { return (false, true) }
      }
      return isBroken ? (false, true) : (true, !regex.isEmpty)
    case .number(let numeric):
      let regex = text.drop { $0 != UInt8(ascii: ":") }.dropFirst()
      let left =
        regex.firstRange(of: Array(" compare ".utf8)).map { regex[..<$0.lowerBound] } ?? regex
      if self.regex(numeric.expression, left, at: text) { return (false, false) }
      return number(numeric, left, text)
    }
  }

  private mutating func literal(
    _ literal: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>, _ rule: Rule
  ) -> (Bool, Bool) {
    if literal.contains(lineFeed) || literal.last == carriageReturn {
      oddities.append(
        Oddity("a text that spans a line: no line has a line feed at its end", at: text))
      return (false, true)
    }
    if rule.kind == .file, literal.count > Lines.fileLimit {
      oddities.append(Oddity("longer than a line of a file, which is cut at 2,047 bytes", at: text))
      return (false, true)
    }
    let trimmed = literal.trimming(0x20)
    let bare = trimmed.first == UInt8(ascii: "!") ? trimmed.dropFirst().trimming(0x20) : trimmed
    let looksTyped =
      bare.count > 2 && bare.dropFirst().first == UInt8(ascii: ":")
      && "rRnN".utf8.contains(bare[bare.startIndex])
    if looksTyped, bare.count != literal.count {
      oddities.append(
        Oddity("a space or a \"!\" too many: this is a text that a whole line equals", at: text))
    } else if text.firstRange(of: Array("&&".utf8)) != nil {
      oddities.append(
        Oddity(
          "\"&&\" without a space on both sides is part of the text", "write \" && \"", at: text))
    } else if literal.first == UInt8(ascii: "^") || literal.last == UInt8(ascii: "$")
      || ["\\s", "\\d", "\\w", "\\.", "\\t", ".*"].contains(where: {
        literal.firstRange(of: Array($0.utf8)) != nil
      })
    {
      oddities.append(
        Oddity(
          "an operator is missing: this is a text that a whole line equals", "write r:…", at: text))
    }
    return (true, true)
  }

  /// Reports what is odd in a regular expression; true if it does not compile.
  private mutating func regex(
    _ expression: Expression, _ regex: ArraySlice<UInt8>, at text: ArraySlice<UInt8>
  ) -> Bool {
    if let fault = expression.fault {
      oddities.append(
        Oddity(
          "the pattern does not compile: \(fault)",
          text.first == UInt8(ascii: "!") ? "it always holds" : "it never holds", at: text))
      return true
    }
    if regex.firstRange(of: Array("&&".utf8)) != nil {
      oddities.append(
        Oddity(
          "\"&&\" without a space on both sides is part of the pattern", "write \" && \"", at: text)
      )
    }
    var isPCRE = false
    if case .pcre2 = expression { isPCRE = true }
    if !isPCRE, let odd = OSRegexLook.first(regex) { oddities.append(odd) }
    if let odd = Branches.shadowed(regex, isPCRE: isPCRE) { oddities.append(odd) }
    return false
  }

  private mutating func number(
    _ numeric: Pattern4.Numeric, _ regex: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>
  ) -> (Bool, Bool) {
    if !regex.contains(UInt8(ascii: "(")) {
      oddities.append(Oddity("a numeric pattern without a group", "write (\\d+)", at: text))
      return (false, false)
    }
    switch Comparison.four(numeric.right) {
    case .failure(let fault):
      oddities.append(
        Oddity(
          "an impossible comparison: \(fault.text)", "write compare >= 5", at: numeric.right))
      return (false, false)
    case .success(let comparison):
      if numeric.right.contains(UInt8(ascii: "-")) {
        oddities.append(
          Oddity(
            "the sign of the number is not read: it compares with \(comparison.value)",
            at: numeric.right))
      }
      let operation = numeric.right.prefix { !(0x30...0x39).contains($0) }.trimming(0x20)
      if !["<", "<=", "=", "==", "!=", ">=", ">"].contains(where: {
        operation.elementsEqual($0.utf8)
      }) {
        oddities.append(
          Oddity(
            "\"\(clipped(operation))\" is taken for \"\(comparison.operation.rawValue)\"",
            at: numeric.right))
      }
      if case .osregex = numeric.expression,
        regex.firstRange(of: Array("(\\d+)\\s*$".utf8)) != nil
      {
        oddities.append(
          Oddity(
            "OSRegex captures nothing with (\\d+)\\s*$", "leave out \\s*$", at: text))
      }
      let range = CaptureRange(regex)
      if !range.canHold(comparison) {
        oddities.append(
          Oddity(
            "an impossible comparison: the group captures \(range.words)", at: numeric.right))
        return (false, true)
      }
      if !range.canFail(comparison) {
        oddities.append(
          Oddity("every number that the group captures satisfies it", at: numeric.right))
      }
      return (true, true)
    }
  }

  /// Whether comparisons of one group exclude each other.
  private func ranges(_ pattern: Pattern4) -> Bool {
    var all: [[UInt8]: [Comparison]] = [:]
    for term in pattern.terms {
      guard case .number(let numeric) = term.kind, !term.isNegated,
        case .success(let comparison) = Comparison.four(numeric.right)
      else { continue }
      let left = term.text.firstRange(of: Array(" compare ".utf8)).map {
        Array(term.text[..<$0.lowerBound])
      }
      all[left ?? [], default: []].append(comparison)
    }
    return all.values.contains { $0.count > 1 && CaptureRange.excludes($0) }
  }

  /// A text that stands with and without its `!`.
  private func contradiction(_ terms: [String]) -> String? {
    let all = Set(terms)
    return terms.first { !$0.hasPrefix("!") && all.contains("!" + $0) }
  }

  // MARK: Patterns of Wazuh 5

  private mutating func five(_ rule: Rule, _ pattern: Pattern5) {
    guard let text = rule.patternText else { return }
    switch pattern {
    case .literal:
      if !rule.isCommand, text.contains(lineFeed) {
        canFind = false
        oddities.append(Oddity("a text that spans a line: no line has a line feed", at: text))
      }
      if text.firstRange(of: conjunction) != nil
        || ["R:", "N:", "!R:", "!N:", "! "].contains(where: {
          text.starts(with: $0.utf8)
        }) || text.first == UInt8(ascii: "!") || text.first == UInt8(ascii: "^")
        || text.firstRange(of: Array("\\s".utf8)) != nil
        || text.firstRange(of: Array("\\d".utf8)) != nil
      {
        oddities.append(
          Oddity(
            "an operator is missing: the pattern is one text as a whole",
            "it begins with r:, !r:, n: or !n:", at: text))
      }
    case .terms(let terms):
      for term in terms {
        switch term.kind {
        case .literal(let literal):
          if literal.trimming(0x20).starts(with: "r:".utf8)
            || literal.firstRange(of: Array("&&".utf8)) != nil
          {
            oddities.append(Oddity("a text that a whole line equals", at: literal))
          }
        case .regex(let expression), .number(let expression, _, _):
          if let fault = expression.fault {
            canFind = false
            if !rule.isCommand { canMiss = false }
            oddities.append(Oddity("the pattern does not compile: \(fault)", at: text))
          }
          if case .number(_, let operation, let value) = term.kind {
            compare(operation, value)
          }
        case .fault(let fault):
          canFind = false
          if !rule.isCommand { canMiss = false }
          oddities.append(Oddity("an impossible comparison: \(fault)", at: text))
        }
      }
      for part in text.parts(separatedBy: conjunction) {
        let regex = part.first == UInt8(ascii: "!") ? part.dropFirst() : part
        if regex.starts(with: "r:".utf8),
          let odd = Branches.shadowed(regex.dropFirst(2), isPCRE: true)
        {
          oddities.append(odd)
        }
      }
      if let text = contradiction(
        text.parts(separatedBy: conjunction).map {
          String(decoding: $0, as: UTF8.self)
        })
      {
        canFind = false
        oddities.append(Oddity("\"\(text)\" and its opposite cannot both hold for one line"))
      }
    }
  }

  private mutating func compare(_ operation: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) {
    if Comparison.Operator(rawValue: text(operation)) == nil {
      canFind = false
      oddities.append(
        Oddity(
          "an impossible comparison: \"\(clipped(operation))\" is no operator",
          "it is one of < <= == != >= >", at: operation))
    }
    if Comparison.leadingInteger(value).flatMap({ Int32(exactly: $0) }) == nil {
      canFind = false
      oddities.append(
        Oddity("an impossible comparison: \"\(clipped(value))\" is no number", at: value))
    }
  }
}
