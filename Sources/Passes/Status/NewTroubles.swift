internal import Alerts
internal import Metrics
internal import Rules
internal import Sinks

/// The troubles that began or became worse in a pass: the output of `scrape run --quiet`.
public struct NewTroubles: Sendable {
  /// A line for each, with all hosts that have it.
  public internal(set) var troubles: [Trouble] = []

  /// `complaints` are those of collectors before the pass.
  init(
    _ results: [HostResult], states: [String: [String: CheckState]],
    complaints: [String: [CollectorProblem]], of site: Site, at now: Timestamp
  ) {
    let feed = AlertFeed(
      states, of: site.alerting, changes: [:], before: [:], acknowledgements: [], silences: [],
      at: now)
    let causes = Dictionary(
      feed.alerts.map { ($0.key, $0.cause) }, uniquingKeysWith: { first, _ in first })
    var groups = TroubleGroups<Trouble.Kind, Trouble.Part>()
    for result in results {
      let host = result.batch.host
      for change in result.transitions where change.to != .ok && change.to > change.from {
        let key = Alert.Key(host, change.name)
        if let cause = causes[key] ?? nil {
          groups.hide(key, behind: cause)
          continue
        }
        var kind = Trouble.Kind(change.to, check: change.name, reason: change.reason)
        var part = Trouble.Part(
          host: host, isFlapping: change.isFlapping, message: change.message)
        let name = CheckName(change.name)
        if name.rule != nil {
          kind.check = name.withoutSeries.text
          part.instance = name.series
        }
        groups.add(part, to: kind, as: key)
      }
      let known = complaints[host] ?? []
      for problem in result.problems
      where !known.contains(where: {
        $0.collector == problem.collector && $0.reason == problem.reason
      }) {
        groups.add(
          Trouble.Part(host: host, message: problem.detail),
          to: Trouble.Kind(.unknown, check: problem.collector, reason: problem.reason))
      }
    }
    troubles = Trouble.sorted(groups.groups.map(Trouble.init), by: .severity)
  }
}
