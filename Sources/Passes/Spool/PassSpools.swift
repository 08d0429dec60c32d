internal import Configuration
internal import Engine
internal import Hosts
internal import Inventory
internal import Metrics
internal import Spools
internal import Store

/// The spools of a pass: those that it reads, and the one that it writes.
extension Pass {
  /// The work for one spool.
  struct SpoolJob: Sendable {
    var spool: Spool
    /// The session with the host; nil for this machine.
    var tunnel: Tunnel?
    var failure: TargetError?

    var reactor: Reactor? { tunnel?.reactor }

    /// The time limit of one spool: what it did not send by then waits for the next pass.
    private static let limit = Duration.seconds(15)

    func fetch(
      known store: Store, on reactor: Reactor, by deadline: Deadline, progress: any PassProgress
    ) async -> SpoolPull {
      let name = "\(spool.carrier.name) spool"
      progress.started(name)
      defer { progress.ended(name) }
      var pull = SpoolPull(spool)
      if let failure {
        pull.failure = failure
      } else if let tunnel {
        let limit = min(deadline, .after(Self.limit))
        return await reactor.open { [pull] reactor in
          var pull = pull
          await pull.fetch(tunnel, known: store, on: reactor, by: limit)
          return pull
        }
      } else if let path = spool.settings.path {
        await pull.fetch(SpoolFolder(path), known: store)
      }
      return pull
    }
  }

  /// The spools that this pass fetches.
  func spoolJobs(_ gatherer: inout Gatherer) -> [SpoolJob] {
    let selected = Set(hosts.map(\.name))
    return site.inventory.spools.compactMap { spool in
      guard spool.settings.path != nil, selected.contains(spool.carrier.name) else { return nil }
      var job = SpoolJob(spool: spool)
      if spool.carrier.connection == .ssh {
        do throws(TargetError) { job.tunnel = try gatherer.session(on: spool.carrier) } catch {
          job.failure = error
        }
      }
      return job
    }
  }

  /// Merges what was fetched into the results and evaluates the checks `spool`; nil where the inventory
  /// has no spools.
  func takeSpools(
    _ report: inout Report, _ evaluator: inout Evaluator, into results: inout [HostResult]
  ) async -> SpoolIntake? {
    guard !site.inventory.spools.isEmpty, only == nil else { return nil }
    guard let ledgers = try? await store.spoolLedgers(), let seen = try? await store.spoolSeen()
    else { return nil }
    var intake = SpoolIntake(site, ledgers: ledgers, seen: seen, at: .now)
    for pull in report.pulls {
      await intake.take(pull, store)
      let carrier = pull.spool.carrier.name
      if let failure = pull.failure, failure.ofSpool.severity == nil, !pull.files.isEmpty {
        report.warnings.append("spool of \(carrier): \(failure)".visible)
      }
      if let complaint = pull.complaint {
        report.warnings.append(
          "spool of \(carrier): files that are stored here cannot be removed there: \(complaint); give "
            .visible + "the account write permission to the folder, or set `confirm: false`")
      }
    }
    report.warnings += intake.warnings
    for var result in intake.results {
      if intake.whole.contains(result.batch.host) { evaluator.adopt(&result) }
      results.append(result)
    }
    for var result in intake.checks(of: hosts, report.pulls) {
      await evaluator.evaluate(&result)
      for outcome in result.outcomes {
        guard let severity = outcome.severity, severity != .ok else { continue }
        report.spoolTroubles.append((result.batch.host, severity, outcome))
      }
      results.append(result)
    }
    return intake
  }

  /// The files for the own spool; nil without one.
  func spoolOutput(
    _ results: [HostResult], _ states: [String: [String: CheckState]], _ intake: SpoolIntake?,
    _ report: Report, isPart: Bool = false
  ) async -> Store.SpoolOutput? {
    guard spool != nil, let mark = try? await store.spoolMark() else { return nil }
    let spooled = site.inventory.spools.reduce(into: Set<String>()) { $0.formUnion($1.hosts) }
    let seen = intake == nil ? (try? await store.spoolSeen()) ?? [:] : [:]
    // A batch of the watch has a few of the hosts.
    let names = Set(results.map(\.batch.host))
    return OwnSpool.files(
      mark, isPart ? hosts.filter { names.contains($0.name) } : hosts, results, states: states,
      seen: { host in
        guard spooled.contains(host) else { return report.start }
        return intake?.lastSeen(host) ?? seen[host]
      }, at: report.start)
  }
}
