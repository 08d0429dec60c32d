internal import Console
internal import Engine
internal import Metrics
internal import Passes
internal import Store

/// `scrape import`: reads the files of a spool from a folder, as from a USB stick; `scrape import wazuh`: see
/// `WazuhImport`.
enum ImportCommand: Subcommand {
  static let name = "import"
  static let summary =
    "Stores a spool from a segment without a route; converts Wazuh's agentless checks."
  static let operands = "DIR | wazuh FILE"
  static let options =
    Site.options + [
      Option(
        "--from", "HOST",
        "The host with the `spool:`, if several have one and no file was read before."),
      Option(
        "--passlist", "FILE", "wazuh: says which hosts have a password there; none is taken over."),
      Option("--output", "DIR", "wazuh: writes inventory, policies and settings to a new folder."),
    ]
  static let discussion = """
    Reads the folder as a pass reads a spool through SSH: each file counts once, however often it is
    imported or fetched. Changes nothing in the folder. The next pass delivers the points and sends
    notifications. Exit code 1 if a file was refused or passes are missing.

    `wazuh FILE` reads <agentless> of an ossec.conf and prints an inventory in YAML, with what has no
    counterpart yet as comments. With --output it also writes the policies that the inventory names.
    """
  static let examples: [Example] = [
    (
      "scrape import /media/stick/spool",
      "a copy of the folder of `scrape run --spool`"
    ),
    ("scrape import /media/stick/spool --from inner1", "the first files of one spool of several"),
    (
      "scrape import wazuh /var/ossec/etc/ossec.conf --output new",
      "Wazuh's agentless checks as an inventory"
    ),
  ]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    if arguments.operands.first == "wazuh" { return try WazuhImport.run(arguments) }
    guard let folder = arguments.operands.first, arguments.operands.count == 1 else {
      throw UsageError(message: "name one folder: scrape import DIR")
    }
    let site = try Site(arguments, checkingKeys: false)
    let store = site.store()
    try await store.open()
    let lock: Lock
    do {
      lock = try await Lock.take(beside: site.storePath, until: .after(.seconds(3600)))
    } catch let held as Lock.Held {
      Terminal.note("scrape: \(held.text.visible)")
      return ExitCode.notOK
    }
    try await site.claim(store, adopting: false)
    for note in await store.notes() { Terminal.note("scrape: \(note.visible)") }
    let result: Result<SpoolImport.Report, any Error>
    do {
      result = .success(
        try await SpoolImport(site, store, folder: folder, from: arguments["--from"]).run())
    } catch {
      result = .failure(error)
    }
    await store.close()
    lock.release()
    let report = try result.get()
    for (name, why) in report.refused { Terminal.note("\(name.visible) refused: \(why.visible)") }
    for warning in report.warnings { Terminal.note("scrape: \(warning.visible)") }
    var text =
      "\(Format.count(report.new, "file")) new (\(Format.count(report.points, "point")) of "
      + "\(Format.count(report.hosts.count, "host"))), \(Format.count(report.known)) there already, "
      + "\(Format.count(report.refused.count)) refused"
    if report.new > 0, !report.sinks.isEmpty {
      text += "; the next pass delivers the points to \(report.sinks.joined(separator: ", "))"
    }
    Terminal.print(text.visible)
    return report.isWhole ? ExitCode.ok : ExitCode.notOK
  }
}
