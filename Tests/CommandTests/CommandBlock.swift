import Foundation

@testable import Console
@testable import Metrics
@testable import Scraper

/// A block of code of a page: ```` ```sh ```` holds commands, ```` ```console ```` commands behind `$ ` with what they
/// print, every other one none.
struct CommandBlock {
  /// A command and the number of its line.
  typealias Line = (number: Int, text: String)

  let number: Int
  let language: String
  let lines: [Line]
  /// Why it is not run: `<!-- not run: REASON -->` above the block.
  let mark: String?

  var holdsCommands: Bool { ["sh", "console"].contains(language) }

  /// The commands, without comments and without what they print. A line that ends with a backslash goes on.
  var commands: [Line] {
    guard holdsCommands else { return [] }
    var commands: [Line] = []
    var isOpen = false
    for (number, text) in lines {
      var text = text
      if isOpen {
        commands[commands.count - 1].text += "\n" + text
      } else if language == "console" {
        guard text.hasPrefix("$ ") else { continue }
        text.removeFirst(2)
        commands.append((number, text))
      } else {
        if text.isEmpty || text.hasPrefix("#") { continue }
        commands.append((number, text))
      }
      isOpen = text.hasSuffix("\\")
    }
    return commands
  }

  /// The blocks of a page.
  static func all(in text: String) -> [CommandBlock] {
    var blocks: [CommandBlock] = []
    var last = ""
    var open: (number: Int, language: String, lines: [Line], mark: String?)?
    for (index, line) in text.components(separatedBy: "\n").enumerated() {
      let trimmed = line.trimmingCharacters(in: .whitespaces)
      if !trimmed.hasPrefix("```") {
        if open != nil { open?.lines.append((index + 1, line)) }
        if open == nil, !trimmed.isEmpty { last = trimmed }
      } else if let (number, language, lines, mark) = open {
        blocks.append(
          CommandBlock(number: number, language: language, lines: lines, mark: mark))
        open = nil
        last = ""
      } else {
        let opening = "<!-- not run:"
        let mark =
          last.hasPrefix(opening) && last.hasSuffix("-->")
          ? last.dropFirst(opening.count).dropLast(3).trimmingCharacters(in: .whitespaces) : nil
        open = (index + 1, String(trimmed.dropFirst(3)), [], mark)
      }
    }
    return blocks
  }

  /// The text with blocks emptied, so that the numbers of lines stay.
  static func prose(_ text: String) -> String {
    var isInside = false
    return text.components(separatedBy: "\n").map { line in
      let isFence = line.trimmingCharacters(in: .whitespaces).hasPrefix("```")
      if isFence { isInside.toggle() }
      return isFence || isInside ? "" : line
    }.joined(separator: "\n")
  }

  /// What stands between backquotes, with the number of the line where it begins.
  static func code(in prose: String) -> [Line] {
    var code: [Line] = []
    var number = 1
    for paragraph in prose.components(separatedBy: "\n\n") {
      if !paragraph.contains("``") {
        var line = number
        for (index, piece) in paragraph.components(separatedBy: "`").enumerated() {
          if index % 2 == 1 {
            code.append((line, piece.replacingOccurrences(of: "\n", with: " ")))
          }
          line += piece.lineBreaks
        }
      }
      number += paragraph.lineBreaks + 2
    }
    return code
  }
}

extension String {
  fileprivate var lineBreaks: Int { reduce(0) { $0 + ($1 == "\n" ? 1 : 0) } }
}

/// Command lines of `scrape` in a text, and whether they are of the table of commands.
enum DocumentedCommand {
  /// The words of each `scrape` in a line of a shell, without `scrape` itself.
  static func words(in line: String) -> [[String]] {
    simpleCommands(in: line).compactMap { words in
      var words = words[...]
      while let word = words.first {
        if word == "sudo" {
          words.removeFirst()
          if words.first == "-u" { words = words.dropFirst(2) }
        } else if ["do", "then", "$"].contains(word) || word.contains("=") && !word.contains("/") {
          words.removeFirst()
        } else {
          break
        }
      }
      guard let name = words.first, name == "scrape" || name.hasSuffix("/scrape") else {
        return nil
      }
      return Array(words.dropFirst())
    }
  }

  /// A line of a shell as the words of each of its commands, without redirections and comments.
  private static func simpleCommands(in line: String) -> [[String]] {
    var commands: [[String]] = [[]]
    var word: String?
    var quote: Character?
    var isTarget = false
    func end() {
      if let text = word, !isTarget { commands[commands.count - 1].append(text) }
      if word != nil { isTarget = false }
      word = nil
    }
    for letter in line.replacingOccurrences(of: "\\\n", with: " ") {
      if let mark = quote {
        if letter == mark { quote = nil } else { word = (word ?? "") + String(letter) }
        continue
      }
      switch letter {
      case "'", "\"":
        quote = letter
        word = word ?? ""
      case " ", "\t", "\n": end()
      case "#" where word == nil: return commands.filter { !$0.isEmpty }
      case "|", ";", "&", "(", ")":
        end()
        isTarget = false
        commands.append([])
      case ">", "<":
        // `2>` is of the redirection.
        if word == "2" { word = nil }
        end()
        isTarget = true
      default: word = (word ?? "") + String(letter)
      }
    }
    end()
    return commands.filter { !$0.isEmpty }
  }

  /// What is wrong with the words behind `scrape`; nil if nothing is. In running text an option may stand without
  /// its value.
  static func fault(of words: [String], inText: Bool = false) -> String? {
    guard let name = words.first else { return nil }
    // A word in capitals is a placeholder.
    if name == name.uppercased() { return nil }
    if ["--help", "-h", "--version", "manual", "complete"].contains(name) { return nil }
    if name == "help" {
      guard let subject = words.dropFirst().first else { return nil }
      let isKnown =
        subject == "metrics" || subject == subject.uppercased()
        || SettingsPage.pages.contains { $0.name == subject }
        || subcommands.contains { $0.name == subject }
      return isKnown ? nil : "no help on \(subject)"
    }
    guard let command = subcommands.first(where: { $0.name == name }) else {
      return "no command \(name)"
    }
    var operands: [String] = []
    var rest = words.dropFirst().filter { $0 != "…" && $0 != "..." }[...]
    while let word = rest.popFirst() {
      guard word.hasPrefix("-"), word.count > 1 else {
        operands.append(word)
        continue
      }
      let option = String(word.prefix { $0 != "=" })
      if option == "--help" || option == "-h" { continue }
      guard let known = command.options.first(where: { $0.name == option || $0.short == option })
      else { return "\(name) has no option \(option)" }
      if known.value == nil {
        if option != word { return "\(name) \(option) takes no value" }
      } else if option == word, rest.popFirst() == nil, !inText {
        return "\(name) \(option) lacks its value"
      }
    }
    let places = command.operands.split(separator: " ")
    if !command.operands.contains("…"), operands.count > places.count {
      return "\(name) takes no \(operands[places.count])"
    }
    // Where the first place is no placeholder but words to choose from.
    let choices = places.first.map { $0.split(separator: "|").map(String.init) } ?? []
    if let first = operands.first, !choices.isEmpty, !choices.contains(first),
      choices.allSatisfy({ $0.allSatisfy(\.isLowercase) })
    {
      return "\(name) takes \(choices.joined(separator: " or ")), not \(first)"
    }
    return nil
  }

  /// `scrape COMMAND …` in a text that is no line of a shell, such as a unit of systemd, up to a quotation mark.
  static func mentions(in line: String) -> [[String]] {
    line.components(separatedBy: "scrape ").dropFirst().compactMap { rest in
      let words = rest.prefix { !"\"`);,".contains($0) }.split(separator: " ").map(String.init)
      guard let name = words.first, subcommands.contains(where: { $0.name == name }) else {
        return nil
      }
      return words.prefix { !$0.hasPrefix("#") }.filter { $0.hasPrefix("-") || $0 == name }
    }
  }

  /// Options of other programs that the pages name.
  private static let foreign = [
    "--collector.textfile.directory", "--status-version", "--web.enable-remote-write-receiver",
  ]

  /// All that is wrong with the commands and options that a page names, as `LINE: …`.
  static func faults(of page: String) -> [String] {
    var faults: [String] = []
    func note(_ number: Int, _ code: String, _ fault: String?) {
      if let fault { faults.append("\(number): `\(code)`: \(fault)") }
    }
    for block in CommandBlock.all(in: page) {
      for (number, text) in block.commands {
        for words in words(in: text) { note(number, text, fault(of: words)) }
      }
      guard !block.holdsCommands else { continue }
      for (number, text) in block.lines {
        for words in mentions(in: text) { note(number, text, fault(of: words, inText: true)) }
      }
    }
    let options = Set(subcommands.flatMap { $0.options.map(\.name) } + ["--help"] + foreign)
    for (number, code) in CommandBlock.code(in: CommandBlock.prose(page)) {
      // A bar in a table is written with a backslash.
      let code = code.replacingOccurrences(of: "\\|", with: "|")
      if code.hasPrefix("scrape ") || code.hasPrefix("sudo ") {
        for words in words(in: code) { note(number, code, fault(of: words, inText: true)) }
      } else if code.hasPrefix("--"),
        let name = code.split(whereSeparator: { " =".contains($0) }).first,
        !options.contains(String(name))
      {
        note(number, code, "no command has this option")
      }
    }
    return faults
  }
}
