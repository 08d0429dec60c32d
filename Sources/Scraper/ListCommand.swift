internal import Configuration
internal import Console
internal import Metrics
internal import Passes
internal import Sinks
internal import Store
internal import IPMI
internal import Inventory
internal import Probes

/// `scrape list`: groups, hosts, collectors and probes of the inventory.
enum ListCommand: Subcommand {
  static let name = "list"
  static let summary =
    "Lists groups and hosts of the inventory with their collectors and probes."
  static let operands = "[PATTERN]"
  static let options =
    Site.options + [
      Option("--limit", short: "-l", "PATTERN", "Only these hosts."),
      Option("--json", "Prints one JSON object per host, or per rule."),
      Option("--facts", "Lists counts of packages, updates, accounts and services instead."),
      Option("--rules", "Lists rules instead: those of scrape.yml and the built-in ones."),
    ]
  static let discussion = """
    Facts (system, kernel) are from the last pass. Reads the store and contacts no host.
    """
  static let examples: [Example] = [
    ("scrape list", "shows the tree of groups with their hosts"),
    ("scrape list --facts", "shows what is installed where, in numbers"),
    ("scrape list --rules", "shows thresholds, and which rules are off"),
    ("scrape list 'gpu*' --json", "prints facts of some hosts for scripts"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    let site = try Site(arguments, checkingKeys: false)
    if arguments.has("--rules") {
      RuleList.show(site.rules, json: arguments.has("--json"))
      return ExitCode.ok
    }
    var hosts = try site.hosts(arguments)
    if let pattern = arguments.operands.first {
      let chosen = Set(try site.inventory.select(pattern).map(\.name))
      hosts = hosts.filter { chosen.contains($0.name) }
    }
    if arguments.has("--facts") {
      let histories =
        site.hasStore
        ? try await FactHistory.all(of: hosts.map(\.name), in: site.storeToRead()) : []
      guard !histories.isEmpty else {
        Terminal.note("no facts are kept; see `facts:` in docs/facts.md")
        return ExitCode.ok
      }
      FactLines.show(histories, as: arguments.has("--json") ? .json : .summary)
      return ExitCode.ok
    }
    let states = try await site.knownStates(of: hosts)
    var services: [String: [ProbePlan]] = [:]
    for host in hosts { services[host.name] = site.probes[host.name] }
    if arguments.has("--json") {
      for host in hosts {
        Terminal.print(
          Printable(json(host, states[host.name], services[host.name] ?? [], site)))
      }
      return ExitCode.ok
    }
    let shown = Dictionary(uniqueKeysWithValues: hosts.map { ($0.name, $0) })
    let width = hosts.map(\.name.count).max() ?? 0
    tree("all", site, shown, states, services, width: width, depth: 0)
    Terminal.note(
      "\(Format.count(hosts.count, "host")) in "
        + Format.count(site.inventory.groups.count, "group"))
    return ExitCode.ok
  }

  private static func tree(
    _ name: String, _ site: Site, _ shown: [String: Host], _ states: [String: HostState],
    _ services: [String: [ProbePlan]], width: Int, depth: Int
  ) {
    guard let group = site.inventory.group(name) else { return }
    let members = site.inventory.hosts(of: name)
    guard members.contains(where: { shown[$0.name] != nil }) else { return }
    let indent = String(repeating: "  ", count: depth)
    Terminal.show(
      "\(indent)\(Terminal.paint(name, .bold, on: 1)) (\(members.count { shown[$0.name] != nil }))")
    for host in group.hosts.compactMap({ shown[$0] }) {
      var words = [
        Format.pad(host.name, width),
        host.connection == .local ? "local" : "\(host.address):\(host.port)",
        "profile \(host.profile)",
      ]
      words += host.addresses.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
      let collectors = (site.settings.profiles[host.profile]?.tasks ?? []).map(\.collector)
      if !collectors.isEmpty { words.append("collectors \(collectors.joined(separator: ", "))") }
      for tag in host.tags { words.append("\(tag.name)=\(tag.value)") }
      if let via = host.jumpHost { words.append("via \(via)") }
      if let bmc = host.bmc { words.append("bmc \(bmc.address)") }
      if let services = services[host.name] {
        words.append("probes \(services.map(\.described).joined(separator: ", "))")
      }
      if let facts = states[host.name]?.facts {
        words += [
          facts["os"], facts["kernel"].map { "Linux \($0)" }, facts["manufacturer"],
          facts["product"], facts["serial"].map { "serial \($0)" },
        ].compactMap { $0 }
      }
      Terminal.show("\(indent)  \(words.joined(separator: "  ").visible)")
    }
    for child in group.children {
      tree(child, site, shown, states, services, width: width, depth: depth + 1)
    }
  }

  private static func json(
    _ host: Host, _ state: HostState?, _ services: [ProbePlan], _ site: Site
  ) -> JSON {
    var members: [(String, JSON)] = [
      ("host", .string(host.name)), ("group", .string(host.group)),
      ("groups", .array(host.groups.map { .string($0) })), ("address", .string(host.address)),
      ("port", .integer(Int64(host.port))), ("connection", .string(host.connection.rawValue)),
      ("profile", .string(host.profile)),
      ("tags", .object(host.tags.map { ($0.name, .string($0.value)) })),
      (
        "collectors",
        .array((site.settings.profiles[host.profile]?.tasks ?? []).map { .string($0.collector) })
      ),
    ]
    if !host.addresses.isEmpty {
      members.append(
        (
          "addresses",
          .object(host.addresses.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
        ))
    }
    if let user = host.user { members.append(("user", .string(user))) }
    if !services.isEmpty {
      members.append(("probes", .array(services.map { .string($0.service) })))
      let facts = services.map { plan -> JSON in
        var facts: [(String, JSON)] = [
          ("service", .string(plan.service)), ("probe", .string(plan.kind)),
        ]
        if let path = plan.path { facts.append(("path", .string(path))) }
        if plan.port > 0 { facts.append(("port", .integer(Int64(plan.port)))) }
        if plan.isClosed { facts.append(("closed", .boolean(true))) }
        return .object(facts)
      }
      members.append(("services", .array(facts)))
    }
    if let bmc = host.bmc { members.append(("bmc", .string(bmc.address))) }
    if let facts = state?.facts, !facts.isEmpty {
      members.append(
        ("facts", .object(facts.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })))
    }
    return .object(members)
  }
}
