internal import Configuration
internal import Console
internal import Inventory
internal import Metrics
internal import Passes
internal import Policies

/// The lines of sudoers(5) for `become: sudo`: exactly the commands that policies run as root.
enum PolicySudoers {
  static func show(of pattern: String?, _ arguments: Arguments) throws -> Int32 {
    let site = try Site(arguments, checkingKeys: false)
    let hosts = try pattern.map { try site.inventory.select($0) } ?? site.inventory.hosts
    var findings = Findings()
    let book = PolicyBook(site.policies, &findings)
    try findings.finish()
    let names = Set(hosts.flatMap { site.policies.of($0.name).map(\.name) })
    let entries = names.sorted().compactMap { book[$0] }
    let needs = Needs(entries.map { ($0.policy, $0.allowed) })
    let commands = CollectionScript.commandsOfRoot(needs)
    guard !commands.isEmpty else {
      Terminal.note("scrape policy sudoers: no policy of these hosts needs root")
      return ExitCode.ok
    }
    let users = Set(hosts.map { $0.user ?? "monitor" }).sorted()
    Terminal.print(
      "# /etc/sudoers.d/scrape: what policies read as root, with `become: sudo`. Check it with visudo -cf."
    )
    Terminal.print("Cmnd_Alias SCRAPE_POLICIES = \\")
    var lines: [String] = []
    for words in commands {
      guard let first = words.first else { continue }
      let rest = words.dropFirst().map { " " + escaped($0) }.joined()
      // sudo compares files, and ignores those that a host does not have.
      let places =
        first.hasPrefix("/")
        ? [first]
        : first == "head" ? ["/usr/bin/head"] : ["/usr/sbin/\(first)", "/usr/bin/\(first)"]
      // Without arguments in the line any would be allowed.
      for place in places { lines.append("  \(escaped(place))\(rest.isEmpty ? " \"\"" : rest)") }
    }
    Terminal.print(Printable.lines(lines.joined(separator: ", \\\n")))
    for user in users {
      Terminal.print("\(escaped(user)) ALL = (root) NOPASSWD: SCRAPE_POLICIES")
    }
    return ExitCode.ok
  }

  /// What sudoers(5) takes for itself stands behind a backslash.
  private static func escaped(_ word: String) -> String {
    var text = ""
    for character in word {
      if "\\,:=*?[]!\"#() ".contains(character) { text += "\\" }
      text.append(character)
    }
    return text
  }
}
