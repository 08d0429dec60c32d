import Foundation
import Lab
import Testing

/// A tree of jump hosts in namespaces without routes between them: what is behind can be reached through
/// them only.
@Suite(.serialized, .enabled(if: Segments.isPossible)) struct SegmentTests {
  private func range(_ segments: Segments) -> Range {
    var groups = ""
    for node in segments.nodes where node.isHosts {
      let members = node.addresses.enumerated().map {
        "        \(node.name)-\($0 + 1): {address: \($1)}"
      }
      groups += """
            \(node.name):
              vars: {via: \(node.parent ?? "")}
              hosts:
        \(members.map { "  " + $0 }.joined(separator: "\n"))

        """
    }
    let jumps = segments.nodes.filter { !$0.isHosts }.map { node in
      "    \(node.name): {address: \(node.address)\(node.parent.map { ", via: \($0)" } ?? "")}"
    }
    let range = Range(
      hosts: """
        all:
          vars: {key: \(segments.key), user: \(NSUserName()), profile: small}
          hosts:
        \(jumps.joined(separator: "\n"))
          children:
        \(groups)
        """,
      settings: """
        ssh_config: off
        self: off
        profiles: {small: {collectors: [mem]}}
        """)
    range.scratch.write("inventory/known_hosts", segments.knownHosts)
    return range
  }

  private func run(_ segments: Segments, _ range: Range) throws -> (Outcome, [Line]) {
    let outcome = try segments.centre(
      Scrape.program,
      ["run", "--stdout", "--inventory", range.inventory, "--store", range.store])
    return (outcome, Line.all(outcome.output).filter { $0.measurement == "scrape" })
  }

  @Test func `sixty hosts behind four jump hosts are read, and nothing goes round them`() throws {
    let segments = try Segments()
    let range = range(segments)
    let (outcome, lines) = try run(segments, range)
    #expect(outcome.status == 0, "\(outcome)")
    #expect(lines.count == 66 && lines.allSatisfy { $0.fields["up"] == "1i" }, "\(outcome.errors)")
    // Every connection to a server came from the jump host before it.
    #expect(segments.origins(of: "jp1") == ["10.97.1.1"])
    #expect(segments.origins(of: "jp12") == ["10.97.12.1"])
    for node in ["hosts11", "hosts12", "hosts21", "hosts22"] {
      #expect(segments.origins(of: node) == ["10.98.0.254"])
      #expect(segments.logIns(at: node) == 15)
    }
    // Its own collectors have a session, and all behind it share another.
    for node in ["jp1", "jp2", "jp11", "jp12", "jp21", "jp22"] {
      #expect((2...4).contains(segments.logIns(at: node)), "\(node): \(segments.logIns(at: node))")
    }
  }

  @Test func `a killed jump host is one cause, and after its return the pass is whole`() throws {
    let segments = try Segments(hosts: 5)
    let range = range(segments)
    #expect(try run(segments, range).0.status == 0)
    segments.kill("jp1")
    let start = Date()
    let (down, lines) = try run(segments, range)
    #expect(Date().timeIntervalSince(start) < 20)
    #expect(lines.filter { $0.fields["up"] == "1i" }.count == 13, "\(down.errors)")
    let reasons = Set(lines.filter { $0.fields["up"] == "0i" }.map { $0.fields["reason"] ?? "" })
    #expect(reasons == ["\"connection_refused\"", "\"unreachable\""])
    let cause = down.errors.split(separator: "\n").filter { $0.contains("hides") }
    #expect(cause.count == 1 && cause[0].contains("jp1"), "\(down.errors)")
    try segments.revive("jp1")
    #expect(try run(segments, range).0.status == 0)
  }

  @Test func `hosts of two segments with one address are trusted apart`() throws {
    let segments = try Segments(hosts: 2)
    let range = range(segments)
    range.scratch.write("inventory/known_hosts", "")
    let trust = try segments.centre(
      Scrape.program,
      ["trust", "--accept-new", "--inventory", range.inventory, "--store", range.store])
    #expect(trust.status == 0 && trust.errors.contains("14 accepted"), "\(trust)")
    #expect(try run(segments, range).0.status == 0)
    let again = try segments.centre(
      Scrape.program, ["trust", "--inventory", range.inventory, "--store", range.store])
    #expect(again.status == 0 && !again.output.contains("new "), "\(again)")
  }

  @Test func `a jump host without a cable costs seconds, not the pass`() throws {
    let segments = try Segments(hosts: 5)
    let range = range(segments)
    try segments.unplug("jp2")
    let start = Date()
    let (down, lines) = try run(segments, range)
    #expect(Date().timeIntervalSince(start) < 25)
    #expect(lines.filter { $0.fields["up"] == "1i" }.count == 13, "\(down.errors)")
    #expect(down.errors.contains("hides"), "\(down.errors)")
  }

  /// The source, the address that the BMC sees, and what is said where it sees none.
  static let sources: [(String, String?, String?)] = [
    ("", "10.97.1.1", nil), ("10.97.1.7", "10.97.1.7", nil), ("l0", "10.97.1.1", nil),
    ("10.97.1.77", nil, "is not an address of this machine"),
    ("\"::1\"", nil, "different versions of IP"), ("l7", nil, "no interface of this machine"),
  ]

  @Test(arguments: sources)
  func `a BMC is asked from the address that the source names`(
    source: String, seen: String?, fault: String?
  ) throws {
    let segments = try Segments(hosts: 1)
    try segments.inside("centre", "ip address add 10.97.1.7/24 dev l0")
    let (bmc, capture) = try segments.within("jp1") {
      (try BMC(address: "10.97.1.2", port: 623), try Capture())
    }
    let range = Range(
      hosts: """
        all:
          hosts: {h: {\(source.isEmpty ? "" : "source: \(source), ")bmc: {address: 10.97.1.2, user: admin, password: "file:pw"}}}
        """, settings: "{ssh_config: off, self: off}")
    range.scratch.write("inventory/pw", "secret\n")
    let outcome = try segments.centre(
      Scrape.program,
      ["run", "--only", "bmc", "--stdout", "--inventory", range.inventory, "--store", range.store])
    let packets = try capture.stop()
    let lines = Line.all(outcome.output)
    let target = lines.first { $0.measurement == "scrape" && $0.tags["target"] == "bmc" }
    let asked = packets.filter { $0.transport == 17 && $0.targetPort == 623 && !$0.isLoopback }
    if let seen {
      #expect(target?.fields["up"] == "1i", "\(outcome)")
      #expect(lines.count { $0.measurement == "ipmi_sensor" } > 12 && asked.count > 20)
      #expect(Set(asked.map(\.source)) == [seen])
      #expect(bmc.openSessions == 0 && bmc.sessionsOpenedInAll == 1)
    } else {
      #expect(target?.fields["reason"] == "\"local_error\"", "\(outcome)")
      #expect(outcome.errors.contains(fault ?? "-"), "\(outcome.errors)")
      #expect(asked.isEmpty && bmc.requests == 0)
    }
  }
}
