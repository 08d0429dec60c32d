internal import Configuration
internal import Console
internal import Engine
internal import Glibc
internal import Inventory
internal import Metrics
internal import Passes
internal import Sinks

/// `scrape doctor`: checks everything that a pass needs, and says how to fix it.
enum DoctorCommand: Subcommand {
  static let name = "doctor"
  static let summary = "Checks everything that a pass needs, and says how to fix what fails."
  static let operands = "[PATTERN]"
  static let options =
    Site.options + [
      Option("--json", "Prints one JSON object per check."),
      Option("--deadline", "SECONDS", "Time limit; default 30."),
    ]
  static let discussion = """
    Checks this machine (inventory, store, lock, a second instance, keys, host keys, passwords, libraries,
    clock, descriptors, ping, name server), each sink (writes a point of the measurement scrape_doctor, and
    reads it back if the sink allows) and each contact, without a message. With PATTERN, it also checks
    these hosts: SSH key, tools, clock, BMC. ✓ passed, ✗ failed, – unknown. Exit code 1 if any check failed.
    """
  static let examples: [Example] = [
    ("scrape doctor", "before the first pass, or when points are missing"),
    ("scrape doctor 'gpu*'", "when hosts of a group send no data, or not all of it"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    var faults = Findings()
    let site = try Site(arguments, secretsOf: { _ in true }, &faults)
    let deadline = Deadline.after(try arguments.duration("--deadline") ?? .seconds(30))
    let hosts = try arguments.operands.first.map { try site.inventory.select($0) } ?? []
    var findings = Findings()
    let sinks = Sinks.sinks(from: site.settings.sinks, &findings)
    let gatherer = await Gatherer(site, logins: site.logins())

    async let local = DoctorChecks(site: site, gatherer: gatherer, deadline: deadline).checks()
    async let tried = SinkChecks(sinks, on: gatherer.reactors[0], by: deadline)
    async let asked = HostChecks.all(of: hosts, at: site, with: gatherer, by: deadline)
    async let reached = ContactChecks.asking(
      site.contacts, on: gatherer.reactors[0], by: deadline)
    let sinkChecks = await tried
    var checks = faults.errors.map { fault($0, .scraper) }
    checks += await local.finished(with: sinkChecks.clocks)
    checks += findings.errors.map { fault($0, .sink) }
    checks += sinkChecks.checks
    checks += await reached
    checks += await asked

    if arguments.has("--json") {
      for check in checks { Terminal.print(Printable(check.json)) }
    } else {
      show(checks)
    }
    return checks.contains { $0.isFine == false } ? ExitCode.notOK : ExitCode.ok
  }

  /// A fault of a file, which other commands refuse to run with.
  private static func fault(_ error: ConfigurationError, _ area: Check.Area) -> Check {
    let place = [error.file, error.line.map { String($0) }].compactMap { $0 }
    return Check(
      area, place.joined(separator: ":"), false,
      error.problem + (error.hint.map { "; \($0)" } ?? ""))
  }

  private static func show(_ checks: [Check]) {
    for area in Check.Area.allCases {
      let checks = checks.filter { $0.area == area }
      // A single long sink name must not widen the column.
      let width = checks.map(\.subject.count).filter { $0 <= 30 }.max() ?? 0
      for check in checks { Terminal.show(check.line(width: width)) }
    }
    let wrong = checks.count { $0.isFine == false }
    Terminal.note(
      wrong == 0 ? "nothing is wrong" : "\(Format.count(wrong, "thing")) to see to, marked ✗")
  }
}
