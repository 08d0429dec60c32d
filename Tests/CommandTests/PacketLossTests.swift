import Foundation
import Lab
import Testing

private enum PacketFilter {
  static let program = "/usr/sbin/nft"
  static let isPossible =
    FileManager.default.isExecutableFile(atPath: program) && MariaDB.canHaveNamespaces
    && (try? run("/usr/bin/unshare", ["-n", program, "add table inet t"]).status) == 0
}

/// The probe `icmp` in a network namespace whose packet filter loses some of the echo requests.
@Suite(.serialized, .enabled(if: PacketFilter.isPossible), .timeLimit(.minutes(1)))
struct PacketLossTests {
  /// `lost` of each `of` requests are dropped on their way in.
  private func probe(_ entry: String, at address: String, lost: Int, of: Int) throws -> Outcome {
    let which = lost < of ? "numgen inc mod \(of) < \(lost) " : ""
    let rules = """
      add table inet t
      add chain inet t in { type filter hook input priority 0; }
      add rule inet t in icmp type echo-request \(which)drop
      add rule inet t in icmpv6 type echo-request \(which)drop

      """
    let file = Scratch()
    return try run(
      "/usr/bin/unshare",
      [
        "-n", "/bin/sh", "-c",
        "ip link set lo up && \(PacketFilter.program) -f \(file.write("rules", rules)) && "
          + "exec \(Scrape.program) probe '\(entry)' \(address) --json",
      ])
  }

  @Test(
    arguments: [
      ("127.0.0.1", 0, 4, "ok", 0.0, 8), ("127.0.0.1", 1, 4, "minor", 25, 6),
      ("127.0.0.1", 3, 4, "major", 75, 2), ("127.0.0.1", 4, 4, "critical", 100, 0),
      ("::1", 1, 4, "minor", 25, 6), ("::1", 4, 4, "critical", 100, 0),
    ])
  func `packets that the wire loses are counted`(
    address: String, lost: Int, of: Int, state: String, percent: Double, replies: Int
  ) throws {
    let outcome = try probe(
      "{icmp: {count: 8, interval: 20ms, wait: 300ms}}", at: address, lost: lost, of: of)
    let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
    #expect(object?["state"] as? String == state, "\(outcome)")
    let points = object?["points"] as? [[String: Any]] ?? []
    let ping =
      points.first { $0["measurement"] as? String == "ping" }?["fields"] as? [String: Any]
    #expect(ping?["packets_transmitted"] as? Int == 8, "\(points)")
    #expect(ping?["packets_received"] as? Int == replies)
    #expect(ping?["percent_packet_loss"] as? Double == percent)
    #expect((ping?["average_response_ms"] != nil) == (replies > 0))
  }

  @Test func `the limit of the loss is the probe's own`() throws {
    let entry = "{icmp: {count: 8, interval: 20ms, wait: 300ms, loss: {minor: 30, critical: 60}}}"
    #expect(try probe(entry, at: "127.0.0.1", lost: 1, of: 4).status == 0)
    #expect(try probe(entry, at: "127.0.0.1", lost: 3, of: 4).output.contains("\"critical\""))
  }
}
