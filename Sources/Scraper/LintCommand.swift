internal import Configuration
internal import Metrics
internal import Rules
internal import Sinks
internal import Targets

/// `scrape lint`: the inventory and the settings, checked without contacting anybody.
enum LintCommand: Subcommand {
  static let name = "lint"
  static let summary = "Checks the inventory and scrape.yml, and contacts nobody."
  static let operands = ""
  static let options = Site.options
  static let discussion = "Every fault is shown with its file, line and column. Exit code 2 if any."
  static let examples: [Example] = [
    ("scrape lint", "before committing a change of the inventory"),
    ("scrape lint --inventory inventory/example", "another inventory"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    let site = try Site(arguments)
    var findings = Findings()
    _ = Sinks.sinks(from: site.settings.sinks, secrets: false, &findings)
    var probes = ProbeReader(modules: site.settings.sections["modules"], &findings)
    var services: [(text: String, hosts: Int)] = []
    for host in site.inventory.hosts {
      for plan in probes.plans(of: host, &findings) {
        let text = plan.described
        if let index = services.firstIndex(where: { $0.text == text }) {
          services[index].hosts += 1
        } else {
          services.append((text, 1))
        }
      }
    }
    try findings.finish()
    for warning in site.inventory.warnings + findings.warnings {
      Terminal.note(.lines(warning.description))
    }
    for (hosts, what) in [
      (site.inventory.hosts.filter { $0.via != nil }, "`via`: jump hosts are")
    ] {
      guard let first = hosts.first else { continue }
      Terminal.note(
        .lines(
          ConfigurationError(
            "\(fold(hosts.map(\.name))): \(what) not in this version yet", at: first.mark
          ).asWarning.description))
    }
    let watch = Watch(site)
    for service in site.rules.services {
      for need in service.needs.flatMap(\.checks) where !watch.meets(need) {
        let problem =
          "service \"\(service.name)\" needs \(need.host)/\(need.name), and no host has such a check"
        Terminal.note(
          .lines(
            ConfigurationError(
              problem, at: service.mark, length: service.name.count,
              hint: "a check is a probe's name as `scrape list` shows it, ssh or bmc"
            ).asWarning.description))
      }
    }
    // What is asked where: a name may mean another port than it was meant to.
    if !services.isEmpty {
      let told = services.map { $0.hosts > 1 ? "\($0.text) ×\($0.hosts)" : $0.text }
      Terminal.print("probes: \(told.joined(separator: ", "))".visible)
    }
    Terminal.print(
      "\(Figure.count(site.inventory.hosts.count, "host")) in "
        + "\(Figure.count(site.inventory.groups.count, "group")), "
        + "\(Figure.count(site.settings.profiles.count, "profile")): no fault found")
    return ExitCode.ok
  }
}
