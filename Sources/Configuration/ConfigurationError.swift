internal import Metrics

/// A fault in a configuration file: the problem, its place, and a hint.
///
/// Printed in the style of compilers: place and problem, the line with the place underlined, a
/// hint.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file's path, or the flag (`--limit`) of an argument.
  public var file: String
  /// The line and column, counted from 1; nil for the whole file.
  public var line: Int?
  public var column: Int?
  /// The number of underlined characters.
  public var length: Int
  /// The line itself, harmless to print and without secrets.
  public var excerpt: Excerpt?
  /// The problem, as a sentence fragment: `unknown probe "htpp"`.
  public var problem: String
  /// A hint: `did you mean "http"?`
  public var hint: String?
  /// Whether the work can continue in spite of it.
  public var isWarning = false
  /// Whether it is the warning of a key's old name.
  public var isRenamed = false

  /// A fault of a whole file, or of a value without a file.
  public init(_ problem: String, file: String, hint: String? = nil) {
    self.file = file
    self.length = 0
    self.problem = problem
    self.hint = hint
  }

  public init(_ problem: String, at mark: Mark, length: Int = 1, hint: String? = nil) {
    self.file = mark.file
    if mark.source.isFile { self.line = mark.line }
    self.column = mark.column
    self.length = max(1, length)
    self.problem = problem
    self.hint = hint
    self.excerpt = mark.source.excerpt(line: mark.line, column: mark.column, length: self.length)
  }

  /// Underlines the node, or `count` characters of it starting at `from`.
  public init(
    _ problem: String, at node: Node, from: Int = 0, count: Int? = nil, hint: String? = nil
  ) {
    var mark = node.mark
    // A quoted scalar begins with its quote; its text begins one character later.
    var skip = from
    if count != nil, case .scalar(_, .quoted) = node.content { skip += 1 }
    mark = Mark(source: mark.source, line: mark.line, column: mark.column + skip)
    self.init(problem, at: mark, length: count ?? max(1, node.length - skip), hint: hint)
  }

  /// The same fault as a warning.
  public var asWarning: ConfigurationError {
    var copy = self
    copy.isWarning = true
    return copy
  }

  /// The place: `hosts.yml:3:7`.
  private var place: String {
    var text = file.visible
    if let line { text += ":\(line)" }
    if let column, line != nil { text += ":\(column)" }
    return text
  }

  /// Place, problem and hint in one line, for example for a host's fault.
  public var oneLine: String {
    "\(place): \(problem.visible)" + (hint.map { "; \($0.visible)" } ?? "")
  }

  public var description: String {
    var text = place
    text += isWarning ? ": warning: \(problem.visible)" : ": \(problem.visible)"
    if let excerpt {
      let number = line.map { " \($0)" } ?? " "
      let blank = String(repeating: " ", count: number.count)
      text += "\n\(number) | \(excerpt.text)\n\(blank) | "
      text += String(repeating: " ", count: excerpt.indent)
      text += "^" + String(repeating: "~", count: max(0, excerpt.width - 1))
    }
    if let hint { text += "\n\(hint.visible)" }
    return text
  }
}

/// All faults, so that one run of `scrape lint` shows them all.
public struct ConfigurationErrors: Error, Sendable, Equatable, CustomStringConvertible {
  public var errors: [ConfigurationError]

  public init(_ errors: [ConfigurationError]) { self.errors = errors }
  public init(_ error: ConfigurationError) { self.errors = [error] }

  /// The limit of printed faults: the rest are mostly consequences of the first.
  static let shown = 30

  public var description: String {
    var text = errors.prefix(Self.shown).map(\.description).joined(separator: "\n\n")
    if errors.count > Self.shown { text += "\n\nand \(errors.count - Self.shown) more" }
    return text
  }
}

/// Collects faults while the configuration is read.
public struct Findings: Sendable {
  fileprivate(set) var kept: [ConfigurationError] = []
  fileprivate(set) var keptWarnings: [ConfigurationError] = []
  private var seen: Set<String> = []
  /// The limit of collected faults: the first thousand describe a file of a million.
  static let limit = 1000

  public init() {}

  /// Adds an error or a warning; the same fault at the same place is kept once.
  public mutating func add(_ error: ConfigurationError) {
    let count = error.isWarning ? keptWarnings.count : kept.count
    guard count < Self.limit else { return }
    let place = "\(error.file):\(error.line ?? 0):\(error.column ?? 0):\(error.problem)"
    guard seen.insert(place).inserted else { return }
    if error.isWarning { keptWarnings.append(error) } else { kept.append(error) }
  }

  /// The errors, file by file and from top to bottom.
  public var errors: [ConfigurationError] { Self.inOrder(kept) }
  /// The warnings in the same order.
  public var warnings: [ConfigurationError] { Self.inOrder(keptWarnings) }

  private static func inOrder(_ all: [ConfigurationError]) -> [ConfigurationError] {
    var files: [String: Int] = [:]
    for error in all where files[error.file] == nil { files[error.file] = files.count }
    return all.sorted { left, right in
      (files[left.file] ?? 0, left.line ?? 0, left.column ?? 0)
        < (files[right.file] ?? 0, right.line ?? 0, right.column ?? 0)
    }
  }

  public mutating func warn(_ warning: ConfigurationError) { add(warning.asWarning) }

  /// The result, or nil if it threw; the error is kept.
  public mutating func attempt<Result>(
    _ body: () throws(ConfigurationError) -> Result
  ) -> Result? {
    do throws(ConfigurationError) { return try body() } catch {
      add(error)
      return nil
    }
  }

  /// Sets the value, or keeps the error.
  public mutating func set<Value>(
    _ value: inout Value, _ body: () throws(ConfigurationError) -> Value
  ) {
    if let result = attempt(body) { value = result }
  }

  /// Throws all errors, if there are any.
  public func finish() throws(ConfigurationErrors) {
    if !kept.isEmpty { throw ConfigurationErrors(errors) }
  }
}
