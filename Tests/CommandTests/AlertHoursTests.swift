import Configuration
import Engine
import Foundation
import Lab
import Metrics
import Rules
import Sinks
@testable import Store
import Testing

@testable import Alerts
@testable import Passes
@testable import Scraper

/// Hours of passes in seconds: the states are set by hand, and all that follows is real, the store, the
/// texts and a program that writes down what it gets.
@Suite(.serialized, .timeLimit(.minutes(3))) struct AlertHoursTests {
  struct Hours {
    let range: Range
    let site: Site
    let store: Store
    let reactor = Reactor()
    var now = Timestamp(seconds: 1_800_000_000)
    var states: [String: [String: CheckState]] = [:]

    init(_ alerts: String = "") throws {
      let scratch = Scratch()
      range = Range(
        hosts: "all: {hosts: {\"web[01:20]\": }}\n",
        settings: """
          contacts:
            team:
              exec:
                command:
                  - /bin/sh
                  - -c
                  - 'test ! -e \(scratch.path)/broken && cat >> \(scratch.path)/sent && echo >> \(scratch.path)/sent'
          \(alerts)
          """)
      folder = scratch
      site = try Site(
        Arguments(
          ["--inventory", range.inventory, "--store", range.store], options: Site.options))
      store = site.store()
    }

    private let folder: Scratch

    mutating func set(_ hosts: [Int], _ severity: Severity, check: String = "ssh") {
      for number in hosts {
        let host = number < 10 ? "web0\(number)" : "web\(number)"
        if var state = states[host]?[check] {
          _ = state.observe(severity, at: now)
          states[host]?[check] = state
        } else {
          states[host, default: [:]][check] =
            CheckState.first(severity, at: now, patience: .none).0
        }
      }
    }

    mutating func pass(_ seconds: Int64 = 15) async throws {
      var alerting = Alerting(
        site.alerting, store, contacts: site.contacts, at: now)
      for incident in await alerting.update(states, changes: [:]) { try await store.keep(incident) }
      await alerting.send(on: reactor, by: .after(.seconds(20)))
      now = Timestamp(seconds: now.seconds + seconds)
    }

    /// Whether the program fails.
    func isBroken(_ flag: Bool) {
      if flag {
        folder.write("broken", "")
      } else {
        try? FileManager.default.removeItem(atPath: "\(folder.path)/broken")
      }
    }

    /// The notifications in order.
    var sent: [[String: Any]] {
      (folder.read("sent") ?? "").split(separator: "\n").compactMap {
        try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
      }
    }

    var subjects: [String] { sent.compactMap { $0["subject"] as? String } }
  }

  @Test func `twenty hosts that flap for an hour are a few messages, and the last is right`()
    async throws
  {
    var hours = try Hours()
    hours.set(Array(1...20), .ok)
    try await hours.pass()
    for pass in 0..<240 {
      for host in 1...20 {
        hours.set([host], (pass + host) / 3 % 2 == 0 ? .critical : .ok)
      }
      try await hours.pass()
    }
    #expect((1...4).contains(hours.sent.count), "\(hours.subjects)")
    for _ in 0..<40 {
      hours.set(Array(1...20), .ok)
      try await hours.pass()
    }
    #expect((2...5).contains(hours.sent.count), "\(hours.subjects)")
    #expect(hours.sent.last?["kind"] as? String == "recovery")
    #expect(
      hours.subjects.last?.hasPrefix("🟢 web[01-20] ssh resolved") == true, "\(hours.subjects)")
    #expect(try await hours.store.incidents().isEmpty)
  }

  @Test func `what waited for long is one summary, in which everything is named`() async throws {
    var hours = try Hours()
    hours.set(Array(1...20), .ok)
    try await hours.pass()
    hours.isBroken(true)
    for number in 1...6 {
      hours.set([number], .critical)
      for _ in 0..<30 { try await hours.pass() }
    }
    hours.set([1, 2], .ok)
    for _ in 0..<70 { try await hours.pass() }
    #expect(hours.sent.isEmpty)
    hours.isBroken(false)
    for _ in 0..<3 { try await hours.pass(900) }
    #expect(hours.sent.count == 1, "\(hours.subjects)")
    #expect(hours.sent.first?["kind"] as? String == "summary")
    let text = hours.sent.first?["text"] as? String ?? ""
    for number in 1...6 { #expect(text.contains("web0\(number)"), "\(text)") }
    // A contact that got the alert gets the recovery.
    hours.set([3, 4, 5, 6], .ok)
    try await hours.pass()
    #expect(hours.sent.count == 5, "\(hours.subjects)")
    #expect(hours.subjects.suffix(4).allSatisfy { $0.hasPrefix("🟢") })
  }
}
