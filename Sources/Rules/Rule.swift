public import Configuration
public import Metrics

/// One threshold of scrape.yml: what it looks at, when that is how bad, and for how long.
public struct Rule: Sendable {
  /// How long something must be bad before it counts: passes in a row, or a time.
  public enum Patience: Sendable, Equatable {
    case passes(Int)
    case time(Duration)

    public static let none = Patience.passes(1)
  }

  public let name: String
  public let selector: Selector
  /// From the worst down.
  public let thresholds: [(severity: Severity, threshold: Threshold)]
  /// How much better than its threshold a value must be before it counts as better.
  public let clear: Double
  public let patience: Patience
  public let window: Window?
  /// A pattern of hosts as `--limit` takes it; nil is all.
  public let hosts: String?
  /// Only hosts of this profile.
  public let profile: String?
  /// Its name in the file.
  public let place: Node

  private static let keys = [
    "when", "minor", "warning", "major", "critical", "clear", "for", "window", "hosts", "profile",
  ]

  /// Reads what stands behind a rule's name.
  public init?(_ name: Node, _ node: Node, _ findings: inout Findings) {
    let before = findings.errors.count
    self.name = name.text ?? ""
    place = name
    var selector: Selector?
    var thresholds: [(severity: Severity, threshold: Threshold)] = []
    var clear = 0.0
    var patience = Patience.none
    var window: Window?
    var hosts: String?
    var profile: String?
    let pairs = findings.gather { findings throws(ConfigurationError) in
      try node.mapping("rule \"\(name.text ?? "")\"", keys: Self.keys, &findings)
    }
    for pair in pairs ?? [] {
      let value = pair.value
      _ = findings.attempt { () throws(ConfigurationError) in
        switch pair.name {
        case "when": selector = try Selector(value)
        case "clear": clear = try Self.margin(value)
        case "for": patience = try Self.patience(value)
        case "window": window = try Window(value)
        case "hosts": hosts = try value.string("hosts")
        case "profile": profile = try value.string("profile")
        default:
          // Nagios has one word less.
          let word = pair.name == "warning" ? "minor" : pair.name
          guard let severity = Severity(rawValue: word) else { return }
          thresholds.append((severity, try Threshold(value, pair.name)))
        }
      }
    }
    guard findings.errors.count == before else { return nil }
    guard let selector else {
      findings.add(
        ConfigurationError(
          "rule \"\(self.name)\" looks at nothing", at: name,
          hint: "give it `when: cpu.usage_active`"))
      return nil
    }
    guard !thresholds.isEmpty else {
      findings.add(
        ConfigurationError(
          "rule \"\(self.name)\" has no threshold", at: name,
          hint: "give it `minor:`, `major:` or `critical:`"))
      return nil
    }
    self.selector = selector
    self.thresholds = thresholds.sorted { $0.severity > $1.severity }
    self.clear = clear
    self.patience = patience
    self.window = window
    self.hosts = hosts
    self.profile = profile
  }

  private static func margin(_ node: Node) throws(ConfigurationError) -> Double {
    guard let margin = Threshold.number(Substring(try node.string("clear"))), margin >= 0 else {
      throw ConfigurationError(
        "clear must be how much better a value must be", at: node, hint: "write 5 or 1GiB")
    }
    return margin
  }

  private static func patience(_ node: Node) throws(ConfigurationError) -> Patience {
    let text = try node.string("for")
    if let passes = Int(text), (1...1000).contains(passes) { return .passes(passes) }
    guard let time = Duration(text: text), time > .zero, time <= .seconds(7 * 86_400) else {
      throw ConfigurationError(
        "for must be a number of passes or a length of time", at: node, hint: "write 3 or 2m")
    }
    return .time(time)
  }

  /// How bad the value is; `now` is how bad it was, which a value that is hardly better still is.
  public func severity(of value: Double, now: Severity) -> Severity {
    for (severity, threshold) in thresholds {
      let margin = severity <= now ? clear : 0
      if threshold.isCrossed(by: value, margin: margin) { return severity }
    }
    return .ok
  }

  /// The threshold that makes it so bad.
  public func threshold(for severity: Severity) -> Threshold? {
    thresholds.first { $0.severity == severity }?.threshold
  }

  /// All rules of `rules:`, in their order: a mapping of names, or a list of one-key mappings.
  public static func all(from node: Node?, _ findings: inout Findings) -> [Rule] {
    guard let node else { return [] }
    var pairs: [Node.Pair] = []
    if let items = node.items {
      for item in items {
        guard let pair = item.pairs?.first, item.pairs?.count == 1 else {
          findings.add(item.mismatch("a rule", "a name with its settings"))
          continue
        }
        pairs.append(pair)
      }
    } else {
      pairs = findings.attempt { () throws(ConfigurationError) in try node.mapping("rules") } ?? []
    }
    var names: Set<String> = []
    return pairs.compactMap { pair in
      guard names.insert(pair.name).inserted else {
        findings.add(ConfigurationError("there are two rules \"\(pair.name)\"", at: pair.key))
        return nil
      }
      return Rule(pair.key, pair.value, &findings)
    }
  }
}
