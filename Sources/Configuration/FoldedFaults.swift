internal import Metrics

/// Faults of one kind with all their places: a mistake in a list that a hundred hosts share, or in
/// a hundred lines, is one thing to correct.
public struct FoldedFaults: Sendable {
  /// The first fault, with its line.
  public var first: ConfigurationError
  /// The others, in order.
  public var others: [ConfigurationError]

  /// The limit of named places.
  static let places = 12

  /// Groups faults that differ only in numbers, in the order of the first of each kind.
  public static func all(_ errors: [ConfigurationError]) -> [FoldedFaults] {
    var folded: [FoldedFaults] = []
    var known: [String: Int] = [:]
    for error in errors {
      let kind = kind(of: error)
      if let index = known[kind] {
        folded[index].others.append(error)
      } else {
        known[kind] = folded.count
        folded.append(FoldedFaults(first: error, others: []))
      }
    }
    return folded
  }

  /// The text of an error without the parts that differ from host to host: numbers and places.
  private static func kind(of error: ConfigurationError) -> String {
    var words = error.isWarning ? "w" : "e"
    for text in [error.problem, error.hint ?? ""] {
      words += "\n"
      var inNumber = false
      for character in text {
        let isDigit = character.isASCII && character.isNumber
        if !isDigit { words.append(character) } else if !inNumber { words.append("#") }
        inNumber = isDigit
      }
    }
    // Without a place, faults of two files stay separate.
    return error.line == nil ? words + "\n" + error.file : words
  }

  /// The text for people: the first fault in the style of compilers, then the places of the others.
  public var description: String {
    guard !others.isEmpty else { return first.description }
    var text = first.description
    text += "\nthe same at \(others.count) more place\(others.count == 1 ? "" : "s"): "
    var file = first.file
    var places: [String] = []
    for error in others.prefix(Self.places) {
      let line = error.line.map { ":\($0)" } ?? ""
      let column = error.column.map { ":\($0)" } ?? ""
      places.append((error.file == file ? "" : error.file.visible) + line + column)
      file = error.file
    }
    text += places.joined(separator: ", ")
    if others.count > Self.places { text += " …" }
    return text
  }
}
