internal import Configuration
internal import Console
internal import Inventory
internal import Metrics
internal import Passes
internal import Sinks
internal import Probes

/// `scrape lint`: checks the inventory and scrape.yml.
enum LintCommand: Subcommand {
  static let name = "lint"
  static let summary = "Checks the inventory and scrape.yml; contacts no host."
  static let operands = ""
  static let options = Site.options
  static let discussion = """
    Shows all faults in one run, each with file, line and column; equal faults are folded into one.
    A warning marks a setting that works, but probably not as intended: a secret that is missing on this
    machine, a rule that matches nothing, a name that resembles a variable. Exit code 2 if there is a
    fault, 0 if there are only warnings.
    """
  static let examples: [Example] = [
    ("scrape lint", "before committing a change of the inventory"),
    ("scrape lint --inventory inventory/example", "another inventory"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    var findings = Findings()
    let site = try Site(arguments, &findings)
    for warning in site.inventory.warnings { findings.warn(warning) }
    _ = Sinks.sinks(from: site.settings.sinks, secrets: false, &findings)
    var services: [(text: String, hosts: Int)] = []
    for host in site.inventory.hosts {
      for plan in site.probes[host.name] where !plan.lacksAddress {
        let text = plan.described
        if let index = services.firstIndex(where: { $0.text == text }) {
          services[index].hosts += 1
        } else {
          services.append((text, 1))
        }
      }
    }
    LintChecks(site).run(&findings)
    let warnings = FoldedFaults.all(findings.warnings)
    let errors = FoldedFaults.all(findings.errors)
    for warning in warnings { Terminal.note(.lines(warning.description)) }
    // A blank line between two, as each takes several.
    if !errors.isEmpty {
      Terminal.note(.lines(errors.map(\.description).joined(separator: "\n\n")))
    }
    let kinds = [(errors, "fault"), (warnings, "warning")].compactMap { folded, word in
      let count = folded.reduce(0) { $0 + 1 + $1.others.count }
      return count == 0 ? nil : Format.count(count, word)
    }
    guard errors.isEmpty else {
      Terminal.note("\n\(kinds.joined(separator: " and "))")
      return ExitCode.usage
    }
    // The probes with their ports: a name may stand for an unexpected port.
    if !services.isEmpty {
      let probes = services.map { $0.hosts > 1 ? "\($0.text) ×\($0.hosts)" : $0.text }
      Terminal.print("probes: \(probes.joined(separator: ", "))".visible)
    }
    Terminal.print(
      "\(Format.count(site.inventory.hosts.count, "host")) in "
        + "\(Format.count(site.inventory.groups.count, "group")), "
        + "\(Format.count(site.settings.profiles.count, "profile")): no fault found"
        + (kinds.isEmpty ? "" : ", \(kinds[0])"))
    return ExitCode.ok
  }
}
