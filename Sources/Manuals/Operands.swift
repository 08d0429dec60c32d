/// The operands of a command, taken apart for completion: `[PATTERN] | try [RULE] | lint FILE`.
struct Operands: Equatable {
  /// What may stand in one place: literal words in lower case, placeholders in capitals.
  struct Place: Equatable {
    var literals: [String] = []
    var placeholders: [String] = []
  }

  /// Ways to write the operands, each a list of places.
  var forms: [[Place]]

  init(_ text: String) {
    forms = Self.split(text, at: "|", spaced: true).map { form in
      Self.split(form, at: " ").map { Self.place($0) }
    }.filter { !$0.isEmpty }
  }

  /// The words that choose a form.
  var keywords: [String] { forms.flatMap { $0.first?.literals ?? [] } }

  var count: Int { forms.map(\.count).max() ?? 0 }

  /// What may stand at this place; `first` is the first operand, if it is one of the keywords.
  func place(_ index: Int, after first: String?) -> Place {
    var union = Place()
    for form in forms where index < form.count {
      if index > 0 {
        if let first, !form[0].literals.contains(first) { continue }
        if first == nil, form[0].placeholders.isEmpty { continue }
      }
      union.literals += form[index].literals.filter { !union.literals.contains($0) }
      union.placeholders += form[index].placeholders.filter { !union.placeholders.contains($0) }
    }
    return union
  }

  private static func place(_ text: Substring) -> Place {
    var place = Place()
    for one in text.filter({ $0 != "[" && $0 != "]" }).split(separator: "|") {
      guard let word = one.split(separator: " ").first else { continue }
      if word.allSatisfy({ $0.isLowercase }) {
        place.literals.append(String(word))
      } else {
        place.placeholders.append(String(word))
      }
    }
    return place
  }

  /// Splits outside of brackets; `spaced` requires blanks around the separator.
  private static func split(
    _ text: some StringProtocol, at separator: Character, spaced: Bool = false
  ) -> [Substring] {
    let text = Substring(text)
    var parts: [Substring] = []
    var depth = 0
    var start = text.startIndex
    for index in text.indices {
      switch text[index] {
      case "[": depth += 1
      case "]": depth -= 1
      case separator where depth == 0:
        let isBetween = index > text.startIndex && text[text.index(before: index)] == " "
        if spaced, !isBetween { continue }
        parts.append(text[start..<index])
        start = text.index(after: index)
      default: break
      }
    }
    parts.append(text[start...])
    return parts.map { trimmed($0) }.filter { !$0.isEmpty }
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return text
  }
}

extension Program {
  /// What completion offers for the value of an option.
  func values(of option: OptionManual, in command: CommandManual) -> Values? {
    guard let value = option.value else { return nil }
    for name in option.names.reversed() {
      guard let known = values["\(command.name) \(name)"] ?? values[name] else { continue }
      return known == .words([]) ? nil : known
    }
    return values(for: value, in: command)
  }

  /// What completion offers in the place of a placeholder.
  func values(for placeholder: String, in command: CommandManual) -> Values? {
    if let known = values["\(command.name) \(placeholder)"] ?? values[placeholder] { return known }
    let choices = placeholder.split(separator: "|")
    return choices.count > 1 ? .words(choices.map(String.init)) : nil
  }

  /// What completion offers at a place of the operands.
  func values(
    at index: Int, after first: String?, of operands: Operands, in command: CommandManual
  ) -> [Values] {
    let place = operands.place(index, after: first)
    return (place.literals.isEmpty ? [] : [Values.words(place.literals)])
      + place.placeholders.compactMap { values(for: $0, in: command) }
  }
}
