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
    Checks this machine (store, keys and passwords, clock, descriptors, ping, name server) and each
    sink: writes a point of the measurement scrape_doctor, and reads it back if the sink allows. With
    PATTERN, it also checks these hosts: SSH key, tools, clock, BMC. ✓ passed, ✗ failed, – unknown.
    Exit code 1 if any check failed.
    """
  static let examples: [Example] = [
    ("scrape doctor", "before the first pass, or when points are missing"),
    ("scrape doctor 'gpu*'", "when hosts of a group send no data, or not all of it"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    let site = try Site(arguments)
    let deadline = Deadline.after(try arguments.duration("--deadline") ?? .seconds(30))
    let hosts = try arguments.operands.first.map { try site.inventory.select($0) } ?? []
    var findings = Findings()
    let sinks = Sinks.sinks(from: site.settings.sinks, &findings)
    let gatherer = await Gatherer(site, logins: site.logins())

    async let local = DoctorChecks(site: site, gatherer: gatherer, deadline: deadline).checks()
    async let tried = SinkChecks(sinks, on: gatherer.reactors[0], by: deadline)
    async let asked = HostChecks.all(of: hosts, at: site, with: gatherer, by: deadline)
    let sinkChecks = await tried
    var checks = await local.finished(with: sinkChecks.clocks)
    checks += findings.errors.map { error in
      let place = [error.file, error.line.map { String($0) }].compactMap { $0 }
      return Check(
        .sink, place.joined(separator: ":"), false,
        error.problem + (error.hint.map { "; \($0)" } ?? ""))
    }
    checks += sinkChecks.checks
    checks += await asked

    if arguments.has("--json") {
      for check in checks { Terminal.print(Printable(check.json)) }
    } else {
      show(checks)
    }
    return checks.contains { $0.isFine == false } ? ExitCode.notOK : ExitCode.ok
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

/// The check of each sink: a point written and read back.
struct SinkChecks: Sendable {
  private(set) var checks: [Check] = []
  /// The comparison of our clock with those of servers.
  private(set) var clocks: [DoctorChecks.ClockEvidence] = []

  init(_ sinks: [any Sink], on reactor: Reactor, by deadline: Deadline) async {
    let host = Self.hostName
    var found: [Int: [SinkFinding]] = [:]
    await withTaskGroup(of: (Int, [SinkFinding]).self) { group in
      for (index, sink) in sinks.enumerated() where !(sink is StandardOutput) {
        group.addTask {
          let findings = await reactor.open { reactor in
            await sink.examine(as: host, on: reactor, by: deadline)
          }
          sink.close()
          return (index, findings)
        }
      }
      for await (index, findings) in group { found[index] = findings }
    }
    if sinks.isEmpty {
      checks.append(Check(.sink, "sinks", nil, "none in scrape.yml: points stay in the store"))
    }
    for (index, sink) in sinks.enumerated() {
      guard let findings = found[index] else { continue }
      if let clock = findings.first(where: { $0.part == .clock }), let isFine = clock.isFine {
        clocks.append(
          DoctorChecks.ClockEvidence(source: sink.name, isFine: isFine, message: clock.message))
      }
      if let wrong = findings.first(where: { $0.isFine == false }) {
        checks.append(
          Check(.sink, sink.name, false, "\(wrong.part.rawValue): \(wrong.message)"))
      } else {
        let messages = findings.filter { $0.part == .write || $0.part == .read }.map(\.message)
        checks.append(Check(.sink, sink.name, true, messages.joined(separator: ", ")))
      }
    }
  }

  private static var hostName: String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { name in
      guard let base = name.baseAddress, gethostname(base, 255) == 0 else { return "scraper" }
      base[255] = 0
      return String(cString: base)
    }
  }
}
