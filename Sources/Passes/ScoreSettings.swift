internal import Configuration
internal import Metrics
internal import Rules

/// The section `scores` of scrape.yml.
struct ScoreSettings {
  /// A named set of weights.
  private enum Preset: String, CaseIterable {
    case percentage, graded

    var weights: Score.Weights { self == .percentage ? .percentage : .graded }
  }

  private(set) var weights = Score.Weights.percentage
  /// The SLA window; nil without one.
  private(set) var sla: SLA?
  /// The host tags that make scopes of summaries.
  private(set) var tags: [String] = []

  /// Reads a mapping, or a preset alone.
  init(_ node: Node?, _ findings: inout Findings) {
    guard let node else { return }
    if node.text != nil {
      let preset = findings.attempt { () throws(ConfigurationError) in
        try SettingType<Preset>.choice("score").decode(node, "scores")
      }
      if let preset { weights = preset.weights }
      return
    }
    var fields = Fields("scores", at: node)
    take(&fields)
    fields.finish(into: &findings)
  }

  private init() {}

  private mutating func take(_ fields: inout Fields) {
    let preset = fields.take(
      "preset", .choice("score"), default: Preset.percentage,
      "Weights of states: only ok counts, or minor 0.9 and major 0.5.", example: "graded")
    // Single weights override the preset.
    weights = preset.weights
    weights.minor = Self.weight("minor", weights.minor, &fields)
    weights.major = Self.weight("major", weights.major, &fields)
    weights.critical = Self.weight("critical", weights.critical, &fields)
    sla = fields.nested(
      "sla", otherwise: "none", "Share of observations that are good, in a window.",
      example: "{window: 24h, count: [ok, minor]}"
    ) { SLA(&$0) }
    tags = fields.take(
      "by", Self.tagNames, default: [],
      "Tags of hosts by which services are counted, too, beside type and group.")
  }

  private static func weight(
    _ severity: String, _ usual: Double, _ fields: inout Fields
  ) -> Double {
    let type = SettingType<Double>("number, 0 to 1", example: "0.5") {
      node, what throws(ConfigurationError) in
      guard let value = Double(try node.string(what)), (0...1).contains(value) else {
        throw ConfigurationError("\(what) must be from 0 to 1", at: node)
      }
      return value
    }
    return fields.take(severity, type, otherwise: "the preset's", "Weight of \(severity).") ?? usual
  }

  private static var tagNames: SettingType<[String]> {
    SettingType("list of tags", example: "[team]") { node, what throws(ConfigurationError) in
      for word in try node.words(what) {
        let name = word.text ?? ""
        guard !["host", "group", "type", "scope"].contains(name) else {
          throw ConfigurationError(
            "\"\(name)\" is no tag of the inventory's", at: word,
            hint: name == "group" ? "services are counted by group without it" : nil)
        }
      }
      return try node.strings(what)
    }
  }

  static var reference: Reference {
    Reference(
      "`scores`",
      "Scores and SLAs of services; in short a preset alone. See [rules](rules.md#business-services)."
    ) { fields in
      var settings = ScoreSettings()
      settings.take(&fields)
    }
  }
}
