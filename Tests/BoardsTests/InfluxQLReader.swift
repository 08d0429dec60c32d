import Metrics

/// What a statement of InfluxQL names, as far as boards use the language.
struct Statement {
  /// The measurement of the innermost query.
  private(set) var measurement = ""
  private(set) var policy: String?
  /// The columns of the result, without the time.
  private(set) var columns: [String] = []
  /// The number of functions in the selection.
  private(set) var calls = 0
  /// The tags by which the rows are grouped.
  private(set) var tags: [String] = []
  /// Whether the values are of intervals.
  private(set) var isOverTime = false
  private(set) var fill: String?
  /// What the innermost query takes from the database.
  private(set) var base = Base()
  /// What no declaration knows, or what Grafana could not send.
  private(set) var faults: [String] = []

  /// A query on points: which series it takes, and which it keeps apart.
  struct Base {
    var tags: Set<String> = []
    /// The tags of which it takes one value.
    var pins: [String: String] = [:]
    /// The tags of which a variable of the board chooses values: `"host" =~ /^$host$/`.
    var chosen: [String: String] = [:]
    var calls = 0
  }

  private enum Token: Equatable {
    case name(String)
    case value(String)
    case pattern(String)
    case word(String)
    case sign(Character)
  }

  private static let functions: Set = [
    "last", "first", "mean", "median", "max", "min", "sum", "count", "distinct", "integral", "top",
    "percentile",
    "non_negative_derivative", "derivative", "non_negative_difference", "difference",
    "moving_average",
    "spread", "stddev", "elapsed", "mode", "abs", "round",
  ]

  /// `tags` are those of the inventory: they are on every measurement.
  init(_ text: String, catalog: Catalog, inventoryTags: Set<String>) {
    guard let tokens = Self.tokens(of: text) else {
      faults = ["a quote is not closed"]
      return
    }
    let common = inventoryTags.union(["host", "group"])
    if tokens.first == .word("SHOW") {
      readTagValues(tokens, catalog, common)
    } else {
      read(tokens, catalog, common)
    }
  }

  private static func tokens(of text: String) -> [Token]? {
    var tokens: [Token] = []
    var rest = Substring(text)
    func quoted(_ end: Character) -> String? {
      var found = ""
      rest.removeFirst()
      while let character = rest.popFirst() {
        if character == end { return found }
        if character == "\\", let next = rest.popFirst() {
          found += next == end || next == "\\" ? String(next) : "\\\(next)"
        } else {
          found.append(character)
        }
      }
      return nil
    }
    while let character = rest.first {
      switch character {
      case "\"":
        guard let name = quoted("\"") else { return nil }
        tokens.append(.name(name))
      case "'":
        guard let value = quoted("'") else { return nil }
        tokens.append(.value(value))
      // A slash after `~` begins an expression; any other divides.
      case "/" where tokens.last == .sign("~"):
        guard let pattern = quoted("/") else { return nil }
        tokens.append(.pattern(pattern))
      case _ where character.isWhitespace: rest.removeFirst()
      case _ where character.isLetter || character.isNumber || "_$.".contains(character):
        let word = rest.prefix { $0.isLetter || $0.isNumber || "_$.".contains($0) }
        // The dot between a policy and its measurement.
        if word == "." { tokens.append(.sign(".")) } else { tokens.append(.word(String(word))) }
        rest = rest.dropFirst(word.count)
      default:
        tokens.append(.sign(character))
        rest.removeFirst()
      }
    }
    return tokens
  }

  /// The index of a word outside of brackets.
  private static func index(of word: String, in tokens: ArraySlice<Token>) -> Int? {
    var depth = 0
    for index in tokens.indices {
      switch tokens[index] {
      case .sign("("): depth += 1
      case .sign(")"): depth -= 1
      case .word(word) where depth == 0: return index
      default: break
      }
    }
    return nil
  }

  private mutating func read(_ tokens: [Token], _ catalog: Catalog, _ common: Set<String>) {
    let all = tokens[...]
    guard all.first == .word("SELECT"), let from = Self.index(of: "FROM", in: all) else {
      faults.append("it is no SELECT … FROM …")
      return
    }
    var rest = all[(from + 1)...]
    var known: Set<String>
    var groupable: Set<String>
    var inner: Statement?
    if rest.first == .sign("(") {
      var depth = 0
      guard
        let end = rest.indices.first(where: { index in
          if rest[index] == .sign("(") { depth += 1 }
          if rest[index] == .sign(")") { depth -= 1 }
          return depth == 0
        })
      else {
        faults.append("a bracket is not closed")
        return
      }
      var statement = Statement()
      statement.read(Array(rest[(rest.startIndex + 1)..<end]), catalog, common)
      faults += statement.faults
      measurement = statement.measurement
      policy = statement.policy
      known = Set(statement.columns + statement.tags)
      groupable = Set(statement.tags)
      inner = statement
      rest = rest[(end + 1)...]
    } else {
      guard case .name(let first)? = rest.popFirst() else {
        faults.append("FROM names no measurement in quotes")
        return
      }
      measurement = first
      if rest.first == .sign("."), case .name(let second)? = rest.dropFirst().first {
        policy = first
        measurement = second
        rest = rest.dropFirst(2)
      }
      guard let fields = catalog.fields(of: measurement) else {
        faults.append("no measurement \(measurement)")
        return
      }
      let declared = catalog.entries.filter { $0.measurement.name == measurement }
        .flatMap { $0.measurement.tags.map(\.name) }
      groupable = common.union(declared)
      known = groupable.union(fields)
    }
    readSelection(all[(all.startIndex + 1)..<from], known, groupable, isOuter: inner != nil)
    readEnd(rest, known, groupable)
    base = inner?.base ?? Base()
    if inner == nil {
      base.tags = Set(tags)
      base.calls = calls
      readChoices(Array(rest))
    }
    let conditions = rest.contains(.word("$timeFilter")) || rest.contains(.word("now"))
    if !conditions, inner == nil { faults.append("no condition on time") }
  }

  private mutating func readChoices(_ tokens: [Token]) {
    for (index, token) in tokens.enumerated() {
      guard case .name(let name) = token, tokens.indices.contains(index + 2),
        tokens[index + 1] == .sign("=")
      else { continue }
      if case .value(let value) = tokens[index + 2] { base.pins[name] = value }
      guard tokens.indices.contains(index + 3), case .pattern(let text) = tokens[index + 3] else {
        continue
      }
      if text.hasPrefix("^$"), text.hasSuffix("$") {
        base.chosen[name] = String(text.dropFirst(2).dropLast())
      }
    }
  }

  private mutating func readSelection(
    _ tokens: ArraySlice<Token>, _ known: Set<String>, _ tags: Set<String>, isOuter: Bool
  ) {
    var depth = 0
    var parts: [[Token]] = [[]]
    for token in tokens {
      if token == .sign("(") { depth += 1 }
      if token == .sign(")") { depth -= 1 }
      if token == .sign(","), depth == 0 {
        parts.append([])
      } else {
        parts[parts.count - 1].append(token)
      }
    }
    if depth != 0 { faults.append("a bracket is not closed") }
    var fields = 0
    for part in parts {
      let end = part.firstIndex(of: .word("AS")) ?? part.count
      for (index, token) in part[..<end].enumerated() {
        switch token {
        case .name(let name):
          if !known.contains(name) { faults.append("\(measurement) has no field or tag \(name)") }
          if !tags.contains(name) { fields += 1 }
        case .word(let word):
          let isCall = part.indices.contains(index + 1) && part[index + 1] == .sign("(")
          if isCall { calls += 1 }
          if isCall, !Self.functions.contains(word) { faults.append("no function \(word)") }
          if !isCall, word.first?.isNumber != true { faults.append("\(word) is not in quotes") }
        default: break
        }
      }
      if end < part.count, case .name(let name)? = part[(end + 1)...].first {
        columns.append(name)
      } else if case .name(let name)? = part.first {
        columns.append(name)
      } else if case .word(let word)? = part.first {
        columns.append(word)
      }
    }
    if fields == 0, !isOuter {
      faults.append("\(measurement): no field is selected, so no row is returned")
    }
  }

  private mutating func readEnd(
    _ tokens: ArraySlice<Token>, _ known: Set<String>, _ groupable: Set<String>
  ) {
    let group = Self.index(of: "GROUP", in: tokens) ?? tokens.endIndex
    for token in tokens[..<group] {
      if case .name(let name) = token, !known.contains(name), name != "time" {
        faults.append("\(measurement) has no field or tag \(name)")
      }
    }
    let rest = tokens[group...]
    let end = Self.index(of: "fill", in: rest) ?? Self.index(of: "ORDER", in: rest) ?? rest.endIndex
    for token in rest[..<end] {
      switch token {
      case .name(let name):
        if !groupable.contains(name) { faults.append("\(measurement) has no tag \(name)") }
        tags.append(name)
      case .word("time"): isOverTime = true
      default: break
      }
    }
    if let at = Self.index(of: "fill", in: rest),
      case .word(let word)? = rest[(at + 1)...].dropFirst().first
    {
      fill = word
    }
  }

  private mutating func readTagValues(_ tokens: [Token], _ catalog: Catalog, _ common: Set<String>)
  {
    guard tokens.count >= 8, tokens[1...3] == [.word("TAG"), .word("VALUES"), .word("FROM")],
      case .name(let name) = tokens[4], tokens[5...6] == [.word("WITH"), .word("KEY")],
      case .name(let tag) = tokens[8]
    else {
      faults.append("it is no SHOW TAG VALUES FROM … WITH KEY = …")
      return
    }
    measurement = name
    tags = [tag]
    let declared = catalog.entries.filter { $0.measurement.name == name }
    if declared.isEmpty { faults.append("no measurement \(name)") }
    let known = common.union(declared.flatMap { $0.measurement.tags.map(\.name) })
    for case .name(let used) in tokens[8...] where !known.contains(used) {
      faults.append("\(name) has no tag \(used)")
    }
  }

  private init() {}
}
