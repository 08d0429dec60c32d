internal import Transfer
internal import Configuration
internal import Console
internal import Engine
internal import Inventory
internal import Metrics
internal import Passes
internal import Sinks

/// `scrape setup`: prepares the databases that scrape.yml names.
enum SetupCommand: Subcommand {
  static let name = "setup"
  static let summary = "Creates the databases of scrape.yml, with retention and downsampling."
  static let operands = "influxdb"
  static let options =
    Site.options + [
      Option("--dry-run", "Prints what would be created or changed."),
      Option("--sink", "NAME", "Only the sink of that name."),
    ]
  static let discussion = """
    Databases, retention policies and continuous queries of InfluxDB 1.x; buckets and tasks of 2.x,
    by the `retention:` of each sink. Leaves correct settings as they are, so a second run is safe.
    A shorter retention deletes older points; nothing else is deleted. Setup needs more rights than
    writing points: give other settings with --config if the user of the sink lacks them.
    """
  static let examples: [Example] = [
    ("scrape setup influxdb --dry-run", "what would be done"),
    ("scrape setup influxdb", "do it"),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands == ["influxdb"] else {
      throw UsageError(message: "name what is to be set up: influxdb")
    }
    let site = try Site(arguments)
    var findings = Findings()
    let all = Sinks.sinks(from: site.settings.sinks, &findings)
    try findings.finish()
    let wanted = all.compactMap { $0 as? any Preparable }.filter { sink in
      arguments["--sink"].map { $0 == sink.name } ?? true
    }
    guard !wanted.isEmpty else {
      throw UsageError(message: "scrape.yml names no such sink that could be set up")
    }
    let reactor = Reactor()
    var failed = false
    for sink in wanted {
      let (steps, error) = await reactor.open { reactor in
        var steps: [SetupStep] = []
        var failure: DeliveryError?
        do throws(DeliveryError) {
          try await sink.prepare(
            .all, dryRun: arguments.has("--dry-run"), &steps, on: reactor, by: .after(.seconds(30)))
        } catch { failure = error }
        return (steps, failure)
      }
      sink.close()
      Terminal.print(sink.name.visible)
      for step in steps {
        let state = Format.pad(step.state.rawValue, 16)
        let colour: Terminal.Colour = step.state == .isThere ? .green : .yellow
        Terminal.print("  \(Terminal.paint(state, colour, on: 1))  \(step.what.visible)")
      }
      if let error {
        failed = true
        Terminal.note("scrape setup: \(error.description.visible)")
      }
    }
    return failed ? ExitCode.undelivered : ExitCode.ok
  }
}
