internal import Configuration
internal import Engine
internal import Inventory
internal import Metrics
internal import Sinks
internal import Spools
public import Store

/// Reads a folder with files of a spool that a person brought: the same reader and the same bookkeeping
/// as a pass that fetches them.
public struct SpoolImport: Sendable {
  /// The result.
  public struct Report: Sendable {
    /// Files that were new, and the points and hosts in them.
    public var new = 0
    public var points = 0
    public var hosts: Set<String> = []
    /// Files that were stored before.
    public var known = 0
    /// Files that were refused, each with the reason. Foreign text.
    public var refused: [(name: String, why: String)] = []
    /// Foreign text is visible.
    public var warnings: [String] = []
    /// Sinks for which points wait now.
    public var sinks: [String] = []
    /// Passes that are missing.
    public var missing: Int64 = 0

    public var isWhole: Bool { refused.isEmpty && missing == 0 }
  }

  private let site: Site
  private let store: Store
  private let folder: SpoolFolder
  /// The host whose spool the files are of, where nobody has read them yet.
  private let carrier: String?

  public init(_ site: Site, _ store: Store, folder: String, from carrier: String?) {
    self.site = site
    self.store = store
    self.folder = SpoolFolder(folder)
    self.carrier = carrier
  }

  /// Reads all files; each round is one transaction. Throws UsageError where the folder cannot be read
  /// or where it is not clear whose spool it is.
  public func run() async throws -> Report {
    var report = Report()
    let names: [SpoolName]
    do throws(SystemError) { names = try folder.names() } catch {
      throw UsageError(message: "\(folder.path): \(error.message)")
    }
    let ledgers = try await store.spoolLedgers()
    for (identity, names) in Dictionary(grouping: names, by: \.identity).sorted(by: {
      $0.key < $1.key
    }) {
      let spool = try spool(of: identity, ledgers)
      let known = Set(
        try await store.spoolFiles(identity, Set(names.map(\.number))).filter { !$0.isRefused }
          .map { SpoolName(identity: identity, number: $0.number, digest: $0.digest) })
      report.known += names.count { known.contains($0) }
      var rest = names.filter { !known.contains($0) }.sorted()[...]
      while !rest.isEmpty { try await round(&rest, of: spool, into: &report) }
    }
    return report
  }

  /// The spool that the files of an identity belong to.
  private func spool(
    of identity: String, _ ledgers: [String: Store.SpoolLedger]
  ) throws(UsageError) -> Spool {
    let inventory = site.inventory
    let names = inventory.spools.map(\.carrier.name)
    if let known = ledgers[identity]?.carrier, let spool = inventory.spool(on: known) {
      guard carrier == nil || carrier == known else {
        throw UsageError(
          message: "files of \(identity) were read from the spool of \(known) before, not of "
            + (carrier ?? ""))
      }
      return spool
    }
    if let carrier {
      guard let spool = inventory.spool(on: carrier) else {
        let hint = didYouMean(carrier, among: names).map { "; \($0)" } ?? ""
        throw UsageError(message: "\(carrier) has no `spool:` in the inventory\(hint)")
      }
      return spool
    }
    guard let only = inventory.spools.first, inventory.spools.count == 1 else {
      throw UsageError(
        message: names.isEmpty
          ? "no host of the inventory has a `spool:`: it says which hosts the files may write"
          : "say whose spool it is: --from \(names.joined(separator: " or --from "))")
    }
    return only
  }

  /// Reads as many files as one transaction takes.
  private func round(
    _ rest: inout ArraySlice<SpoolName>, of spool: Spool, into report: inout Report
  ) async throws {
    let now = Timestamp.now
    var intake = SpoolIntake(
      site, ledgers: try await store.spoolLedgers(), seen: try await store.spoolSeen(), at: now)
    while !intake.isFull, let name = rest.popFirst() {
      do throws(SystemError) {
        let bytes = try folder.read(name)
        // A good copy of a damaged file may come later.
        await intake.take(bytes, named: name, of: spool, store, lasts: false)
      } catch {
        report.refused.append((name.text, "\(error)"))
      }
    }
    let states = try await store.states()
    var evaluator = Evaluator(site, store, CheckList(site), states: states)
    var results: [HostResult] = []
    for var result in intake.results {
      if intake.whole.contains(result.batch.host) { evaluator.adopt(&result) }
      results.append(result)
    }
    let concerned = site.inventory.hosts.filter { host in
      intake.whole.contains(host.name) || host.name == spool.carrier.name
    }
    for var result in intake.checks(of: concerned, []) {
      await evaluator.evaluate(&result)
      results.append(result)
    }
    var findings = Findings()
    let sinks = Sinks.sinks(from: site.settings.sinks, secrets: false, &findings)
    let batches = results.map(\.batch)
    var queue: [String: [Payload]] = [:]
    var bounds: [String: QueueBounds] = [:]
    for sink in sinks where sink.isDurable {
      queue[sink.name] = sink.payloads(batches)
      bounds[sink.name] = sink.options.queue
    }
    let count = intake.counts[spool.carrier.name] ?? SpoolIntake.Count()
    let summary = PassSummary(
      start: now, end: .now, hosts: 0, up: 0, failed: 0, points: count.points,
      warnings: intake.warnings, scope: .part)
    try await store.finish(
      summary, results, queue: queue, bounds: bounds, input: intake.input)
    report.new += count.files
    report.points += count.points
    report.hosts.formUnion(intake.whole)
    report.missing += count.missing
    report.refused += count.refused.map { ($0.name.text, "\($0.error)") }
    report.warnings += intake.warnings.filter { !$0.contains(".spool refused: ") }
    report.sinks = queue.keys.sorted()
  }
}
