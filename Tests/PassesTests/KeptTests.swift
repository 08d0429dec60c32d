import Engine
import Foundation
import Inventory
import Lab
import Metrics
import Testing

@testable import Configuration
@testable import Hosts
@testable import Passes

/// Sessions that stay between the scrapes of the watch, with the shell of this machine.
@Suite struct KeptTests {
  private let scratch = Scratch()

  private func site(_ hosts: String) throws -> Site {
    scratch.write("inventory/hosts.yml", hosts)
    var findings = Findings()
    let site = Site(
      inventory: "\(scratch.path)/inventory", config: nil, store: "\(scratch.path)/scrape.db",
      checkingKeys: true, &findings)
    try findings.finish()
    return site
  }

  private func ask(_ name: String, of site: Site, with kept: Kept) async throws -> HostAnswer {
    var gatherer = await Gatherer(site, kept: kept)
    let host = try #require(site.inventory.host(name))
    let reach = Reach(host, &gatherer)
    let batch = Batch([], extras: [.init(name: "shell", script: "echo $$", byteLimit: 100)])
    // One of those that stay, whatever gatherer it is.
    #expect(reach.reactor.map { own in kept.reactors.contains { $0 === own } } == true)
    let answers = await reach.ask([batch], on: kept.reactors[0], by: .after(.seconds(20)))
    return try #require(answers.first)
  }

  private func process(_ answer: HostAnswer) -> String {
    answer.sections["shell"].map { String(decoding: $0.output, as: UTF8.self) } ?? ""
  }

  @Test func `a session stays from one gatherer to the next, and ends with what keeps it`()
    async throws
  {
    let site = try site("all: {hosts: {me: {connection: local}}}\n")
    let kept = Kept()
    let processes = await kept.serving { () -> [String] in
      var seen: [String] = []
      for round in 0..<4 {
        guard let answer = try? await ask("me", of: site, with: kept) else { continue }
        #expect(answer.failure == nil && answer.isKept == (round > 0))
        seen.append(process(answer))
        // A reload that leaves the host alone.
        if round == 1 { await kept.keep(only: ["me"]) }
      }
      let status = await kept.status()
      #expect(status.sessions == 1 && status.opened == 1 && status.reused == 3, "\(status)")
      return seen
    }
    #expect(processes.count == 4 && Set(processes).count == 1, "\(processes)")
    #expect(await kept.status().sessions == 0)
    let shell = processes[0].trimmingCharacters(in: .whitespacesAndNewlines)
    #expect(
      Int(shell) != nil
        && eventually { !FileManager.default.fileExists(atPath: "/proc/\(shell)") })
    // Afterwards each scrape has a session of its own.
    let after = try await ask("me", of: site, with: kept)
    #expect(after.failure == nil && !after.isKept)
  }

  @Test func `hosts behind one jump host, and a host that comes again, live on the same reactor`()
    async throws
  {
    let site = try site(
      """
      all:
        hosts:
          jp: {address: 127.0.0.1, port: 9}
          "web[1:40]": {address: 127.0.0.1, port: 9}
          "in[1:9]": {address: 10.9.9.9, via: jp}

      """)
    let kept = Kept()
    func places() async -> [String: Int] {
      var gatherer = await Gatherer(site, kept: kept)
      var places: [String: Int] = [:]
      for host in site.inventory.hosts {
        let reactor = Reach(host, &gatherer).reactor
        places[host.name] = kept.reactors.firstIndex { $0 === reactor } ?? -1
      }
      return places
    }
    let first = await places()
    #expect(first.values.allSatisfy { $0 >= 0 })
    #expect(await places() == first)
    #expect(Set(first.filter { $0.key.hasPrefix("in") }.values).count == 1)
    // Spread over all of them.
    #expect(Set(first.filter { $0.key.hasPrefix("web") }.values).count == kept.reactors.count)
  }
}
