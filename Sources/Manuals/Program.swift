/// A program as its manual pages, its page of commands and its completions describe it.
///
/// The texts are those of `--help`: paragraphs with blank lines between them, code in backticks.
public struct Program: Sendable {
  public var name: String
  public var version: String
  /// What it is, as in the first line of a manual page: no full stop.
  public var summary: String
  public var discussion: String
  public var commands: [CommandManual]
  /// Exit codes and their meaning.
  public var exits: [Term]
  public var environment: [Term]
  public var files: [Term]
  /// What may stand in the place of a word such as `HOST` or after an option such as `--sort`, also of one
  /// command only: `host NAME`, `ack --check`; no words mean that nothing is offered.
  public var values: [String: Values]

  public init(
    name: String, version: String, summary: String, discussion: String, commands: [CommandManual],
    exits: [Term] = [], environment: [Term] = [], files: [Term] = [],
    values: [String: Values] = [:]
  ) {
    self.name = name
    self.version = version
    self.summary = summary
    self.discussion = discussion
    self.commands = commands
    self.exits = exits
    self.environment = environment
    self.files = files
    self.values = values
  }
}

/// A word and its meaning.
public struct Term: Sendable {
  public var word: String
  public var meaning: String

  public init(_ word: String, _ meaning: String) {
    self.word = word
    self.meaning = meaning
  }
}

/// A subcommand.
public struct CommandManual: Sendable {
  public var name: String
  /// The purpose in one sentence.
  public var summary: String
  /// The operands as `--help` shows them: `[PATTERN]`, `list|test [CONTACT]`.
  public var operands: String
  public var options: [OptionManual]
  public var discussion: String
  /// Command lines and their purpose.
  public var examples: [Term]

  public init(
    name: String, summary: String, operands: String, options: [OptionManual], discussion: String,
    examples: [Term]
  ) {
    self.name = name
    self.summary = summary
    self.operands = operands
    self.options = options
    self.discussion = discussion
    self.examples = examples
  }
}

/// An option of a subcommand.
public struct OptionManual: Sendable {
  /// `-i`, `--inventory`.
  public var names: [String]
  /// The placeholder of its value; nil for an option without one.
  public var value: String?
  public var summary: String

  public init(_ names: [String], value: String?, _ summary: String) {
    self.names = names
    self.value = value
    self.summary = summary
  }

  /// The option that every subcommand has.
  static let help = OptionManual(["-h", "--help"], value: nil, "This page.")
}

/// What completion offers in one place.
public enum Values: Sendable, Equatable {
  case words([String])
  case files
  case folders
  /// Names of that kind from the inventory: `scrape complete KIND`.
  case names(String)
  /// The same, several with `,`, `:`, `&` or `!` between them.
  case list(String)
}

/// The settings of a file, one section per mapping.
public struct SettingsManual: Sendable {
  public struct Section: Sendable {
    /// In Markdown, as all texts here: code in backticks, links to pages.
    public var title: String
    public var summary: String
    public var example: String
    public var settings: [Row]

    public init(title: String, summary: String, example: String, settings: [Row]) {
      self.title = title
      self.summary = summary
      self.example = example
      self.settings = settings
    }
  }

  public struct Row: Sendable {
    /// The name and its other names; of a nested setting with dots.
    public var names: [String]
    public var type: String
    public var usual: String
    public var meaning: String
    public var example: String

    public init(names: [String], type: String, usual: String, meaning: String, example: String) {
      self.names = names
      self.type = type
      self.usual = usual
      self.meaning = meaning
      self.example = example
    }
  }

  /// The page: `scrape.yml`.
  public var name: String
  public var summary: String
  public var discussion: String
  /// How values of each type are written.
  public var types: [Term]
  public var sections: [Section]

  public init(
    name: String, summary: String, discussion: String, types: [Term] = [], sections: [Section]
  ) {
    self.name = name
    self.summary = summary
    self.discussion = discussion
    self.types = types
    self.sections = sections
  }
}
