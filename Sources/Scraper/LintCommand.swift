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
    for host in site.inventory.hosts { _ = probes.plans(of: host, &findings) }
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
    Terminal.print(
      "\(Figure.count(site.inventory.hosts.count, "host")) in "
        + "\(Figure.count(site.inventory.groups.count, "group")), "
        + "\(Figure.count(site.settings.profiles.count, "profile")): no fault found")
    return ExitCode.ok
  }
}
