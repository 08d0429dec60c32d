/// A setting as the reference lists it.
public struct Setting: Sendable, Equatable {
  public let key: String
  /// Other names of the same setting.
  public let others: [String]
  /// The type with its limits and unit.
  public let type: String
  /// The default; `required`, or empty where the setting is optional and has none.
  public let usual: String
  /// One sentence.
  public let meaning: String
  /// A value as written in a file.
  public let example: String
  /// The settings of the mapping.
  public internal(set) var inner: [Setting] = []
}

/// The settings of one mapping, as its decoder declares them.
public struct Reference: Sendable {
  /// The mapping, as the heading: `store`.
  public let title: String
  /// What the mapping is for.
  public let summary: String
  /// The whole mapping as written in a file, or empty.
  public let example: String
  public let settings: [Setting]
  /// Examples that their own decoder refuses; none in a sound program.
  public let faults: [String]

  /// Runs a decoder over nothing and records what it takes. Each example is decoded, too.
  public init(
    _ title: String, _ summary: String, example: String = "", noun: String = "key",
    _ read: (inout Fields) -> Void
  ) {
    var fields = Fields(recording: title, noun: noun)
    read(&fields)
    self.title = title
    self.example = example
    self.summary = summary
    settings = fields.recorded
    if !example.isEmpty { fields.check(example, read) }
    faults = fields.faults
  }

  /// The settings that a decoder takes, without a check of their examples.
  public static func settings(_ read: (inout Fields) -> Void) -> [Setting] {
    var fields = Fields(recording: "", checksExamples: false)
    read(&fields)
    return fields.recorded
  }

  /// The heading and the table in Markdown; nested settings have dotted names.
  public func text(level: Int) -> String {
    var text = "\(String(repeating: "#", count: level)) \(title)\n\n\(summary)"
    if !example.isEmpty { text += " Example: `\(example)`." }
    guard !settings.isEmpty else { return text }
    text += "\n\n| setting | type | default | meaning | example |\n| --- | --- | --- | --- | --- |"
    for row in Self.rows(settings, below: "") { text += "\n\(row)" }
    return text
  }

  private static func rows(_ settings: [Setting], below prefix: String) -> [String] {
    settings.flatMap { setting in
      let names = ([prefix + setting.key] + setting.others).map { "`\($0)`" }
      let example = setting.example.isEmpty ? "" : "`\(cell(setting.example))`"
      let row = [
        names.joined(separator: " "), cell(setting.type), cell(setting.usual),
        cell(setting.meaning), example,
      ]
      return ["| \(row.joined(separator: " | ")) |"]
        + rows(setting.inner, below: "\(prefix)\(setting.key).")
    }
  }

  private static func cell(_ text: String) -> String {
    text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
  }
}
