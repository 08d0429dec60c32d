public import Configuration
internal import Glibc
public import Metrics

/// The series that a rule evaluates: `cpu.usage_active{cpu=cpu-total}`, `ipmi_sensor.value{name=~fan.*}`.
///
/// `=` and `!=` compare tags with a value; `=~` and `!~` with a POSIX extended regular expression
/// (regex(7)), which must match the whole value. A tag that a point does not have is empty.
public struct Selector: Sendable {
  struct Matcher: Sendable {
    enum Comparison: String, Sendable {
      case equal = "="
      case unequal = "!="
      case matches = "=~"
      case differs = "!~"
    }

    var tag: String
    var comparison: Comparison
    var text: String
    var expression: Expression?

    func matches(_ value: String) -> Bool {
      switch comparison {
      case .equal: value == text
      case .unequal: value != text
      case .matches: expression?.matches(value) == true
      case .differs: expression?.matches(value) == false
      }
    }
  }

  /// The measurement of service groups. It belongs to no host, and its scopes overlap.
  public static let together = "service_summary"
  /// Measurements that no rule can evaluate, with the reason.
  private static let stateless = [
    "event": "an event happens once, and has no state that could end",
    "scrape_doctor": "`scrape doctor` writes it, never a pass",
    "scrape_pass": "it is of no host, and complete only after all rules",
    "scrape_sink": "it is of no host, and complete only after all rules",
    "topology_edge": "it is of no host, and complete only after all rules",
    "topology_node": "it is of no host, and complete only after all rules",
  ]

  /// The text in the file.
  public let text: String
  public let measurement: String
  public let field: String
  /// The unit of the field.
  public let unit: FieldUnit
  let matchers: [Matcher]

  /// Reads `MEASUREMENT.FIELD{TAG=VALUE,…}`. The catalog must have the field.
  public init(_ node: Node, in catalog: Catalog) throws(ConfigurationError) {
    let text = try node.string("a metric")
    self.text = text
    let brace = text.firstIndex(of: "{")
    let name = text[..<(brace ?? text.endIndex)]
    guard let dot = name.firstIndex(of: "."), dot != name.startIndex else {
      throw ConfigurationError(
        "\"\(name)\" is no metric", at: node,
        hint: "write MEASUREMENT.FIELD, such as cpu.usage_active{cpu=cpu-total}")
    }
    measurement = String(name[..<dot])
    field = String(name[name.index(after: dot)...])
    guard catalog.contains(measurement) else {
      throw unknown("measurement", Node(measurement, like: node), among: catalog.names)
    }
    if let reason = Self.stateless[measurement] {
      throw ConfigurationError(
        "\(measurement) cannot be looked at: \(reason)", at: node,
        hint: measurement == "event"
          ? "a rule on the number behind it can: see docs/metrics.md" : nil)
    }
    guard let spec = catalog.field(field, of: measurement) else {
      throw unknown(
        "field", Node(field, like: node), among: catalog.fields(of: measurement) ?? [],
        in: measurement)
    }
    unit = spec.unit
    guard spec.type != .string else {
      throw ConfigurationError("\(name) is a text, and has no threshold", at: node)
    }
    guard let brace else {
      matchers = []
      return
    }
    guard text.last == "}" else {
      throw ConfigurationError("the tags of \(name) do not end in \"}\"", at: node)
    }
    matchers = try Self.matchers(text[text.index(after: brace)...].dropLast(), node)
  }

  private static func matchers(
    _ text: Substring, _ node: Node
  ) throws(ConfigurationError) -> [Matcher] {
    var matchers: [Matcher] = []
    for part in pieces(text) {
      guard let at = part.firstIndex(where: { $0 == "=" || $0 == "!" }), at != part.startIndex
      else {
        throw ConfigurationError(
          "\"\(part)\" compares no tag", at: node, hint: "write TAG=VALUE, != , =~ or !~")
      }
      let rest = part[at...]
      let word = ["=~", "!~", "!=", "="].first { rest.hasPrefix($0) } ?? "="
      guard let comparison = Matcher.Comparison(rawValue: word) else { continue }
      var value = rest.dropFirst(word.count)
      if value.count >= 2, let quote = value.first, quote == "\"" || quote == "'",
        value.last == quote
      {
        value = value.dropFirst().dropLast()
      }
      var matcher = Matcher(
        tag: trimmed(part[..<at]), comparison: comparison, text: trimmed(value))
      if comparison == .matches || comparison == .differs {
        matcher.expression = try Expression(matcher.text, node)
      }
      matchers.append(matcher)
    }
    return matchers
  }

  /// The parts between commas that are outside quotes and brackets.
  private static func pieces(_ text: Substring) -> [Substring] {
    var pieces: [Substring] = []
    var start = text.startIndex
    var quote: Character?
    var depth = 0
    for index in text.indices {
      let character = text[index]
      if let open = quote {
        if character == open { quote = nil }
      } else if character == "\"" || character == "'" {
        quote = character
      } else if "([{".contains(character) {
        depth += 1
      } else if ")]}".contains(character) {
        depth -= 1
      } else if character == ",", depth == 0 {
        pieces.append(text[start..<index])
        start = text.index(after: index)
      }
    }
    pieces.append(text[start...])
    return pieces.filter { !$0.allSatisfy { $0 == " " } }
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text.drop { $0 == " " }
    while text.last == " " { text.removeLast() }
    return String(text)
  }

  /// Whether the point belongs to a selected series; `tags` are the tags of its host.
  public func matches(_ point: Point, tags: [Tag]) -> Bool {
    point.measurement == measurement && isOfScope(point)
      && matchers.allSatisfy { matcher in
        matcher.matches(
          point[tag: matcher.tag] ?? tags.first { $0.name == matcher.tag }?.value ?? "")
      }
  }

  /// In `service_summary` the named tags choose the scope: `{type=https}` is the score of all services of
  /// that type, without those of each group. `scope=` overrides this.
  private func isOfScope(_ point: Point) -> Bool {
    guard measurement == Self.together, !matchers.contains(where: { $0.tag == "scope" }) else {
      return true
    }
    return Set(point.tags.map(\.name)).subtracting(["scope"]) == Set(matchers.map(\.tag))
  }

  /// The value of a selected point as a number; else nil.
  public func value(of point: Point, tags: [Tag]) -> Double? {
    guard matches(point, tags: tags) else { return nil }
    return point[field: field]?.number
  }

  /// The name of the series among those of the rule: `path=/`. Tags that the rule fixes, and tags that
  /// describe a state, are not part of it.
  public func instance(of point: Point) -> String {
    point.tags.filter { tag in
      SeriesName.has(tag.name, of: measurement)
        && !matchers.contains { $0.tag == tag.name && $0.comparison == .equal }
    }
    .sorted { $0.name < $1.name }.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
  }
}

/// A compiled regular expression that must match a whole text (regcomp(3), regexec(3)).
///
/// Unchecked: a compiled expression is only read, which regexec(3) allows from several threads.
final class Expression: @unchecked Sendable {
  private let compiled: UnsafeMutablePointer<regex_t>

  init(_ text: String, _ node: Node) throws(ConfigurationError) {
    let room = UnsafeMutablePointer<regex_t>.allocate(capacity: 1)
    room.initialize(to: regex_t())
    let code = regcomp(room, "^(\(text))$", REG_EXTENDED | REG_NOSUB)
    guard code == 0 else {
      var message = [CChar](repeating: 0, count: 200)
      regerror(code, room, &message, message.count)
      // Before the property is set, so that deinit does not free it once more.
      room.deallocate()
      let words = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      throw ConfigurationError(
        "\"\(text)\" is no regular expression: \(String(decoding: words, as: UTF8.self))",
        at: node)
    }
    compiled = room
  }

  deinit {
    regfree(compiled)
    compiled.deallocate()
  }

  func matches(_ text: String) -> Bool { regexec(compiled, text, 0, nil, 0) == 0 }
}
