public import Metrics

/// The type of a setting: how its value is decoded, and how the reference describes it.
///
/// A room adds types of its own in extensions: `extension SettingType where Value == Proxy`.
public struct SettingType<Value> {
  /// The type in the reference, with its limits and unit: `duration, 1s to 1d`.
  public let text: String
  /// A value as written in a file.
  public let example: String
  /// Decodes a value; the text names it in errors.
  public let decode: (Node, String) throws(ConfigurationError) -> Value
  /// A default value as the reference shows it.
  let show: (Value) -> String

  public init(
    _ text: String, example: String, show: @escaping (Value) -> String = SettingType.plain,
    _ decode: @escaping (Node, String) throws(ConfigurationError) -> Value
  ) {
    self.text = text
    self.example = example
    self.show = show
    self.decode = decode
  }

  /// The value in backticks; nothing for an empty text or list.
  public static func plain(_ value: Value) -> String {
    if let collection = value as? any Collection, collection.isEmpty { return "" }
    return "`\(value)`"
  }

  /// The same type with another meaning of its values.
  public func map<Other>(_ convert: @escaping (Value) -> Other) -> SettingType<Other> {
    let decode = self.decode
    return SettingType<Other>(text, example: example) { node, what throws(ConfigurationError) in
      convert(try decode(node, what))
    }
  }

  /// The same type with another description.
  public func described(_ text: String, example: String? = nil) -> SettingType {
    SettingType(text, example: example ?? self.example, show: show, decode)
  }

  /// The same type, or `off` for none.
  public var orOff: SettingType<Value?> {
    let (decode, show) = (self.decode, self.show)
    return SettingType<Value?>(
      "\(text); or `off`", example: example, show: { $0.map(show) ?? "`off`" }
    ) { node, what throws(ConfigurationError) in
      node.asBoolean == false ? nil : try decode(node, what)
    }
  }
}

// MARK: texts

extension SettingType where Value == String {
  /// Any text.
  public static var text: SettingType { text("text") }

  /// Any text, described in other words.
  public static func text(_ text: String, example: String = "text") -> SettingType {
    SettingType(text, example: example) { node, what throws(ConfigurationError) in
      try node.string(what)
    }
  }

  /// A text for a line of a protocol: not empty, without control characters.
  public static var word: SettingType {
    SettingType("text", example: "scrape") { node, what throws(ConfigurationError) in
      let text = try node.string(what)
      guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
        throw ConfigurationError("\(what) is empty or holds a control character", at: node)
      }
      return text
    }
  }

  /// The path of a file, absolute or relative to the file that names it.
  public static var path: SettingType {
    SettingType("path", example: "/etc/scrape/ca.pem") { node, what throws(ConfigurationError) in
      let text = try node.string(what)
      guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
        throw ConfigurationError("\(what) is not a path", at: node)
      }
      return absolute(text, besides: node.mark.file)
    }
  }

  /// One word of several.
  public static func choice(_ words: [String]) -> SettingType {
    SettingType(either(words), example: words.first ?? "") {
      node, what throws(ConfigurationError) in
      let word = try node.string(what)
      guard words.contains(word) else { throw unknown(what, node, among: words) }
      return word
    }
  }

  /// The plain text of a secret; empty unless `lookUp` is set, as in a check of the configuration.
  public static func secret(lookUp: Bool) -> SettingType {
    SettingType("secret", example: "\"${NAME}\"") { node, what throws(ConfigurationError) in
      try Secret.word(node, what, lookUp: lookUp)
    }
  }
}

extension SettingType where Value == Secret {
  /// The location of a secret: `${NAME}`, `file:PATH` or `credential:NAME`.
  public static var secret: SettingType {
    SettingType("secret", example: "\"${NAME}\"") { node, what throws(ConfigurationError) in
      try Secret(node, what)
    }
  }
}

extension SettingType where Value: RawRepresentable<String> & CaseIterable {
  /// One word of an enumeration; `noun` names it in errors, by default the key does.
  public static func choice(_ noun: String? = nil) -> SettingType {
    let words = Value.allCases.map(\.rawValue)
    return SettingType(either(words), example: words.first ?? "", show: { "`\($0.rawValue)`" }) {
      node, what throws(ConfigurationError) in
      guard let value = Value(rawValue: try node.string(what)) else {
        throw unknown(noun ?? what, node, among: words)
      }
      return value
    }
  }
}

/// `a`, `b` or `c`.
public func either(_ words: [String]) -> String {
  let words = words.map { "`\($0)`" }
  guard words.count > 1 else { return words.first ?? "" }
  return words.dropLast().joined(separator: ", ") + " or \(words[words.count - 1])"
}

// MARK: numbers

extension SettingType where Value == Int {
  /// A whole number within the limits.
  public static func integer(
    _ range: ClosedRange<Int> = Int.min...Int.max, unit: String = ""
  ) -> SettingType {
    let limits =
      range == Int.min...Int.max
      ? "" : ", \(range.lowerBound) to \(range.upperBound)"
    return SettingType(
      "integer\(limits)\(unit.isEmpty ? "" : " \(unit)")",
      example: "\(min(max(range.lowerBound, 10), range.upperBound))"
    ) { node, what throws(ConfigurationError) in try node.integer(what, in: range) }
  }

  /// The port of TCP or UDP.
  public static var port: SettingType { .integer(1...65_535).described("port", example: "8443") }

  /// A number of bytes within the limits.
  public static func bytes(_ range: ClosedRange<Int> = 0...Int.max) -> SettingType {
    let limits =
      range == 0...Int.max ? "" : ", \(sizeText(range.lowerBound)) to \(sizeText(range.upperBound))"
    return SettingType(
      "size\(limits)", example: sizeText(max(range.lowerBound, min(64 << 20, range.upperBound))),
      show: { "`\(sizeText($0))`" }
    ) { node, what throws(ConfigurationError) in try node.bytes(what, in: range) }
  }
}

/// The shortest text that `byteCount` reads: `64KiB`, `1GiB`.
func sizeText(_ bytes: Int) -> String {
  for (name, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)] {
    if bytes > 0, bytes % (1 << shift) == 0 { return "\(bytes >> shift)\(name)" }
  }
  return "\(bytes)"
}

extension SettingType where Value == Bool {
  /// `yes` or `no`, with YAML 1.1's other words for them.
  public static var boolean: SettingType {
    SettingType("boolean", example: "yes", show: { $0 ? "`yes`" : "`no`" }) {
      node, what throws(ConfigurationError) in try node.boolean(what)
    }
  }
}

extension SettingType where Value == Duration {
  /// A length of time within the limits.
  public static func duration(
    _ range: ClosedRange<Duration> = .zero ... .seconds(10 * 366 * 86_400)
  ) -> SettingType {
    let limits =
      range.upperBound >= .seconds(3660 * 86_400) && range.lowerBound == .zero
      ? "" : ", \(range.lowerBound.text) to \(range.upperBound.text)"
    return SettingType(
      "duration\(limits)", example: max(range.lowerBound, min(.seconds(10), range.upperBound)).text,
      show: { "`\($0.text)`" }
    ) { node, what throws(ConfigurationError) in try node.duration(what, in: range) }
  }

  /// An `every:`, with the same limits everywhere: from `least`, usually 0 for each pass, to 366 days.
  public static func interval(least: Duration = .zero) -> SettingType {
    SettingType(
      "duration, \(least.text) to 366d", example: "5m",
      show: { $0 == .zero ? "each pass" : "`\($0.text)`" }
    ) { node, what throws(ConfigurationError) in try node.interval(what, least: least) }
  }
}

extension SettingType where Value == Patience {
  /// Consecutive passes, or a length of time.
  public static var patience: SettingType {
    SettingType("passes (`3`) or duration (`2m`)", example: "3") {
      node, what throws(ConfigurationError) in try node.patience(what)
    }
  }
}

extension SettingType where Value == Severity {
  /// The severity of a finding: `ok` accepts it.
  public static var severity: SettingType {
    let words = ["ok", "minor", "major", "critical"]
    return SettingType(either(words), example: "major", show: { "`\($0.rawValue)`" }) {
      node, what throws(ConfigurationError) in
      guard let severity = Severity(rawValue: try node.string(what)), severity != .unknown else {
        throw Configuration.unknown(what, node, among: words)
      }
      return severity
    }
  }
}

// MARK: lists

extension SettingType where Value == [String] {
  /// A list of words; one word is a list of one, and commas separate words in one text.
  public static var words: SettingType { words("list of words", example: "[one, two]") }

  public static func words(_ text: String, example: String) -> SettingType {
    SettingType(text, example: example) { node, what throws(ConfigurationError) in
      try node.strings(what)
    }
  }
}

extension SettingType where Value == Node {
  /// A value that another reader decodes.
  public static func node(_ text: String, example: String) -> SettingType {
    SettingType(text, example: example) { node, _ in node }
  }
}

extension SettingType {
  /// A list of such values; one value is a list of one.
  public var list: SettingType<[Value]> {
    let decode = self.decode
    return SettingType<[Value]>("\(text), or a list of them", example: example) {
      node, what throws(ConfigurationError) in
      var values: [Value] = []
      for item in node.items ?? [node] { values.append(try decode(item, what)) }
      return values
    }
  }
}
