internal import Console
internal import Configuration
internal import Engine
internal import Glibc
internal import Manuals
internal import Metrics
internal import Passes

/// What is generated from the commands: manual pages, completions, `docs/commands.md`. Neither command is
/// listed: `scrape manual` prints the names of the texts, `scrape manual NAME` one; `scrape complete KIND`
/// answers shells.
enum ManualCommand {
  static var program: Program {
    Program(
      name: "scrape", version: Command.version,
      summary: "agentless monitor for exercise ranges, labs and clusters",
      discussion: Help.about,
      commands: subcommands.map { command in
        CommandManual(
          name: command.name, summary: command.summary, operands: command.operands,
          options: command.options.map {
            OptionManual([$0.short, $0.name].compactMap { $0 }, value: $0.value, $0.summary)
          },
          discussion: command.discussion,
          examples: command.examples.map { Term($0.line, $0.purpose) })
      },
      exits: Help.exits.map { Term("\($0.code)", $0.meaning) },
      environment: Help.environment.map { Term($0.name, $0.meaning) },
      files: Help.files.map { Term($0.path, $0.meaning) }, values: values)
  }

  /// What stands in the place of each word that completion knows.
  private static let values: [String: Values] = [
    "HOST": .names("hosts"), "host NAME": .names("hosts"), "PATTERN": .list("patterns"),
    "CONTACT": .names("contacts"), "report NAME": .names("reports"), "SPEC": .names("probes"),
    "--only": .list("collectors"), "--check": .names("checks"), "dashboards --check": .words([]),
    "--policy": .names("policies"), "setup --sink": .names("sinks"),
    "PATH": .files, "FILE": .files, "DIR": .folders,
    "--color": .words(["auto", "always", "never"]),
    "--severity": .words(["unknown", "minor", "major", "critical"]),
    "--sort": .words(["severity", "since", "host", "check"]),
  ]

  static func texts() -> [(name: String, text: String)] {
    let program = program
    let completions = Completions(program)
    let epoch = environment("SOURCE_DATE_EPOCH").flatMap { Int($0) } ?? time(nil)
    let pages = ManualPages(
      program, SettingsPage.manuals, date: ManualDate.text(secondsSince1970: epoch))
    return pages.pages.map { ($0.file, $0.text) }
      + Completions.Shell.allCases.map { ("scrape.\($0.rawValue)", completions.text(for: $0)) }
      + [("commands.md", CommandsPage.text(program))]
  }

  static func run(_ words: [String]) -> Int32 {
    let texts = texts()
    guard let name = words.first else {
      Terminal.print(.lines(texts.map(\.name).joined(separator: "\n")))
      return ExitCode.ok
    }
    guard let text = texts.first(where: { $0.name == name })?.text else {
      Terminal.note("scrape: no text \"\(name.visible)\"; `scrape manual` lists them")
      return ExitCode.usage
    }
    Terminal.print(.lines(text.hasSuffix("\n") ? String(text.dropLast()) : text))
    return ExitCode.ok
  }

  /// Prints names, one per line. A shell waits for it while a person types: it never says why it has none.
  static func complete(_ words: [String]) -> Int32 {
    var findings = Findings()
    guard let kind = words.first.flatMap({ SiteNames.Kind(rawValue: $0) }),
      let arguments = try? Arguments(Array(words.dropFirst()), options: Site.options)
    else { return ExitCode.ok }
    let site = try? Site(arguments, checkingKeys: false, &findings)
    let names = SiteNames.words(kind, of: site)
    if !names.isEmpty { Terminal.print(.lines(names.joined(separator: "\n"))) }
    return ExitCode.ok
  }
}
