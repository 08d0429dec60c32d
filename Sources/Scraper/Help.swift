internal import Metrics

/// The help pages, generated from the subcommands.
enum Help {
  static var overview: String {
    let width = subcommands.map { $0.name.count }.max() ?? 0
    let commands = subcommands.map { "  \(Format.pad($0.name, width))  \($0.summary)" }
    return """
      OVERVIEW: Watches hosts without installing anything on them.

      USAGE: scrape COMMAND [OPTIONS]

      COMMANDS:
      \(commands.joined(separator: "\n"))

      `scrape COMMAND --help` says more about one of them; `scrape --version` names the version;
      `scrape help metrics` lists every measurement and field, `scrape help scrape.yml` and
      `scrape help inventory` every setting.

      EXIT CODES: 0 all is well, 1 some target is not, 2 usage or configuration,
      3 nothing could be delivered, 4 the pass did not end in time, 5 the system denies descriptors,
      address space or threads, 130 interrupted.
      """
  }

  static func page(_ command: any Subcommand.Type) -> String {
    let operands = command.operands.isEmpty ? "" : " \(command.operands)"
    var page = """
      OVERVIEW: \(command.summary)

      USAGE: scrape \(command.name) [OPTIONS]\(operands)

      OPTIONS:

      """
    let rows = command.options.map { option in
      let names = [option.short, option.name].compactMap { $0 }.joined(separator: ", ")
      return (option.value.map { "\(names) \($0)" } ?? names, option.summary)
    }
    let width = rows.map(\.0.count).max() ?? 0
    for (name, summary) in rows + [("-h, --help", "This page.")] {
      page += "  \(Format.pad(name, width))  \(summary)\n"
    }
    if !command.discussion.isEmpty { page += "\n\(command.discussion)\n" }
    page += "\nEXAMPLES:\n"
    for example in command.examples {
      page += "  \(example.line)\n      \(example.purpose)\n"
    }
    return String(page.dropLast())
  }
}
