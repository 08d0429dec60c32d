internal import Metrics
internal import Rules
internal import Sinks
internal import Store

/// The availability of services over the SLA window, in the store.
enum SLAWindow {
  private static let memory = "sla"

  /// Loads the stored counts. Without them, as after a change of the window, it counts the history once:
  /// 2.8 s for 24 h of 231 scopes every 15 s, against 3 ms for the stored counts.
  static func load(_ sla: SLA?, from store: Store, at now: Timestamp) async -> Availability? {
    guard let sla else { return nil }
    if let availability = await kept(sla, in: store) { return availability }
    let from = now.before(sla.window)
    let counted = try? await store.reduce(
      into: Availability(sla), host: Pseudo.all, measurement: "service_summary", from: from,
      to: now
    ) { availability, time, point in
      var counts: [Severity: Int] = [:]
      for severity in SLA.evaluated {
        if case .integer(let count)? = point[field: severity.rawValue] {
          counts[severity] = Int(clamping: count)
        }
      }
      availability.add(Availability.scope(point.tags), at: time, counts)
    }
    return counted ?? Availability(sla)
  }

  /// The stored counts; nil without any, or of another window.
  static func kept(_ sla: SLA?, in store: Store) async -> Availability? {
    guard let sla else { return nil }
    let known = try? await store.load([Pseudo.all])[Pseudo.all]?.memory[memory]
    return known.flatMap { Availability(sla, values: $0.values) }
  }

  /// Adds the counts to the result that the pass stores.
  static func keep(_ availability: Availability?, in result: inout HostResult) {
    guard var availability else { return }
    availability.prune(at: result.batch.time)
    result.isOfBoot = false
    result.memory[memory] = Memory(time: result.batch.time, values: availability.values)
  }
}
