internal import Authorize
internal import Configuration
internal import Console
internal import Facts
internal import Inventory
internal import Metrics
internal import Passes
internal import Policies

/// The lines of sudoers(5) for `become: sudo`: exactly the commands that policies run as root.
enum PolicySudoers {
  static func show(of pattern: String?, _ arguments: Arguments) throws -> Int32 {
    let site = try Site(arguments, checkingKeys: false)
    let hosts = try site.inventory.hosts(matching: pattern)
    let all = try commands(of: hosts, site)
    let commands = all.filter(Sudoers.isExact)
    for words in all where !Sudoers.isExact(words) {
      Terminal.note(
        "scrape policy sudoers: no line can permit this command alone: \(words.joined(separator: " "))"
          .visible)
    }
    guard !commands.isEmpty else {
      Terminal.note("scrape policy sudoers: no policy of these hosts needs root, and no facts")
      return ExitCode.ok
    }
    let users = Set(hosts.map { $0.user ?? "monitor" }).sorted()
    Terminal.write(.lines(Sudoers(commands, users: users).text), to: 1)
    return ExitCode.ok
  }

  /// What policies of these hosts run as root.
  static func commands(of hosts: [Host], _ site: Site) throws -> [[String]] {
    var findings = Findings()
    let book = PolicyBook(site.policies, &findings)
    try findings.finish()
    let names = Set(hosts.flatMap { site.policies.of($0.name).map(\.name) })
    let entries = names.sorted().compactMap { book[$0] }
    let commands = CollectionScript.commandsOfRoot(Needs(entries.map { ($0.policy, $0.allowed) }))
    guard hosts.contains(where: { site.facts?.contains($0.name) == true }) else { return commands }
    return commands + FactScript.commandsOfRoot.filter { !commands.contains($0) }
  }
}
