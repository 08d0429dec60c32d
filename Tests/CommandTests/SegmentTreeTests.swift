import Foundation
import Lab
import Synchronization
import Testing

/// What docs/segments.md promises of jump hosts, on a tree of them without routes: all is read, nothing goes round a
/// jump host, no secret leaves the centre, and an outage is one incident.
@Suite(.serialized, .enabled(if: SegmentTree.isPossible), .timeLimit(.minutes(5)))
struct SegmentTreeTests {
  /// All packets of the centre and of the jump hosts while the body runs, by namespace, without loopback.
  private func packets(
    _ segments: Segments, while body: () throws -> Void
  ) throws -> [String: [Capture.Packet]] {
    var captures: [String: Capture] = [:]
    for place in ["centre"] + Segments.jumpHosts {
      captures[place] = try segments.within(place) { try Capture() }
    }
    try body()
    return try captures.mapValues { try $0.stop().filter { !$0.isLoopback } }
  }

  @Test func `a tree of jump hosts is read whole, keeps secrets, and fails as one`() throws {
    let tree = try SegmentTree()
    try readAll(tree)
    try killed(tree)
    try wrongKey(tree)
  }

  // MARK: Whole passes

  /// Expects of a pass that every host, BMC and service is ok.
  private func expectWhole(
    _ tree: SegmentTree, _ outcome: Outcome, _ lines: [Line], _ comment: String
  ) {
    #expect(outcome.status == 0, "\(comment): \(outcome.errors)")
    #expect(outcome.errors.contains("66 hosts, 10 BMCs, 44 services in"), "\(outcome.errors)")
    let targets = lines.filter { $0.measurement == "scrape" }
    for (name, count) in [("ssh", 66), ("bmc", 10)] {
      let found = targets.filter { $0.tags["target"] == name }
      #expect(found.count == count && found.allSatisfy { $0.fields["up"] == "1i" }, "\(comment)")
      #expect(found.allSatisfy { $0.fields["problems"] == "0i" }, "\(comment)")
    }
    let services = lines.filter { $0.measurement == "service" }
    #expect(services.count == tree.services && tree.services == 44, "\(services.count)")
    for service in services where service.fields["state"] != "0i" {
      Issue.record("\(comment): \(service)")
    }
  }

  private func readAll(_ tree: SegmentTree) throws {
    let segments = tree.segments
    // udp, and three that are asked over TCP, too.
    #expect(tree.kinds.count == 19, "\(tree.kinds)")
    let words = Words(segments)
    let captured = try packets(segments) {
      let (outcome, lines) = try tree.pass()
      expectWhole(tree, outcome, lines, "first")
      #expect(lines.count { $0.measurement == "mem" } == 66)
      #expect(
        Set(lines.filter { $0.measurement == "ipmi_sensor" }.map { $0.tags["host"] }).count == 10)
    }
    let spoken = words.stop()
    expectNothingGoesRound(captured)

    // No secret is in any packet, argument, environment or file of a jump host, nor in what commands there read and wrote.
    var contents: [(place: String, bytes: [UInt8])] = []
    for (place, packets) in captured {
      contents += try Capture.contents(of: packets).map { ("packets of \(place)", $0) }
    }
    for place in Segments.jumpHosts {
      contents += segments.records(of: place).map { ("commands on \(place)", $0) }
      #expect(segments.leftovers(of: place) == [])
    }
    contents += spoken.map { ("arguments and environment", Array($0)) }
    for (name, secret) in try tree.secrets() {
      for (place, bytes) in contents where bytes.holds(secret) {
        Issue.record("\(name) is in \(place)")
      }
    }
    // These are all there, where they must be: the search would find a secret.
    func isFound(_ text: String, in place: String) -> Bool {
      contents.contains { $0.place == place && $0.bytes.holds(Array(text.utf8)) }
    }
    for jump in Segments.jumpHosts where jump.count == 4 {
      #expect(isFound("it works", in: "packets of \(jump)"), "a page over HTTP")
      #expect(isFound("admin", in: "packets of \(jump)"), "the user of BMCs")
      #expect(isFound("623", in: "commands on \(jump)"), "the port of BMCs")
    }
    #expect(
      isFound("SSH-2.0-", in: "packets of centre") && isFound("SSH-2.0-", in: "packets of jp1"))
    #expect(
      !isFound("it works", in: "packets of centre") && !isFound("admin", in: "packets of jp1"))
    #expect(isFound("/dev/udp", in: "arguments and environment"))
    let size = contents.reduce(0) { $0 + $1.bytes.count }
    #expect(size > 1 << 20, "\(size) bytes")
  }

  /// Expects that each connection is one of the tree's edges.
  private func expectNothingGoesRound(_ captured: [String: [Capture.Packet]]) {
    for (place, packets) in captured {
      let calls = Set(
        packets.filter(\.isCall).map { "\($0.source) \($0.target):\($0.targetPort)" })
      let ways = Set(packets.filter { $0.version == 4 }.map { [$0.source, $0.target].sorted() })
      // No TCP and no UDP over IPv6: what there is are neighbours that look for each other.
      #expect(!packets.contains { $0.version == 6 && [6, 17].contains($0.transport) }, "\(place)")
      let number = place.filter(\.isNumber)
      switch number.count {
      case 0:
        #expect(calls == ["10.97.1.1 10.97.1.2:22", "10.97.2.1 10.97.2.2:22"])
        #expect(ways == [["10.97.1.1", "10.97.1.2"], ["10.97.2.1", "10.97.2.2"]])
        #expect(packets.allSatisfy { $0.version == 6 || $0.transport == 6 })
      case 1:
        let links = ["10.97.\(number)", "10.97.\(number)1", "10.97.\(number)2"]
        #expect(calls == Set(links.map { "\($0).1 \($0).2:22" }), "\(place): \(calls)")
        #expect(ways == Set(links.map { ["\($0).1", "\($0).2"] }), "\(place): \(ways)")
        #expect(packets.allSatisfy { $0.version == 6 || $0.transport == 6 }, "\(place)")
      default:
        let (outside, inside) = (
          calls.filter { $0.hasPrefix("10.97.") }, calls.filter { !$0.hasPrefix("10.97.") }
        )
        #expect(outside == ["10.97.\(number).1 10.97.\(number).2:22"], "\(place): \(outside)")
        #expect(inside.count > 15 && inside.allSatisfy { $0.hasPrefix("10.98.0.254 10.98.0.") })
        let segment = ways.filter { !$0.allSatisfy { $0.hasPrefix("10.97.") } }
        #expect(
          segment.count >= 17 && segment.allSatisfy { $0.contains("10.98.0.254") }, "\(segment)")
        #expect(packets.contains { $0.transport == 17 && $0.targetPort == 623 })
      }
    }
  }

  // MARK: A wrong key

  private func wrongKey(_ tree: SegmentTree) throws {
    let segments = tree.segments
    #expect(segments.log(of: "jp11").contains("userauth-request"))
    segments.kill("jp11")
    try segments.revive("jp11", isStranger: true)
    let captured = try packets(segments) {
      let (outcome, lines) = try tree.pass()
      #expect(outcome.status == 1)
      let failed = lines.filter { $0.measurement == "scrape" && $0.fields["up"] == "0i" }
      let reasons = Dictionary(grouping: failed) { $0.fields["reason"] ?? "" }.mapValues(\.count)
      // The jump host itself; 15 hosts and 3 BMCs behind it.
      #expect(reasons == ["\"host_key_changed\"": 1, "\"unreachable\"": 18], "\(reasons)")
      #expect(
        failed.allSatisfy { ["jp11", "hosts11"].contains($0.tags["host"]?.prefix { $0 != "-" }) })
      let services = lines.filter { $0.measurement == "service" && $0.fields["state"] != "0i" }
      #expect(
        services.count == 11 && services.allSatisfy { $0.fields["reason"] == "\"unreachable\"" })
    }
    // It sees connections that end in the key exchange: no log-in begins, and nothing goes further.
    let log = segments.log(of: "jp11")
    #expect(log.contains("Connection from 10.97.11.1") && !log.contains("userauth-request"))
    let jump = captured["jp11"] ?? []
    #expect(jump.contains { $0.isCall && $0.targetPort == 22 })
    #expect(!jump.contains { $0.version == 4 && $0.target.hasPrefix("10.98.") })
    segments.kill("jp11")
    try segments.revive("jp11")
    let (outcome, lines) = try tree.pass()
    expectWhole(tree, outcome, lines, "the right key again")
  }

  // MARK: An outage

  private func killed(_ tree: SegmentTree) throws {
    let segments = tree.segments
    let behind = ["hosts11", "hosts12"]
    let served = behind.map { segments.logIns(at: $0) }.reduce(0, +)
    let killer = Thread {
      // In the middle: some hosts behind it were reached, most were not.
      _ = eventually(within: 30) {
        behind.map { segments.logIns(at: $0) }.reduce(0, +) >= served + 5
      }
      segments.kill("jp1")
    }
    killer.start()
    let start = Date()
    let (outcome, lines) = try tree.pass()
    #expect(Date().timeIntervalSince(start) < 30)
    #expect(eventually { killer.isFinished })
    expectOutage(outcome, lines, isWhole: false)
    // Still down; then back.
    let (down, downLines) = try tree.pass()
    expectOutage(down, downLines, isWhole: true)
    let notes = tree.notes
    let problems = notes.filter { $0["kind"] as? String == "problem" }
    #expect(Set(problems.compactMap { $0["incident"] as? String }).count == 1, "\(notes)")
    #expect(problems.count == 1, "\(problems)")
    #expect((problems.first?["subject"] as? String)?.contains("jp1") == true, "\(problems)")
    try segments.revive("jp1")
    let (whole, wholeLines) = try tree.pass()
    expectWhole(tree, whole, wholeLines, "after the outage")
    let recoveries = tree.notes.filter { $0["kind"] as? String == "recovery" }
    #expect(recoveries.count == 1, "\(recoveries)")
  }

  /// Expects that all failures are of what is behind jp1, with typed reasons; all of them where it was down from the
  /// beginning.
  private func expectOutage(_ outcome: Outcome, _ lines: [Line], isWhole: Bool) {
    #expect(outcome.status == 1)
    let targets = lines.filter { $0.measurement == "scrape" }
    let failed = targets.filter { $0.fields["up"] != "1i" }
    func isBehind(_ line: Line) -> Bool {
      let host = line.tags["host"] ?? ""
      return ["jp1", "hosts1"].contains { host.hasPrefix($0) }
    }
    #expect(
      targets.count == 76 && failed.allSatisfy(isBehind), "\(failed.filter { !isBehind($0) })")
    // Of what is behind it, also of what it carried at that moment.
    let behind = failed.filter { $0.tags["host"] != "jp1" }
    #expect(behind.allSatisfy { $0.fields["reason"] == "\"unreachable\"" }, "\(behind)")
    if isWhole {
      // jp1, jp11, jp12, 30 hosts, and 6 BMCs.
      #expect(failed.count == 39 && behind.count == 38, "\(failed.count)")
    } else {
      #expect((5...39).contains(failed.count), "\(failed.count)")
    }
    let services = lines.filter { $0.measurement == "service" }
    let ill = services.filter { $0.fields["state"] != "0i" }
    #expect(services.count == 44 && ill.allSatisfy(isBehind))
    #expect(ill.allSatisfy { $0.fields["reason"] == "\"unreachable\"" }, "\(ill)")
    if isWhole { #expect(ill.count == 24, "\(ill.count)") }
  }
}

/// The arguments and environments of the processes on jump hosts, looked at again and again.
private final class Words: Sendable {
  private let state = Mutex<(found: Set<Data>, isOver: Bool, isDone: Bool)>(([], false, false))

  init(_ segments: Segments) {
    Thread.detachNewThread { [self] in
      while !state.withLock({ $0.isOver }) {
        let words = segments.words(of: Segments.jumpHosts)
        state.withLock { $0.found.formUnion(words) }
        usleep(20_000)
      }
      state.withLock { $0.isDone = true }
    }
  }

  func stop() -> Set<Data> {
    state.withLock { $0.isOver = true }
    _ = eventually { state.withLock { $0.isDone } }
    return state.withLock { $0.found }
  }
}
