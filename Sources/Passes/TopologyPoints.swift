internal import Inventory
internal import Metrics
internal import Rules

/// The hosts of the inventory and their dependencies, with the names of Grafana's node graph panel.
///
/// Format: the panel's data frames of nodes and edges (grafana/grafana, public/app/plugins/panel/nodeGraph/
/// utils.ts). An edge to a missing node breaks the panel: both ends of an edge are always in the same write.
struct TopologyPoints {
  static let measurements = [
    Measurement(
      "topology_node",
      """
      One point per host of the inventory, and per hypervisor, switch or jump host that is named there but \
      is no host of it, in each pass over all hosts. At most 1,500; without the tag `host`. Counts are of the host's services, as \
      in `service_summary`; of a host without services, of its targets `ssh` and `bmc`.
      """,
      source: "the monitor itself", isOurs: true,
      tags: ["id": "the host's name", "group": "its group; absent for a node that is no host"],
      fields: [
        .string("title", means: "The host's name"),
        .string("subtitle", means: "`online/total`; absent if nothing was ever checked"),
        .float(
          "mainstat", unit: .percent,
          means: "Share that is online; unknown ones are excluded; absent if all are unknown"),
        .string(
          "secondarystat",
          means: "Worst state of all checks of the host, rules included; `no_data` without any"),
        .float(
          "arc__ok", "arc__failed", "arc__unknown",
          means: "Shares from 0 to 1 by state, with the sum 1; nothing checked is all unknown"),
      ]),
    Measurement(
      "topology_edge",
      """
      One point per dependency in the inventory, in the same passes as `topology_node`. Both ends are \
      nodes.
      """,
      source: "`on:`, `behind:` and `via:` of the inventory", isOurs: true,
      tags: [
        "id": "`SOURCE>TARGET`", "source": "what is needed: hypervisor, switch or jump host",
        "target": "the host that needs it",
      ],
      fields: [
        .string("mainstat", means: "The variable: `on`, `behind`, `via`, or several of them")
      ]),
  ]

  /// The limit of nodes: the panel draws no more.
  static let mostNodes = 1_500

  private struct Edge: Hashable {
    var source: String
    var target: String
  }

  private(set) var points: [Point] = []

  /// `scores` has the counts of each host with checked services or targets, `states` its checks.
  init(
    _ hosts: [Host], scores: [String: Score], states: [String: [String: CheckState]]
  ) {
    let names = Names(hosts)
    var edges: [Edge] = []
    var kinds: [Edge: [String]] = [:]
    func add(_ source: String?, _ target: String, _ kind: String) {
      guard let source, source != target else { return }
      let edge = Edge(source: source, target: target)
      if kinds[edge] == nil { edges.append(edge) }
      if kinds[edge]?.contains(kind) != true { kinds[edge, default: []].append(kind) }
    }
    for host in hosts {
      add(host.on, host.name, "on")
      add(host.behind, host.name, "behind")
      var way = (host.jumpHost ?? "").split(separator: ",").map { names.node(of: $0) }
      way.append(host.name)
      for (source, target) in zip(way, way.dropFirst()) { add(source, target, "via") }
    }
    let nodes = Self.nodes(hosts, edges)
    let kept = Set(nodes)
    let groups = Dictionary(
      hosts.map { ($0.name, $0.group) }, uniquingKeysWith: { first, _ in first })
    for name in nodes {
      points.append(Self.node(name, groups[name], scores[name], states[name]))
    }
    for edge in edges where kept.contains(edge.source) && kept.contains(edge.target) {
      var point = Point("topology_edge")
      point.tag("id", "\(edge.source)>\(edge.target)")
      point.tag("source", edge.source)
      point.tag("target", edge.target)
      point.string("mainstat", (kinds[edge] ?? []).joined(separator: ", "))
      points.append(point)
    }
  }

  /// The names of all nodes: the hosts in their order, then what only edges name. Beyond the limit, those
  /// that others need come first.
  private static func nodes(_ hosts: [Host], _ edges: [Edge]) -> [String] {
    let needed = edges.map(\.source)
    var all = hosts.map(\.name) + needed
    if all.count > mostNodes {
      let sources = Set(needed)
      all = hosts.map(\.name).filter(sources.contains) + needed + all
    }
    var seen: Set<String> = []
    return Array(all.filter { seen.insert($0).inserted }.prefix(mostNodes))
  }

  private static func node(
    _ name: String, _ group: String?, _ score: Score?, _ states: [String: CheckState]?
  ) -> Point {
    var point = Point("topology_node")
    point.tag("id", name)
    point.tag("group", group ?? "")
    point.string("title", name)
    let total = score?.total ?? 0
    let unknown = total == 0 ? 1 : score?.counts[.unknown] ?? 0
    let ok = score?.counts[.ok] ?? 0
    if let score, total > 0 {
      point.string("subtitle", "\(score.online)/\(total)")
      if unknown < total {
        point.percent("mainstat", 100 * Double(score.online) / Double(total - unknown))
      }
    }
    let worst = states?.values.map(\.severity).max().map(GroupState.init) ?? .noData
    point.string("secondarystat", worst.rawValue)
    let whole = Double(max(total, 1))
    point.float("arc__ok", Double(ok) / whole)
    point.float("arc__failed", Double(max(total, 1) - ok - unknown) / whole)
    point.float("arc__unknown", Double(unknown) / whole)
    return point
  }
}

/// The nodes that jump hosts are: hosts of the inventory by name or address, or themselves.
private struct Names {
  private var byAddress: [String: String] = [:]

  init(_ hosts: [Host]) {
    for host in hosts.reversed() { byAddress[host.address] = host.name }
    for host in hosts { byAddress[host.name] = host.name }
  }

  /// The node of `[user@]host[:port]`.
  func node(of hop: Substring) -> String {
    var host = hop.lastIndex(of: "@").map { hop[hop.index(after: $0)...] } ?? hop
    if host.first == "[", let end = host.firstIndex(of: "]") {
      host = host[..<end].dropFirst()
    } else if host.count(where: { $0 == ":" }) == 1, let colon = host.firstIndex(of: ":") {
      host = host[..<colon]
    }
    return byAddress[String(host)] ?? String(host)
  }
}
