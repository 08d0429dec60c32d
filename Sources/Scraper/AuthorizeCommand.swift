internal import Authorize
internal import Configuration
internal import Console
internal import Engine
internal import Hosts
internal import Inventory
internal import Metrics
internal import Passes
internal import Store

/// `scrape authorize`: what hosts must grant the monitor, as text to read; and whether they grant more.
enum AuthorizeCommand: Subcommand {
  static let name = "authorize"
  static let summary =
    "Prints what hosts must grant the monitor, and proves that they grant no more."
  static let operands = "PATTERN"
  static let options =
    Site.options + [
      Option("--ansible", "Prints a playbook of Ansible in place of a shell script."),
      Option("--key", "Prints only the lines for authorized_keys."),
      Option("--verify", "Logs in and tries what the account must not be able to do."),
      Option(
        "--from", "ADDRESSES", "The addresses of the monitor as the hosts see them, with commas."),
      Option("--account", "NAME", "The account, in place of `user:` of the inventory."),
      Option("--deadline", "SECONDS", "Time limit of --verify; default 600."),
      Option("--json", "With --verify: one JSON object for each thing that was tried."),
    ]
  static let discussion = """
    The kit is a shell script: the account, its key with `restrict` and `from=`, the commands of sudo that
    policies with `become: sudo` run, and on demand exemptions from sshd's and fail2ban's protections, a user
    of the BMC, and rules of nftables and MariaDB. Read it, then run it on each host as root. Nothing is run
    by scrape. A jump host's line permits connections to what is behind it, and to nothing else.
    --verify tries forwarding of ports, sockets, agent and X11, a terminal, tunnels, environment, sftp and
    other commands, and looks what the account may write and run as root. Exit code 1 if anything is granted
    that need not be.
    """
  static let examples: [Example] = [
    ("scrape authorize web01 > authorize.sh", "the script for one host"),
    ("scrape authorize 'blue*' --ansible > authorize.yml", "a playbook for a team"),
    ("scrape authorize all --verify", "whether anything more is granted"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    guard let pattern = arguments.operands.first else {
      throw UsageError(message: "which hosts? scrape authorize PATTERN")
    }
    let site = try Site(arguments)
    let hosts = try site.inventory.select(pattern)
    let from = try arguments["--from"].map { text throws(UsageError) in
      let parts = text.split(separator: ",").map(String.init)
      guard !parts.isEmpty, parts.allSatisfy(Origin.isPattern) else {
        throw UsageError(message: "--from takes addresses with commas, not \"\(text)\"")
      }
      return parts
    }
    let limit = try arguments.duration("--deadline") ?? .seconds(600)
    let book = try await GrantBook(
      of: hosts, site, from: from, account: arguments["--account"], by: .after(.seconds(20)))
    for note in book.notes { Terminal.note("scrape authorize: \(note)".visible) }
    let names = book.grants.map(\.host)
    guard !names.isEmpty else { return ExitCode.notOK }
    if arguments.has("--verify") {
      return await verify(book, site, by: .after(limit), json: arguments.has("--json"))
    }
    let text =
      arguments.has("--key")
      ? book.grants.map { grant in
        "# \(grant.host)\n" + grant.lines.map { $0 + "\n" }.joined()
      }.joined()
      : arguments.has("--ansible") ? Playbook(book.grants).text : ShellKit(book.grants).text
    Terminal.write(.lines(text), to: 1)
    await log(site, names, "a kit was printed")
    return ExitCode.ok
  }

  private static func verify(
    _ book: GrantBook, _ site: Site, by deadline: Deadline, json: Bool
  ) async -> Int32 {
    var wrong: [String] = []
    var count = 0
    let width = book.grants.map(\.host.count).max() ?? 0
    await book.verify(by: deadline) { finding in
      count += 1
      if !finding.isRight { wrong.append("\(finding.host) \(finding.what)") }
      if json {
        Terminal.print(
          Printable(
            JSON.object([
              ("host", .string(finding.host)), ("right", .string(finding.what)),
              ("answer", .string(finding.answer.rawValue)),
              ("as_granted", .boolean(finding.isRight)),
              ("detail", .string(finding.detail)),
            ])))
        return
      }
      let line =
        "\(Format.pad(finding.host, width))  \(Format.pad(finding.what, 28))"
        + "\(Format.pad(finding.answer.rawValue.uppercased(), 8))  \(finding.detail)"
      Terminal.show(finding.isRight ? Printable(line) : Terminal.paint(line, .red, on: 1))
    }
    Terminal.note(
      wrong.isEmpty
        ? "\(Format.count(count, "thing")) tried; nothing more is granted than the kit grants"
        : "\(Format.count(wrong.count, "thing")) not as the kit grants")
    await log(
      site, book.grants.map(\.host),
      wrong.isEmpty
        ? "verified: nothing more is granted"
        : "verified, not as granted: \(wrong.prefix(10).joined(separator: ", "))")
    return wrong.isEmpty ? ExitCode.ok : ExitCode.notOK
  }

  private static func log(_ site: Site, _ hosts: [String], _ words: String) async {
    let line = LogLine.action(
      "authorize", by: Account.person, hosts: hosts, words, at: .now)
    if let why = await site.log([line]) { Terminal.note("scrape authorize: \(why)".visible) }
  }
}
