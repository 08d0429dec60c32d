/// The page of all commands in Markdown.
public enum CommandsPage {
  public static func text(_ program: Program) -> String {
    var text = "| command | purpose |\n| --- | --- |\n"
    for command in program.commands {
      text +=
        "| [`\(command.name)`](#\(program.name)-\(command.name)) | \(cell(command.summary)) |\n"
    }
    text += "\n| exit code | meaning |\n| --- | --- |\n"
    for exit in program.exits { text += "| \(exit.word) | \(cell(exit.meaning)) |\n" }
    for command in program.commands { text += "\n\(section(command, of: program))" }
    return text
  }

  private static func section(_ command: CommandManual, of program: Program) -> String {
    var text = "## `\(program.name) \(command.name)`\n\n\(command.summary)\n\n```text\n"
    let operands = command.operands.isEmpty ? "" : " \(command.operands)"
    text += "\(program.name) \(command.name) [OPTIONS]\(operands)\n```\n"
    for block in Block.blocks(command.discussion) {
      switch block {
      case .paragraph(let lines): text += "\n\(lines.joined(separator: "\n"))\n"
      case .literal(let lines): text += "\n```text\n\(lines.joined(separator: "\n"))\n```\n"
      }
    }
    text += "\n| option | meaning |\n| --- | --- |\n"
    for option in command.options {
      let names = option.names.map { "`\($0)`" }.joined(separator: " ")
      let value = option.value.map { " `\(cell($0))`" } ?? ""
      text += "| \(names)\(value) | \(cell(option.summary)) |\n"
    }
    text += "\n"
    for example in command.examples { text += "* `\(example.word)`: \(example.meaning)\n" }
    return text
  }

  /// A text in a table: an asterisk is no emphasis, a bar no column.
  private static func cell(_ text: String) -> String {
    var cell = ""
    var isCode = false
    for letter in text {
      if letter == "`" { isCode.toggle() }
      if letter == "|" || !isCode && (letter == "*" || letter == "<") { cell += "\\" }
      cell.append(letter)
    }
    return cell
  }
}
