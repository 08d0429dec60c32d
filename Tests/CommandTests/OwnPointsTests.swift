import Configuration
import Foundation
import Lab
import Metrics
import Testing

@testable import Inventory
@testable import Passes
@testable import Rules
@testable import Store

/// The points of a pass about itself and about the hosts' dependencies.
@Suite struct OwnPointsTests {
  private func inventory(_ text: String) -> Inventory {
    let scratch = Scratch()
    scratch.write("hosts.yml", text)
    var findings = Findings()
    let inventory = Inventory.read("\(scratch.path)/hosts.yml", checkingKeys: false, &findings)
    #expect(findings.errors.isEmpty, "\(findings.errors)")
    return inventory
  }

  private func score(_ severities: [Severity: Int]) -> Score {
    var score = Score()
    for (severity, count) in severities {
      for _ in 0..<count { score.add(severity, isUp: nil) }
    }
    return score
  }

  /// What a board would draw: each edge with the ends that the same write has.
  private func edges(_ points: [Point]) -> [String: FieldValue?] {
    let nodes = Set(
      points.filter { $0.measurement == "topology_node" }.compactMap { $0[tag: "id"] })
    var edges: [String: FieldValue?] = [:]
    for edge in points where edge.measurement == "topology_edge" {
      let (source, target) = (edge[tag: "source"] ?? "", edge[tag: "target"] ?? "")
      #expect(nodes.contains(source) && nodes.contains(target), "\(edge)")
      #expect(edge[tag: "id"] == "\(source)>\(target)")
      edges["\(source)>\(target)"] = edge[field: "mainstat"]
    }
    return edges
  }

  @Test func `dependencies are edges, and what only they name is a node`() throws {
    let inventory = inventory(
      """
      all:
        hosts:
          esx1: {address: 192.0.2.1}
          sw1: {address: 192.0.2.2, on: esx1}
          jp1: {address: 192.0.2.3}
          web1: {address: 192.0.2.11, on: esx1, behind: esx1}
          web2: {address: 192.0.2.12, behind: sw1, via: "root@192.0.2.3:2222,ops@[2001:db8::1]:22"}
          web3: {address: 192.0.2.13, via: "jp1,jp9"}
          me: {connection: local, via: jp1}
      """)
    let points = TopologyPoints(
      inventory.hosts,
      scores: ["web1": score([.ok: 2, .critical: 1, .unknown: 1]), "web2": score([.unknown: 2])],
      states: ["web1": ["ssh": CheckState.first(.minor, at: .now, patience: .none).0]]
    ).points
    #expect(
      edges(points) == [
        "esx1>sw1": .string("on"), "esx1>web1": .string("on, behind"),
        "sw1>web2": .string("behind"), "jp1>2001:db8::1": .string("via"),
        "2001:db8::1>web2": .string("via"), "jp1>jp9": .string("via"), "jp9>web3": .string("via"),
      ])
    func node(_ id: String) throws -> Point {
      try #require(
        points.first { $0.measurement == "topology_node" && $0[tag: "id"] == id }, "\(id)")
    }
    let web1 = try node("web1")
    #expect(web1[field: "title"] == .string("web1") && web1[tag: "group"] == "ungrouped")
    #expect(web1[field: "subtitle"] == .string("2/4"))
    #expect(web1[field: "mainstat"] == .float(66.67))
    #expect(web1[field: "secondarystat"] == .string("minor"))
    #expect(
      ["ok", "failed", "unknown"].map { web1[field: "arc__\($0)"] }
        == [.float(0.5), .float(0.25), .float(0.25)])
    // Missing is never zero: the share of nothing is not 0 %.
    for (id, subtitle) in [("web2", FieldValue.string("0/2")), ("web3", nil), ("jp9", nil)] {
      let node = try node(id)
      #expect(node[field: "mainstat"] == nil && node[field: "subtitle"] == subtitle, "\(id)")
      #expect(node[field: "arc__unknown"] == .float(1) && node[field: "arc__ok"] == .float(0))
      #expect(node[field: "secondarystat"] == .string("no_data"))
    }
    #expect(try node("jp9")[tag: "group"] == nil)
    #expect(points.count(where: { $0.measurement == "topology_node" }) == 9)
    for node in points where node.measurement == "topology_node" {
      let arcs = ["ok", "failed", "unknown"].compactMap { node[field: "arc__\($0)"]?.number }
      #expect(arcs.count == 3 && abs(arcs.reduce(0, +) - 1) < 1e-9, "\(node)")
    }
  }

  @Test func `more hosts than a panel draws keep those that others need`() {
    let inventory = inventory(
      """
      all:
        hosts:
          n[1:1600]: {address: 192.0.2.1, port: 22, behind: sw1}
          sw1: {address: 192.0.2.2}
      """)
    #expect(inventory.hosts.count == 1601)
    let points = TopologyPoints(inventory.hosts, scores: [:], states: [:]).points
    let nodes = points.filter { $0.measurement == "topology_node" }
    #expect(nodes.count == 1500 && nodes.first?[tag: "id"] == "sw1")
    #expect(edges(points).count == 1499)
  }

  @Test func `a queue that waits has its age, an empty one has none`() throws {
    let now = Timestamp(seconds: 1_800_000_000)
    var waiting = Store.QueueStatus(
      sink: "far", payloads: 2, lines: 70, bytes: 900, oldest: now.before(.seconds(90)), dropped: 3)
    waiting.trouble = Store.Trouble(
      failures: 6, since: now, until: now, reason: "timeout", message: "")
    let points = PassPoints.sinks(["far", "near"], [waiting], at: now)
    #expect(points.map { $0[tag: "sink"] } == ["far", "near"])
    let far = try #require(points.first)
    #expect(far[field: "queued"] == .integer(70) && far[field: "oldest_s"] == .float(90))
    #expect(far[field: "dropped"] == .integer(3) && far[field: "failures"] == .integer(6))
    #expect(points.last?[field: "queued"] == .integer(0))
    #expect(points.last?[field: "oldest_s"] == nil)
  }

  @Test func `a pass writes what it did, and the topology if it was over all hosts`() throws {
    let server = SilentPort()
    let range = Range(
      hosts: """
        all:
          hosts:
            me: {connection: local, probes: ["tcp:\(server.port)", "tcp:\(freePort())"]}
            vm: {connection: local, on: me}
            dead: {address: 127.0.0.1, port: \(freePort()), behind: me}
        """,
      settings: """
        sinks: [file: {path: "\(freePort()).lp"}]
        """)
    let output = try range.scrape("run", "--stdout").output
    let lines = Line.all(output)
    let pass = try #require(lines.first { $0.measurement == "scrape_pass" })
    #expect(pass.tags == ["host": "(scraper)", "scope": "all"])
    #expect(
      pass.fields["hosts"] == "3i" && pass.fields["up"] == "2i" && pass.fields["failed"] == "1i")
    #expect(pass.fields["skipped"] == "0i" && pass.fields["idle"] == "0i")
    #expect(pass.fields["points"] == "\(lines.count)i" && pass.fields["queued"] == "0i")
    let took = try #require(Double(pass.fields["duration_s"] ?? ""))
    let left = try #require(Double(pass.fields["deadline_margin_s"] ?? ""))
    #expect(took > 0 && left > 0 && (took + left).rounded() == 60, "\(pass)")
    let cpu = try #require(Double(pass.fields["cpu_s"] ?? ""))
    #expect(cpu > 0 && cpu < 60)
    let nodes = lines.filter { $0.measurement == "topology_node" }
    #expect(Set(nodes.map { $0.tags["id"] }) == ["me", "vm", "dead"])
    let me = try #require(nodes.first { $0.tags["id"] == "me" })
    #expect(me.fields["subtitle"] == "\"1/2\"" && me.fields["arc__failed"] == "0.5", "\(me)")
    // Without services, its targets.
    #expect(nodes.first { $0.tags["id"] == "vm" }?.fields["subtitle"] == "\"1/1\"")
    #expect(nodes.first { $0.tags["id"] == "dead" }?.fields["mainstat"] == "0")
    #expect(lines.count { $0.measurement == "topology_edge" } == 2)
    let part = Line.all(try range.scrape("run", "--stdout", "--limit", "vm").output)
    #expect(part.first { $0.measurement == "scrape_pass" }?.tags["scope"] == "part")
    #expect(!part.contains { $0.measurement.hasPrefix("topology") })
    withExtendedLifetime(server) {}
  }

  @Test(arguments: ["scrape_pass.duration_s", "topology_node.mainstat", "scrape_sink.queued"])
  func `a rule on them is refused, as it could never fire`(metric: String) throws {
    let range = Range(
      hosts: "all: {hosts: {me: {connection: local}}}\n",
      settings: "rules: {r: {when: \(metric), major: \"> 1\"}}\n")
    let outcome = try range.scrape("lint")
    #expect(outcome.status == 2 && outcome.errors.contains("it is of no host"), "\(outcome.errors)")
  }
}
