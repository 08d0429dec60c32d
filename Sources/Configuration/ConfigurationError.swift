internal import Metrics

/// What is wrong in a configuration file, where, and what to do about it.
///
/// Printed as compilers do: place and problem, the line with the spot underlined, a hint.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file's path, or the flag (`--limit`) where an argument is wrong.
  public var file: String
  /// The line and column, counted from 1; nil where the whole file is meant.
  public var line: Int?
  public var column: Int?
  /// How many characters are underlined.
  public var length: Int
  /// The line itself, harmless to print and without secrets.
  public var excerpt: Excerpt?
  /// What is wrong, as a sentence fragment: `unknown probe "htpp"`.
  public var problem: String
  /// What to do: `did you mean "http"?`
  public var hint: String?
  /// Whether the work can go on all the same.
  public var isWarning = false

  /// About a whole file, or about something that stands in none.
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

  /// Underlines the node, or `count` characters of it `from` its first.
  public init(
    _ problem: String, at node: Node, from: Int = 0, count: Int? = nil, hint: String? = nil
  ) {
    var mark = node.mark
    // A quoted scalar begins with its quote; what stands in it begins one later.
    var skip = from
    if count != nil, case .scalar(_, .quoted) = node.content { skip += 1 }
    mark = Mark(source: mark.source, line: mark.line, column: mark.column + skip)
    self.init(problem, at: mark, length: count ?? max(1, node.length - skip), hint: hint)
  }

  /// The same as a warning.
  public var asWarning: ConfigurationError {
    var copy = self
    copy.isWarning = true
    return copy
  }

  /// Where it is: `hosts.yml:3:7`.
  private var place: String {
    var text = file.visible
    if let line { text += ":\(line)" }
    if let column, line != nil { text += ":\(column)" }
    return text
  }

  /// Place, problem and hint where one line is all there is, as in what is wrong with a host.
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

/// All that is wrong, so that one run of `scrape lint` shows every fault.
public struct ConfigurationErrors: Error, Sendable, Equatable, CustomStringConvertible {
  public var errors: [ConfigurationError]

  public init(_ errors: [ConfigurationError]) { self.errors = errors }
  public init(_ error: ConfigurationError) { self.errors = [error] }

  /// At most so many are printed: the rest mostly follow from the first.
  static let shown = 30

  public var description: String {
    var text = errors.prefix(Self.shown).map(\.description).joined(separator: "\n\n")
    if errors.count > Self.shown { text += "\n\nand \(errors.count - Self.shown) more" }
    return text
  }
}

/// Gathers what is wrong while the reading goes on.
public struct Findings: Sendable {
  private var kept: [ConfigurationError] = []
  private var keptWarnings: [ConfigurationError] = []
  private var seen: Set<String> = []
  /// A file of a million faults is told by its first thousand.
  static let limit = 1000

  public init() {}

  /// Keeps an error, or a warning where it is one; the same at the same place is kept once.
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

  /// The result, or nil where it threw; what it threw is kept.
  public mutating func attempt<Result>(
    _ body: () throws(ConfigurationError) -> Result
  ) -> Result? {
    do throws(ConfigurationError) { return try body() } catch {
      add(error)
      return nil
    }
  }

  /// Sets the value, or keeps why it cannot be.
  public mutating func set<Value>(
    _ value: inout Value, _ body: () throws(ConfigurationError) -> Value
  ) {
    if let result = attempt(body) { value = result }
  }

  /// As `attempt`, for what adds findings of its own before it throws.
  public mutating func gather<Result>(
    _ body: (inout Findings) throws(ConfigurationError) -> Result
  ) -> Result? {
    do throws(ConfigurationError) { return try body(&self) } catch {
      add(error)
      return nil
    }
  }

  /// Throws all errors, if there are any.
  public func finish() throws(ConfigurationErrors) {
    if !kept.isEmpty { throw ConfigurationErrors(errors) }
  }
}
