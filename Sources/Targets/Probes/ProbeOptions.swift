public import Configuration
public import Metrics

/// The options of one entry of `probes:`; a probe takes those that it knows.
///
/// An option that the probe never takes is unknown; the error names the nearest known one.
public struct ProbeOptions {
  /// The probe, for messages: `probe http`.
  public let what: String
  /// The entry itself.
  public let node: Node
  private let pairs: [Node.Pair]
  private var asked: [String]
  private var findings = Findings()
  /// The time limit if the entry has no `timeout`; nil for the default.
  var time: Duration?

  init(_ name: String, at node: Node, pairs: [Node.Pair], common: [String]) {
    what = "probe \(name)"
    self.node = node
    self.pairs = pairs
    asked = common
  }

  /// Whether the option has a value.
  func has(_ key: String) -> Bool { pairs.contains { $0.name == key && !$0.value.isNull } }

  /// The option's value, or nil if it is missing.
  public mutating func take(_ key: String) -> Node? {
    if !asked.contains(key) { asked.append(key) }
    guard let value = pairs.last(where: { $0.name == key })?.value, !value.isNull else {
      return nil
    }
    return value
  }

  /// The decoded option; nil if it is missing or wrong; the latter is a finding.
  public mutating func take<Value>(
    _ key: String, _ decode: (Node, String) throws(ConfigurationError) -> Value
  ) -> Value? {
    guard let node = take(key) else { return nil }
    return findings.attempt { () throws(ConfigurationError) in try decode(node, key) }
  }

  public mutating func string(_ key: String) -> String? {
    take(key) { node, what throws(ConfigurationError) in try node.string(what) }
  }

  public mutating func strings(_ key: String) -> [String]? {
    take(key) { node, what throws(ConfigurationError) in try node.strings(what) }
  }

  public mutating func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
    take(key) { node, what throws(ConfigurationError) in try node.integer(what, in: range) }
  }

  public mutating func integers(_ key: String, in range: ClosedRange<Int>) -> [Int]? {
    take(key) { node, what throws(ConfigurationError) in
      var values: [Int] = []
      for word in try node.words(what) { values.append(try word.integer(what, in: range)) }
      return values
    }
  }

  public mutating func boolean(_ key: String) -> Bool? {
    take(key) { node, what throws(ConfigurationError) in try node.boolean(what) }
  }

  public mutating func duration(_ key: String, in range: ClosedRange<Duration>) -> Duration? {
    take(key) { node, what throws(ConfigurationError) in try node.duration(what, in: range) }
  }

  public mutating func secret(_ key: String) -> Secret? {
    take(key) { node, what throws(ConfigurationError) in try Secret(node, what) }
  }

  /// A path, relative to its file.
  public mutating func path(_ key: String) -> String? {
    take(key) { node, what throws(ConfigurationError) in
      absolute(try node.string(what), besides: node.mark.file)
    }
  }

  /// The severity of a finding: `minor`, `major`, `critical`, or `ok` to accept it.
  public mutating func severity(_ key: String) -> Severity? {
    choice(key, of: ["ok", "minor", "major", "critical"]).flatMap { Severity(rawValue: $0) }
  }

  /// One word of several.
  public mutating func choice(_ key: String, of words: [String]) -> String? {
    take(key) { node, what throws(ConfigurationError) in
      let word = try node.string(what)
      guard words.contains(word) else { throw unknown(what, node, among: words) }
      return word
    }
  }

  /// A whole number given twice, for a value that is minor and one that is critical:
  /// `loss: {minor: 10, critical: 50}`, or one number for critical.
  public mutating func limits<Value: Comparable & Sendable>(
    _ key: String, _ decode: (Node, String) throws(ConfigurationError) -> Value
  ) -> Limits<Value>? {
    guard let node = take(key) else { return nil }
    guard node.pairs != nil else {
      guard
        let value = findings.attempt({ () throws(ConfigurationError) in try decode(node, key) })
      else { return nil }
      return Limits(critical: value)
    }
    let pairs = findings.gather { findings throws(ConfigurationError) in
      try node.mapping(key, keys: ["minor", "major", "critical"], &findings)
    }
    var limits = Limits<Value>()
    for pair in pairs ?? [] {
      let value = findings.attempt { () throws(ConfigurationError) in
        try decode(pair.value, "\(key): \(pair.name)")
      }
      switch pair.name {
      case "minor": limits.minor = value
      case "major": limits.major = value
      default: limits.critical = value
      }
    }
    return limits
  }

  /// The options of an option that is a mapping itself: `tls: {days: 30}`; nil if it is missing.
  public mutating func nested<Value>(
    _ key: String, _ read: (inout ProbeOptions) -> Value
  ) -> Value? {
    guard let node = take(key),
      let pairs = findings.attempt({ () throws(ConfigurationError) in try node.mapping(key) })
    else { return nil }
    var inner = ProbeOptions(
      "\(what.drop { $0 != " " }.dropFirst()): \(key)", at: node, pairs: pairs, common: [])
    let value = read(&inner)
    inner.finish(into: &findings)
    return value
  }

  /// Adds a fault that the probe found.
  public mutating func add(_ error: ConfigurationError) { findings.add(error) }

  /// The options that the probe took.
  var names: [String] { asked }

  /// Reports faults: wrong values and unknown options. True if there are none.
  @discardableResult
  mutating func finish(into all: inout Findings) -> Bool {
    for pair in pairs where !asked.contains(pair.name) {
      findings.add(unknown("option", pair.key, among: asked, in: what))
    }
    for error in findings.errors { all.add(error) }
    for warning in findings.warnings { all.add(warning) }
    return findings.errors.isEmpty
  }
}
