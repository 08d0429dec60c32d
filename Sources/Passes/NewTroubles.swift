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
    var kinds: [Trouble.Kind: Trouble] = [:]
    var hidden: [Alert.Key: (hosts: Set<String>, services: Int)] = [:]
    var roots: [Alert.Key: Trouble.Kind] = [:]
    func add(_ kind: Trouble.Kind, _ part: Trouble.Part) {
      kinds[kind, default: Trouble(kind: kind)].parts.append(part)
    }
    for result in results {
      let host = result.batch.host
      for change in result.transitions where change.to != .ok && change.to > change.from {
        let key = Alert.Key(host, change.name)
        if let cause = causes[key] ?? nil {
          if change.name == "ssh", host != cause.host {
            hidden[cause, default: ([], 0)].hosts.insert(host)
          } else {
            hidden[cause, default: ([], 0)].services += 1
          }
          continue
        }
        var kind = Trouble.Kind(change.to, check: change.name)
        var part = Trouble.Part(
          host: host, isFlapping: change.isFlapping, message: change.message)
        let name = CheckName(change.name)
        if name.rule != nil {
          kind.check = name.withoutSeries.text
          part.instance = name.series
        } else if let colon = change.message.firstIndex(of: ":") {
          kind.reason = String(change.message[..<colon])
          part.message = String(
            change.message[change.message.index(after: colon)...].drop { $0 == " " })
        }
        roots[key] = kind
        add(kind, part)
      }
      let known = complaints[host] ?? []
      for problem in result.problems
      where !known.contains(where: {
        $0.collector == problem.collector && $0.reason == problem.reason
      }) {
        add(
          Trouble.Kind(.unknown, check: problem.collector, reason: problem.reason),
          Trouble.Part(host: host, message: problem.detail))
      }
    }
    for (cause, effects) in hidden {
      guard let kind = roots[cause] else { continue }
      kinds[kind]?.hidden.formUnion(effects.hosts)
      kinds[kind]?.services += effects.services
    }
    troubles = Trouble.sorted(Array(kinds.values), by: .severity)
  }
}
