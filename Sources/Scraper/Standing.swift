internal import Metrics
internal import Rules
internal import Sinks

/// How services stood over the window of the SLA, as the store knows it.
enum Standing {
  private static let memory = "sla"

  /// What is kept; where nothing is, as after a change of the window, it is counted from the history.
  static func load(_ sla: SLA?, from store: Store, at now: Timestamp) async -> Availability? {
    guard let sla else { return nil }
    let known = try? await store.load([Pass.together])[Pass.together]?.memory[memory]
    if let known, let availability = Availability(sla, values: known.values) {
      return availability
    }
    var availability = Availability(sla)
    let from = Timestamp(nanoseconds: now.nanoseconds &- sla.window.nanoseconds)
    var counts: [String: [Timestamp: [Severity: Int]]] = [:]
    for severity in SLA.judged {
      let series = try? await store.histories(
        host: Pass.together, measurement: "service_summary", field: severity.rawValue, from: from,
        to: now)
      for (tags, values) in series ?? [:] {
        let scope = Availability.scope(tags)
        for case (let time, .integer(let count)) in values {
          counts[scope, default: [:]][time, default: [:]][severity] = Int(clamping: count)
        }
      }
    }
    for (scope, times) in counts {
      for (time, seen) in times.sorted(by: { $0.key < $1.key }) {
        availability.add(scope, at: time, seen)
      }
    }
    return availability
  }

  /// Keeps it with the pass that it was counted in.
  static func keep(_ availability: Availability?, in result: inout HostResult) {
    guard var availability else { return }
    availability.prune(at: result.batch.time)
    result.isOfBoot = false
    result.memory[memory] = Memory(time: result.batch.time, values: availability.values)
  }
}
