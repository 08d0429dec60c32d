internal import Boards
internal import Configuration
internal import Inventory
internal import Metrics
internal import Passes
internal import Probes
internal import Rules
internal import Sinks

extension BoardSite {
  /// What boards show of an inventory and its settings.
  init(_ site: Site) {
    let hosts = site.inventory.hosts.map { host -> BoardSite.Host in
      var shown = BoardSite.Host(name: host.name, group: host.group)
      shown.team = host.tags.first { $0.name == "team" }?.value
      shown.hasBMC = host.bmc != nil
      shown.collectors = Set(
        site.settings.profiles[host.profile]?.tasks.map(\.collector) ?? [])
      shown.probes = Set(site.probes[host.name].map(\.kind))
      return shown
    }
    self.init(hosts: hosts, catalog: .all)
    services = site.rules.services.map(\.name)
    scopes = site.rules.tags
    hasPolicies = !site.policies.isEmpty
    sources = (site.settings.sinks?.items ?? []).compactMap { DataSource(sink: $0) }
    var findings = Findings()  // Faults were reported when the files were read.
    let sinks = Sinks.sinks(from: site.settings.sinks, secrets: false, &findings)
    if let first = sinks.lazy.compactMap({ $0 as? any DatabaseAccess }).first,
      !first.rollups.isEmpty
    {
      policies = [first.policy] + first.rollups.sorted { $0.every < $1.every }.map(\.policy)
    }
    for rule in site.rules.rules where rule.hosts == nil && rule.profile == nil {
      let limit = { (severity: Severity) in
        rule.thresholds.first { $0.severity == severity }?.threshold.upperLimit
      }
      let found = Thresholds.high(
        minor: limit(.minor), major: limit(.major), critical: limit(.critical))
      let name = "\(rule.selector.measurement).\(rule.selector.field)"
      if limits[name] == nil { limits[name] = found }
    }
  }
}

extension DataSource {
  /// The database of an entry of `sinks:`; nil for a sink that Grafana cannot read as InfluxDB.
  init?(sink: Node) {
    guard let pair = sink.pairs?.first, ["influxdb", "influxdb2"].contains(pair.name) else {
      return nil
    }
    let settings = pair.value
    let isFirst = pair.name == "influxdb"
    let database =
      settings[isFirst ? "database" : "bucket"]?.text ?? (isFirst ? "scrape" : "")
    let url = settings["url"]?.text ?? "http://127.0.0.1:8086"
    self.init(
      name: settings["name"]?.text ?? "scrape \(database)", url: url, database: database)
    username = settings["username"]?.text
    password = settings["password"].flatMap { Self.secret($0) }
    token = settings["token"].flatMap { Self.secret($0) }
  }

  /// The place of a secret, for Grafana to read it there.
  private static func secret(_ node: Node) -> DataSource.Secret? {
    guard let secret = try? Configuration.Secret(node, "secret") else { return nil }
    switch secret.origin {
    case .environment(let name): return .environment(name)
    case .file(let path): return .file(path)
    // systemd gives a credential to one unit only: Grafana's unit has its own folder of them.
    case .credential(let name): return .file("/run/credentials/grafana-server.service/\(name)")
    }
  }
}
