internal import Configuration
internal import Passes

/// An option of the command line.
public struct Option: Sendable {
  /// The name with dashes: `--inventory`.
  var name: String
  var short: String?
  /// The placeholder of the value in help, `PATH`; nil for an option without a value.
  var value: String?
  /// One sentence.
  var summary: String

  /// An option that takes no value.
  init(_ name: String, short: String? = nil, _ summary: String) {
    self.name = name
    self.short = short
    self.summary = summary
  }

  init(_ name: String, short: String? = nil, _ value: String, _ summary: String) {
    self.name = name
    self.short = short
    self.value = value
    self.summary = summary
  }
}

/// A command line, parsed by the options of its command.
struct Arguments {
  private var values: [String: String] = [:]
  private(set) var operands: [String] = []

  init(_ words: [String], options: [Option]) throws(UsageError) {
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        operands += rest
        return
      }
      guard word.hasPrefix("-"), word != "-" else {
        operands.append(word)
        continue
      }
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts[0])
      guard let option = options.first(where: { $0.name == name || $0.short == name }) else {
        let hint = didYouMean(name, among: options.map(\.name)).map { "; \($0)" } ?? ""
        throw UsageError(message: "unknown option \"\(name)\"\(hint)")
      }
      if let placeholder = option.value {
        guard let value = parts.count > 1 ? String(parts[1]) : rest.popFirst() else {
          throw UsageError(message: "\(option.name) needs a value: \(option.name) \(placeholder)")
        }
        values[option.name] = value
      } else {
        guard parts.count == 1 else {
          throw UsageError(message: "\(option.name) takes no value")
        }
        values[option.name] = ""
      }
    }
  }

  func has(_ name: String) -> Bool { values[name] != nil }

  subscript(name: String) -> String? { values[name] }

  /// A whole number within the range; nil without the option.
  func integer(_ name: String, in range: ClosedRange<Int>) throws(UsageError) -> Int? {
    guard let text = values[name] else { return nil }
    guard let value = Int(text), range.contains(value) else {
      throw UsageError(
        message: "\(name) takes a whole number from \(range.lowerBound) to \(range.upperBound), "
          + "not \"\(text)\"")
    }
    return value
  }

  /// A duration such as `30`, `30s` or `2m`; nil without the option.
  func duration(_ name: String) throws(UsageError) -> Duration? {
    guard let text = values[name] else { return nil }
    guard let value = Duration(text: text), value > .zero else {
      throw UsageError(message: "\(name) takes a time such as 30, 30s or 2m, not \"\(text)\"")
    }
    return value
  }
}
