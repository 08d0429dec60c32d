public import Metrics

/// Checked accessors of a node's value. `what` names the value in errors: `"port"`.
extension Node {
  /// The text of a scalar as written: `no` and `1.10` stay unchanged.
  public func string(_ what: String) throws(ConfigurationError) -> String {
    guard let text, !isNull else { throw mismatch(what, "text") }
    return text
  }

  /// An integer in decimal, within the range.
  public func integer(
    _ what: String, in range: ClosedRange<Int> = Int.min...Int.max
  ) throws(ConfigurationError) -> Int {
    let wanted =
      range == Int.min...Int.max
      ? "a whole number" : "a whole number from \(range.lowerBound) to \(range.upperBound)"
    guard let text, let value = Int(text), !text.hasPrefix("+") else {
      throw mismatch(what, wanted)
    }
    guard String(value) == text else {
      // In YAML 1.1, 0100 is 64: the intended number is ambiguous.
      throw ConfigurationError(
        "\(what) has a leading zero", at: self, hint: "write \(value)")
    }
    guard range.contains(value) else {
      throw ConfigurationError("\(what) must be \(wanted)", at: self)
    }
    return value
  }

  /// `true`, `yes` or `on` against `false`, `no` or `off`.
  public func boolean(_ what: String) throws(ConfigurationError) -> Bool {
    guard let value = asBoolean else { throw mismatch(what, "true or false") }
    return value
  }

  /// The boolean of the scalar by YAML 1.1, or nil.
  public var asBoolean: Bool? {
    switch text?.lowercased() {
    case "true", "yes", "on": true
    case "false", "no", "off": false
    default: nil
    }
  }

  /// The delay before a worse state takes effect: observations in a row (`3`) or a time (`2m`).
  public func patience(_ what: String) throws(ConfigurationError) -> Patience {
    let text = try string(what)
    if let passes = Int(text), (1...1000).contains(passes) { return .passes(passes) }
    guard let time = Duration(text: text), time > .zero, time <= .seconds(7 * 86_400) else {
      throw ConfigurationError(
        "\(what) must be a number of passes or a length of time", at: self,
        hint: "write 3 or 2m")
    }
    return .time(time)
  }

  /// A list of words; a single word is a list of one, and commas separate words in one text.
  public func strings(_ what: String) throws(ConfigurationError) -> [String] {
    try words(what).map { $0.text ?? "" }
  }

  /// As `strings`, each word with its place.
  public func words(_ what: String) throws(ConfigurationError) -> [Node] {
    if let items {
      for item in items where item.text == nil || item.isNull {
        throw item.mismatch("a member of \(what)", "a word")
      }
      return items
    }
    guard let text, !isNull else { throw mismatch(what, "a list of words") }
    return text.split(separator: ",").map { part in
      let trimmed = part.drop { $0 == " " }
      let word = String(trimmed.reversed().drop { $0 == " " }.reversed())
      return Node(word, like: self)
    }.filter { $0.text != "" }
  }

  /// A duration: `500ms`, `15s`, `1m`, `2h`, `1d`; a bare number is seconds.
  public func duration(
    _ what: String, in range: ClosedRange<Duration> = .zero ... .seconds(10 * 366 * 86_400)
  ) throws(ConfigurationError) -> Duration {
    guard let text, let value = Duration(text: text) else {
      throw mismatch(what, "a length of time", hint: "write it as 500ms, 15s, 1m, 2h or 1d")
    }
    guard range.contains(value) else {
      throw ConfigurationError(
        "\(what) must be from \(range.lowerBound.text) to \(range.upperBound.text)", at: self)
    }
    return value
  }

  /// An `every:`, with the same range everywhere: from `least`, usually 0 for each pass, to 366
  /// days.
  public func interval(
    _ what: String, least: Duration = .zero
  ) throws(ConfigurationError) -> Duration {
    try duration(what, in: least ... .seconds(366 * 86_400))
  }

  /// A number of bytes: `64KiB`, `1GiB`, `10MB`.
  public func bytes(
    _ what: String, in range: ClosedRange<Int> = 0...Int.max
  ) throws(ConfigurationError) -> Int {
    guard let text, let value = byteCount(text) else {
      throw mismatch(what, "a size", hint: "write it as 64KiB, 10MB or 1GiB")
    }
    guard range.contains(value) else {
      throw ConfigurationError(
        "\(what) must be from \(range.lowerBound) to \(range.upperBound) bytes", at: self)
    }
    return value
  }

  /// The entries of a mapping; an empty value is an empty mapping.
  public func mapping(_ what: String) throws(ConfigurationError) -> [Pair] {
    if isNull { return [] }
    guard let pairs else { throw mismatch(what, "a mapping of names to values") }
    return pairs
  }

  /// The members of a list; an empty value is an empty list.
  public func list(_ what: String) throws(ConfigurationError) -> [Node] {
    if isNull { return [] }
    guard let items else { throw mismatch(what, "a list") }
    return items
  }

  /// The error for a node of the wrong kind.
  public func mismatch(_ what: String, _ wanted: String, hint: String? = nil) -> ConfigurationError
  {
    ConfigurationError("\(what) must be \(wanted), found \(kind)", at: self, hint: hint)
  }
}

/// The error for a word outside of the possible ones: `unknown key "porbes" in host fw1`.
public func unknown(
  _ kind: String, _ word: Node, among candidates: [String], in place: String? = nil
) -> ConfigurationError {
  let text = word.text ?? ""
  var hint = didYouMean(text, among: candidates)
  if hint == nil, !candidates.isEmpty, candidates.count <= 16 {
    hint = "possible: \(candidates.joined(separator: ", "))"
  }
  return ConfigurationError(
    "unknown \(kind) \"\(text)\"\(place.map { " in \($0)" } ?? "")", at: word, hint: hint)
}
