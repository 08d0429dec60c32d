internal import Collectors
internal import Facts
public import Metrics
internal import Rules
internal import Sinks
internal import IPMI
public import Inventory
internal import Probes

extension Catalog {
  /// All measurements of scrape: those that collectors and probes declare, and the others.
  public static let all = Catalog(
    [(.scraper, [HostReading.measurement]), (.probes([]), Probes.shared)]
      + Probes.all.map { (.probes([$0.name]), Probes.measurements(of: $0)) }
      + Collectors.collectors.map { (.collector($0.name), $0.measurements) }
      + [
        (.bmc, BMCAnswer.measurements),
        (.scraper, [Score.measurement, .event, .canary]),
        (.scraper, PolicyOutcome.measurements),
        (.scraper, [Facts.measurement]),
        (.scraper, TopologyPoints.measurements + PassPoints.measurements),
        (.scraper, [WatchFigures.measurement]),
      ])
}

extension Catalog.Writer {
  /// Whether a host has this source; else no rule on its measurements can fire there.
  public func isThere(_ host: Host, tasks: [String], probes: Set<String>) -> Bool {
    switch self {
    case .collector(let name): tasks.contains(name)
    case .probes(let kinds):
      kinds.isEmpty ? !probes.isEmpty : kinds.contains(where: probes.contains)
    case .bmc: host.bmc != nil
    case .scraper: true
    }
  }

  /// The setting to add, for the hint.
  public var cure: String {
    switch self {
    case .collector(let name): "give their profile the collector \(name)"
    case .probes(let kinds):
      kinds.isEmpty
        ? "give them `probes:`" : "give them a probe \(kinds.joined(separator: " or "))"
    case .bmc: "give them a `bmc:`"
    case .scraper: "nothing to do"
    }
  }
}
