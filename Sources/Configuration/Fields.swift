/// Decodes a mapping. A setting is declared once, where it is taken: key, type with limits and unit,
/// default, one sentence, example.
///
///     let port = fields.take("port", .port, default: 22, "Port of SSH.")
///
/// A key that is never taken is unknown; the error names the nearest known one. An empty value counts as
/// missing. All faults are collected: `finish` hands them over.
///
/// The same code prints the reference: `Reference` runs it over fields that record what is taken.
public struct Fields {
  /// The mapping in errors: `store`, `probe http`.
  public let what: String
  /// The mapping itself.
  public let node: Node
  /// A name with its value; the name is the one that was found: a setting may have several.
  public typealias Found = (name: String, value: Node)

  private enum Source {
    case pairs([Node.Pair])
    case finder((_ names: [String]) throws(ConfigurationError) -> Found?)
    /// Nothing is there; what is taken is recorded.
    case reference
  }

  private let source: Source
  /// `key` or `option`, in errors.
  private let noun: String
  /// What precedes a key in errors about its value: `loss: `.
  private let prefix: String
  private var taken: [String] = []
  private var findings = Findings()
  private var missing: [ConfigurationError] = []
  /// The recorded settings.
  var recorded: [Setting] = []
  /// Whether examples are decoded, too.
  private var checksExamples = true
  /// The faults of recorded examples.
  var faults: [String] = []

  /// Reads a mapping; an empty value is an empty mapping, any other is a fault.
  public init(_ what: String, at node: Node, noun: String = "key") {
    self.init(what, at: node, pairs: [], noun: noun, prefix: "", read: true)
  }

  /// Reads entries that were taken from one or several mappings; the last of a name counts.
  public init(_ what: String, at node: Node, pairs: [Node.Pair], noun: String = "key") {
    self.init(what, at: node, pairs: pairs, noun: noun, prefix: "", read: false)
  }

  private init(
    _ what: String, at node: Node, pairs: [Node.Pair], noun: String, prefix: String, read: Bool
  ) {
    self.what = what
    self.node = node
    self.noun = noun
    self.prefix = prefix
    guard read else {
      source = .pairs(pairs)
      return
    }
    let pairs = findings.attempt { () throws(ConfigurationError) in try node.mapping(what) }
    source = .pairs(Renamed.present(pairs ?? [], in: what, &findings))
  }

  /// Reads values that are found in another way, such as the variables of a host and its groups. No name
  /// is unknown.
  public init(
    _ what: String, at node: Node,
    find: @escaping (_ names: [String]) throws(ConfigurationError) -> Found?
  ) {
    self.what = what
    self.node = node
    noun = "key"
    prefix = ""
    source = .finder(find)
  }

  /// Records what is taken.
  init(recording what: String, noun: String = "key", checksExamples: Bool = true) {
    self.checksExamples = checksExamples
    self.what = what
    node = Self.nothing
    self.noun = noun
    prefix = ""
    source = .reference
  }

  private static let nothing = {
    let mark = Configuration.Source("reference", text: "").mark(atByte: 0)
    return Node(.scalar("", .plain), mark: mark, end: mark)
  }()

  /// Whether the fields are those of the reference: nothing is set.
  public var isReference: Bool { if case .reference = source { true } else { false } }

  // MARK: one value
  // A type is made where it is needed: an inventory has thousands of settings that nobody sets.

  /// The value of a setting, or nil where it is missing or wrong. `otherwise` is what then holds, in
  /// words: `the user that runs scrape`. Other names of the setting are `also`.
  public mutating func take<Value>(
    _ key: String, also others: [String] = [], _ type: @autoclosure () -> SettingType<Value>,
    otherwise: String = "", _ meaning: String, example: String? = nil
  ) -> Value? {
    if isReference {
      record(key, others, type(), otherwise, meaning, example)
      return nil
    }
    guard let found = find(key, others) else { return nil }
    return decode(found, type())
  }

  /// The value of a setting, or the default.
  public mutating func take<Value>(
    _ key: String, also others: [String] = [], _ type: @autoclosure () -> SettingType<Value>,
    default usual: Value, _ meaning: String, example: String? = nil
  ) -> Value {
    if isReference {
      record(key, others, type(), type().show(usual), meaning, example)
      return usual
    }
    guard let found = find(key, others) else { return usual }
    return decode(found, type()) ?? usual
  }

  /// Sets a value that the setting changes; its present value is the default.
  public mutating func set<Value>(
    _ value: inout Value, _ key: String, also others: [String] = [],
    _ type: @autoclosure () -> SettingType<Value>,
    _ meaning: String, example: String? = nil
  ) {
    value = take(key, also: others, type(), default: value, meaning, example: example)
  }

  /// As `set`, for a value that has no default.
  public mutating func set<Value>(
    _ value: inout Value?, _ key: String, also others: [String] = [],
    _ type: @autoclosure () -> SettingType<Value>,
    otherwise: String = "", _ meaning: String, example: String? = nil
  ) {
    value =
      take(key, also: others, type(), otherwise: otherwise, meaning, example: example) ?? value
  }

  /// The value of a setting that must be there: `influxdb2 has no bucket`, with the example as the hint.
  public mutating func require<Value>(
    _ key: String, _ type: @autoclosure () -> SettingType<Value>, _ meaning: String,
    example: String? = nil
  ) -> Value? {
    if isReference {
      record(key, [], type(), "required", meaning, example)
      return nil
    }
    guard let found = find(key, []) else {
      needs(key, example: example ?? type().example)
      return nil
    }
    return decode(found, type())
  }

  /// The value of a setting for its own reader, also an empty one.
  public mutating func node(
    _ key: String, _ type: String, otherwise: String = "", _ meaning: String, example: String
  ) -> Node? {
    if isReference {
      record(key, [], .node(type, example: example), otherwise, meaning, nil)
      return nil
    }
    taken.append(key)
    guard case .pairs(let pairs) = source else { return nil }
    return pairs.last { $0.name == key }?.value
  }

  /// Declares a setting that its own reader decodes, such as one whose values add up.
  public mutating func declare<Value>(
    _ key: String, also others: [String] = [], _ type: @autoclosure () -> SettingType<Value>,
    otherwise: String = "",
    _ meaning: String, example: String? = nil
  ) {
    if isReference {
      record(key, others, type(), otherwise, meaning, example)
    } else {
      taken.append(key)
    }
  }

  /// Adds the fault that a setting is missing.
  public mutating func needs(_ key: String, example: String) {
    addUnlessFaulty(
      ConfigurationError("\(what) has no \(key)", at: node, hint: "\(key): \(example)"))
  }

  private mutating func decode<Value>(_ found: Found, _ type: SettingType<Value>) -> Value? {
    do throws(ConfigurationError) { return try type.decode(found.value, prefix + found.name) } catch
    {
      findings.add(error)
      return nil
    }
  }

  private mutating func find(_ key: String, _ others: [String]) -> Found? {
    switch source {
    case .pairs(let pairs):
      taken.append(key)
      if !others.isEmpty { taken += others }
      guard
        let pair = pairs.last(where: { $0.name == key || others.contains($0.name) }),
        !pair.value.isNull
      else { return nil }
      return (pair.name, pair.value)
    case .finder(let find):
      do throws(ConfigurationError) {
        return try find(others.isEmpty ? [key] : [key] + others)
      } catch {
        findings.add(error)
        return nil
      }
    case .reference: return nil
    }
  }

  private mutating func record<Value>(
    _ key: String, _ others: [String], _ type: SettingType<Value>, _ usual: String,
    _ meaning: String,
    _ example: String?
  ) {
    let example = example ?? type.example
    recorded.append(
      Setting(
        key: key, others: others, type: type.text, usual: usual, meaning: meaning, example: example)
    )
    check(example, of: key) { value, findings in
      _ = findings.attempt { () throws(ConfigurationError) in try type.decode(value, key) }
    }
  }

  /// Decodes an example; its faults are those of the reference.
  private mutating func check(
    _ example: String, of key: String, _ decode: (Node, inout Findings) -> Void
  ) {
    guard checksExamples else { return }
    var findings = Findings()
    let root = findings.attempt { () throws(ConfigurationError) in
      try YAML.read(Configuration.Source("/reference", text: "\(key): \(example)"))
    }
    if let value = root?.pairs?.first?.value {
      if value.isNull { faults.append("\(what): \(key): the example is empty") }
      decode(value, &findings)
    } else if findings.isSound {
      faults.append("\(what): \(key): \(example): not one value")
    }
    faults += findings.errors.map { "\(what): \(key): \(example): \($0.problem)" }
  }

  /// Decodes an example of the whole mapping.
  mutating func check(_ example: String, _ read: (inout Fields) -> Void) {
    let (what, noun) = (self.what, self.noun)
    check(example, of: "example") { value, findings in
      var fields = Fields(what, at: value, noun: noun)
      read(&fields)
      fields.finish(into: &findings)
    }
  }

  // MARK: mappings and lists

  /// The decoded value of a setting that is a mapping itself: `queue: {keep: 7d}`; nil where it is
  /// missing. A short form may stand in its place: `tls: yes`. `read` takes the settings of the mapping.
  public mutating func nested<Value>(
    _ key: String, or short: SettingType<Value>? = nil, otherwise: String = "", _ meaning: String,
    example: String? = nil, what inner: String? = nil, prefix: String = "", isListed: Bool = true,
    _ read: (inout Fields) -> Value?
  ) -> Value? {
    let what =
      inner
      ?? (noun == "option" ? "\(self.what.drop { $0 != " " }.dropFirst()): \(key)" : key)
    if isReference {
      record(
        key, type: short.map { "\($0.text); or mapping" } ?? "mapping", otherwise, meaning,
        example ?? short?.example, what, isListed: isListed, or: short, read)
      return nil
    }
    guard let found = find(key, []) else { return nil }
    if let short, found.value.pairs == nil { return decode(found, short) }
    return decode(what, found.value, prefix: prefix, read)
  }

  /// The decoded members of a list of mappings: `routes: [{to: ops}]`. A short form may stand in place
  /// of a mapping. `each` names a member in errors.
  public mutating func list<Value>(
    _ key: String, of each: String, or short: SettingType<Value>? = nil, otherwise: String = "",
    _ meaning: String, example: String? = nil, _ read: (inout Fields) -> Value?
  ) -> [Value] {
    if isReference {
      record(
        key, type: short.map { "list of: \($0.text); or mapping" } ?? "list of mappings", otherwise,
        meaning, example ?? short.map { "[\($0.example)]" }, each, isListed: true, or: short, read)
      return []
    }
    guard let found = find(key, []) else { return [] }
    var items = [found.value]
    if short == nil || found.value.items != nil {
      let list = findings.attempt { () throws(ConfigurationError) in
        try found.value.list(found.name)
      }
      items = list ?? []
    }
    var values: [Value] = []
    for item in items {
      let value =
        if let short, item.pairs == nil {
          decode((found.name, item), short)
        } else {
          decode(each, item, prefix: "", read)
        }
      if let value { values.append(value) }
    }
    return values
  }

  private mutating func decode<Value>(
    _ what: String, _ node: Node, prefix: String, _ read: (inout Fields) -> Value?
  ) -> Value? {
    var fields = Fields(what, at: node, pairs: [], noun: noun, prefix: prefix, read: true)
    let value = read(&fields)
    return fields.finish(into: &findings) ? value : nil
  }

  private mutating func record<Value>(
    _ key: String, type: String, _ usual: String, _ meaning: String, _ example: String?,
    _ what: String, isListed: Bool, or short: SettingType<Value>?, _ read: (inout Fields) -> Value?
  ) {
    var inner = Fields(recording: what, noun: noun, checksExamples: checksExamples)
    _ = read(&inner)
    faults += inner.faults
    let noun = self.noun
    if let example {
      check(example, of: key) { value, findings in
        for item in value.items ?? [value] {
          if let short, item.pairs == nil {
            _ = findings.attempt { () throws(ConfigurationError) in try short.decode(item, key) }
          } else {
            var fields = Fields(what, at: item, noun: noun)
            _ = read(&fields)
            fields.finish(into: &findings)
          }
        }
      }
    }
    recorded.append(
      Setting(
        key: key, others: [], type: type, usual: usual, meaning: meaning, example: example ?? "",
        inner: isListed ? inner.recorded : []))
  }

  // MARK: faults

  /// Whether the setting has a value.
  public func has(_ key: String) -> Bool {
    guard case .pairs(let pairs) = source else { return false }
    return pairs.contains { $0.name == key && !$0.value.isNull }
  }

  /// The place of a setting for a fault, else that of the mapping.
  public func place(of key: String) -> Node {
    guard case .pairs(let pairs) = source else { return node }
    return pairs.last { $0.name == key }?.value ?? node
  }

  /// Adds a fault that the caller found.
  public mutating func add(_ error: ConfigurationError) { findings.add(error) }

  /// Adds a fault at the value of a setting, else at the mapping.
  public mutating func add(_ problem: String, at key: String? = nil, hint: String? = nil) {
    findings.add(ConfigurationError(problem, at: key.map(place) ?? node, hint: hint))
  }

  /// Adds a fault that counts only where there is no other: a setting may be missing because its name is
  /// mistyped.
  public mutating func addUnlessFaulty(_ error: ConfigurationError) { missing.append(error) }

  /// Adds a warning.
  public mutating func warn(_ warning: ConfigurationError) { findings.warn(warning) }

  /// Whether no value is wrong so far.
  public var isSound: Bool { findings.isSound }

  /// The names of all settings that were taken.
  public var names: [String] { taken }

  /// Hands all faults over: wrong values and unknown names. True if there are none.
  @discardableResult
  public mutating func finish(into all: inout Findings) -> Bool {
    if case .pairs(let pairs) = source {
      for pair in pairs where !taken.contains(pair.name) {
        findings.add(unknown(noun, pair.key, among: taken, in: what))
      }
    }
    if findings.isSound { for error in missing { findings.add(error) } }
    return findings.hand(to: &all)
  }
}

extension Findings {
  /// Decodes a mapping; nil if it has any fault.
  public mutating func decode<Value>(
    _ what: String, _ node: Node, _ read: (inout Fields) -> Value?
  ) -> Value? {
    var fields = Fields(what, at: node)
    let value = read(&fields)
    return fields.finish(into: &self) ? value : nil
  }

  /// Whether there is no error.
  public var isSound: Bool { kept.isEmpty }

  /// Hands all faults over; true if none is an error.
  mutating func hand(to all: inout Findings) -> Bool {
    for error in kept { all.add(error) }
    for warning in keptWarnings { all.add(warning) }
    return kept.isEmpty
  }
}
