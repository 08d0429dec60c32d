internal import Metrics
internal import Passes

/// The help pages, generated from the subcommands.
enum Help {
  static let exits: [(code: Int32, meaning: String)] = [
    (ExitCode.ok, "All is well."),
    (ExitCode.notOK, "Some host, service, rule or sink is not ok."),
    (ExitCode.usage, "Wrong usage, or a fault in the inventory or scrape.yml."),
    (ExitCode.undelivered, "No sink accepted the points, or standard output could not be written."),
    (ExitCode.overdue, "The pass exceeded its deadline by 10 s and was ended."),
    (ExitCode.denied, "The system denies descriptors, address space or threads."),
    (ExitCode.interrupted, "Interrupted by a signal."),
  ]

  static let environment: [(name: String, meaning: String)] = [
    ("CREDENTIALS_DIRECTORY", "Where systemd puts what `credential:NAME` names."),
    ("NO_COLOR", "If set, nothing is coloured."),
    ("SSH_AUTH_SOCK", "The agent whose keys are tried for hosts without `key:`."),
    ("STATE_DIRECTORY", "The folder of the store, if no setting names one; systemd sets it."),
    ("XDG_STATE_HOME", "The same for users other than root; default: `~/.local/state`."),
  ]

  static let files: [(path: String, meaning: String)] = [
    ("./inventory", "The inventory, a file or folder, if `--inventory` names none."),
    ("/etc/scrape", "The inventory if the working folder has none."),
    ("scrape.yml", "The settings, beside the inventory."),
    ("known_hosts", "Host keys that `scrape trust` stored, beside the inventory."),
    ("/var/lib/scrape/scrape.db", "The store of root and of the service."),
  ]

  static let about = """
    Watches hosts without installing anything on them: one batch of read-only commands per host over SSH,
    BMCs over IPMI, services as their clients see them. Evaluates rules, writes points to a store and to
    sinks, and notifies contacts.

    `scrape doctor` checks what a pass needs, `scrape lint` the files. `scrape run` makes one pass, `scrape
    watch` passes without an end, `scrape status` shows what is wrong. `scrape help metrics` lists every
    measurement and field.
    """

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

      EXIT CODES:
      \(exits.map { "  \(Format.pad("\($0.code)", width))  \($0.meaning)" }.joined(separator: "\n"))
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
