import Foundation
import Lab

/// Passes over eight hosts whose HTTP servers close each connection after the answer, as servers of
/// HTTP/1.0 do. One reactor ends a transfer while the other begins to wait for it: passes once hung here.
struct Closing {
  var passes: Int
  var program: String
  /// Seconds after which no further pass begins; nil is never.
  var limit: Double?

  private static let hosts = 8
  private static let deadline = 5

  func run() throws -> Soak.Outcome {
    let scratch = Scratch()
    let servers = try (0..<Self.hosts).map { _ in try Peer(LabRange.closing) }
    defer { for server in servers { server.stop() } }
    var hosts = "all:\n  vars: {profile: none, address: 127.0.0.1}\n  hosts:\n"
    var healthy: [Check: [Finding]] = [:]
    for (index, server) in servers.enumerated() {
      hosts += "    h\(index): {probes: [\"http:\(server.port)\"]}\n"
      healthy[Check(host: "h\(index)", name: "service http:\(server.port)")] = [.ok]
    }
    scratch.write("inventory/hosts.yml", hosts)
    let points = "\(scratch.path)/points.lp"
    scratch.write(
      "inventory/scrape.yml",
      """
      profiles: {none: {collectors: []}}
      store: {path: \(scratch.path)/state/scrape.db}
      self: off
      sinks: [{file: {path: \(points), format: influx, rotate: off, sync: no}}]

      """)
    var outcome = Soak.Outcome()
    var file = PointFile(points)
    let begun = Date()
    for number in 1...passes {
      if let limit, Date().timeIntervalSince(begun) > limit { break }
      let pass = try RangePass(
        number, program: program, inventory: "\(scratch.path)/inventory", deadline: Self.deadline)
      outcome.take(pass, faults: "")
      let news = file.news()
      outcome.points += news.count
      guard !pass.isHung, !pass.isBroken else { continue }
      for wrong in Verdicts(news, since: pass.start).wrong(healthy) {
        outcome.add(wrong, in: pass, faults: "")
      }
    }
    return outcome
  }
}
