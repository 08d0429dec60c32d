public import Metrics

/// What the boards are made from: the inventory and the settings, as far as boards show them.
public struct BoardSite: Sendable {
  /// A host with what it has.
  public struct Host: Sendable {
    public var name: String
    public var group: String
    public var team: String?
    public var hasBMC = false
    public var collectors: Set<String> = []
    /// The kinds of its probes.
    public var probes: Set<String> = []

    public init(name: String, group: String) {
      self.name = name
      self.group = group
    }
  }

  public var hosts: [Host]
  /// The services of scrape.yml.
  public var services: [String] = []
  public var catalog: Catalog
  /// The databases that Grafana reads.
  public var sources: [DataSource] = []
  /// The retention policies of the first database, the finest first: points as they are written, then
  /// the rollups. Empty without rollups.
  public var policies: [String] = []
  /// The limits of rules that hold for every host, by `measurement.field`.
  public var limits: [String: Thresholds] = [:]
  /// The tags that make scopes of summaries.
  public var scopes: [String] = []
  /// Whether hosts are evaluated by policies.
  public var hasPolicies = false

  public init(hosts: [Host], catalog: Catalog) {
    self.hosts = hosts
    self.catalog = catalog
  }

  var groups: [String] { Set(hosts.map(\.group)).sorted() }
  var teams: [String] { Set(hosts.compactMap(\.team)).sorted() }
  var hasBMC: Bool { hosts.contains(where: \.hasBMC) }

  func has(collector name: String) -> Bool { hosts.contains { $0.collectors.contains(name) } }
  func has(probe kind: String) -> Bool { hosts.contains { $0.probes.contains(kind) } }

  /// The groups in which a host has that collector.
  func groups(with collector: String) -> [String] {
    Set(hosts.filter { $0.collectors.contains(collector) }.map(\.group)).sorted()
  }

  /// The limits of the rules on a field.
  func limits(_ measurement: String, _ field: String) -> Thresholds {
    limits["\(measurement).\(field)"] ?? .none
  }
}
