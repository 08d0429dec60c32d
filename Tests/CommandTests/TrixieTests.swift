import Foundation
import Lab
import Testing

/// Debian 13's OpenSSH 10 counts contacts without a log-in and refuses whoever makes 16 at once.
@Suite(.serialized, .enabled(if: Trixie.isThere), .timeLimit(.minutes(8)))
struct TrixieTests {
  private func lab(_ server: Trixie) -> Range {
    let range = Range(
      hosts: """
        all:
          hosts:
            deb13:
              address: 127.0.0.1
              port: \(server.port)
              user: root
              known_hosts: \(server.scratch.write("known_hosts", server.knownHosts))
              probes: ['ssh:\(server.port)', {ssh: {port: \(server.port), expect: Debian, name: x}}]
        """)
    return range
  }

  @Test func `two hundred probes in a row are none too many, whichever command asks`() throws {
    let server = try Trixie()
    let range = lab(server)
    for number in 1...200 {
      let outcome =
        switch number {
        case 50: try range.scrape("run", "--only", "probes")
        case 100: try range.scrape("host", "deb13", "--only", "probes")
        // Without the inventory's key only the banner is read.
        case 150...160:
          try range.scrape("probe", "{ssh: {port: \(server.port), expect: Debian}}", "127.0.0.1")
        default: try range.scrape("probe", "ssh:\(server.port)", "deb13")
        }
      guard outcome.status == 0 else {
        Issue.record("probe \(number): \(outcome) \(server.log.suffix(600))")
        return
      }
    }
    #expect(!server.log.contains("drop connection"), "\(server.log.suffix(600))")
    #expect(!server.log.contains("activating"))
  }

  @Test func `many at once wait for each other, or say that they did not ask`() throws {
    let server = try Trixie()
    let range = lab(server)
    let tally = Tally()
    let words = [
      "probe", "ssh:\(server.port)", "deb13", "--inventory", range.inventory, "--store",
      range.store,
    ]
    DispatchQueue.concurrentPerform(iterations: 24) { _ in
      let outcome = try? run(Scrape.program, words)
      tally.add(outcome?.output ?? "")
    }
    let said = tally.lines
    #expect(said.count == 24)
    #expect(said.count { $0.hasPrefix("ok ") } >= 6, "\(said)")
    #expect(
      said.allSatisfy { $0.hasPrefix("ok ") || $0.contains("not_reached: not asked") }, "\(said)")
    #expect(!server.log.contains("drop connection") && !server.log.contains("activating"))
  }

  @Test func `who was refused says so, and does not ask again before its time`() throws {
    let server = try Trixie()
    let range = lab(server)
    for _ in 0..<40 { _ = listens(server.port) }
    #expect(eventually { server.log.contains("activating ipv4 penalty") }, "\(server.log)")
    let first = try range.scrape("probe", "ssh:\(server.port)", "deb13")
    #expect(first.output.hasPrefix("minor"), "\(first)")
    #expect(first.output.contains("refused_by_protection"), "\(first)")
    let drops = server.log.occurrences(of: "drop connection")
    for _ in 0..<5 {
      let again = try range.scrape("probe", "ssh:\(server.port)", "deb13")
      #expect(again.output.contains("is left alone for"), "\(again)")
    }
    #expect(server.log.occurrences(of: "drop connection") == drops)
    // The penalty was some 20 to 40 s.
    let healed = eventually(within: 90) {
      (try? range.scrape("probe", "ssh:\(server.port)", "deb13"))?.status == 0
    }
    #expect(healed, "\(server.log.suffix(600))")
  }

  @Test func `a log-in is no contact that is held against us`() throws {
    let server = try Trixie()
    let range = Range(
      hosts: """
        all:
          hosts:
            deb13:
              address: 127.0.0.1
              port: \(server.port)
              user: root
              key: \(server.scratch.path)/user
              known_hosts: \(server.scratch.write("known_hosts", server.knownHosts))
        """)
    for _ in 0..<30 {
      let outcome = try range.scrape("probe", "{ssh: {port: \(server.port), login: yes}}", "deb13")
      #expect(outcome.output.contains("logs in by publickey"), "\(outcome)")
    }
    #expect(!server.log.contains("penalty"), "\(server.log.suffix(600))")
  }
}

private final class Tally: @unchecked Sendable {
  private let lock = NSLock()
  private var kept: [String] = []

  func add(_ line: String) { lock.withLock { kept.append(line) } }
  var lines: [String] { lock.withLock { kept } }
}
