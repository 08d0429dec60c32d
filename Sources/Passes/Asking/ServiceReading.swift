internal import Inventory
public import Metrics
internal import Sinks
public import Probes

/// The results of the probes of one host: points, and the verdict on each service.
public struct ServiceReading: Sendable {
  /// The name of all of them in `--only` and for what is due.
  public static let name = "probes"

  public var result: HostResult
  public var services: [ServiceResult]
  /// The services that were not asked because a jump host stands between, or because the host has no
  /// such address: `scrape lint` says so.
  public let unasked: Set<String>

  init(_ services: [ServiceResult], of turn: Plan.ProbeTurn, at time: Timestamp) {
    let host = turn.host
    let unasked = Set(turn.plans.filter { !$0.reaches(host) }.map(\.service))
    self.unasked = unasked
    // In the order of the inventory, whoever answered first.
    let places = Dictionary(
      turn.plans.enumerated().map { ($1.service, $0) }, uniquingKeysWith: { first, _ in first })
    // One without the address that it asks for is no service of this host.
    let lacking = Set(turn.plans.filter(\.lacksAddress).map(\.service))
    self.services = services.filter { !lacking.contains($0.service) }.sorted {
      places[$0.service] ?? 0 < places[$1.service] ?? 0
    }
    result = HostResult(batch: PointBatch(host: host.name, tags: host.pointTags, time: time))
    result.isOfBoot = false
    // Those that had no turn are due at the next pass, not in a minute.
    let hadTurn = services.contains {
      $0.verdict.reason != .notReached && $0.verdict.reason != .cancelled
    }
    for (key, next) in turn.due { result.due[key] = hadTurn ? next : time }
    result.batch.points = self.services.flatMap(\.points).map { point in
      // What a program measured by itself belongs to this host, whatever it says.
      guard !Catalog.all.contains(point.measurement) else { return point }
      var point = point
      point.tags.removeAll { tag in result.batch.tags.contains { $0.name == tag.name } }
      return point
    }
    result.outcomes = self.services.filter { !unasked.contains($0.service) }.map { service in
      let verdict = service.verdict
      return TargetOutcome(
        target: CheckName.service(service.service).text,
        up: verdict.severity == .ok || verdict.reason?.isFinding == true,
        severity: [.notReached, .cancelled].contains(verdict.reason) ? nil : verdict.severity,
        reason: verdict.reason, message: verdict.message,
        milliseconds: verdict.latency?.milliseconds ?? 0)
    }
  }

  /// Whether the result of a service does not count because the scraper was cut off.
  public func isUnevaluated(_ service: ServiceResult) -> Bool {
    !result.isEvaluated
      && result.outcomes.contains {
        $0.target == CheckName.service(service.service).text && $0.severity == nil
      }
  }
}
