import Transfer
import Configuration
import Engine
import Foundation
import Lab
import Metrics
import Sinks
@testable import Store
import Synchronization
import Testing

@testable import Notifiers
@testable import Rules
@testable import Alerts
@testable import Passes
@testable import Scraper

/// A place that keeps what it was sent.
private struct Inbox: Notifier {
  static let kind = "inbox"
  let name = "inbox"
  let lane = "inbox"
  let isLiving = true
  private let kept = Box()

  private final class Box: Sendable {
    let notices = Mutex<[(Notice, Occasion)]>([])
    let isAway = Mutex(false)
  }

  /// While the place is away nothing can be sent there.
  func isAway(_ isAway: Bool) { kept.isAway.withLock { $0 = isAway } }

  var notices: [(notice: Notice, occasion: Occasion)] {
    kept.notices.withLock { $0.map { (notice: $0.0, occasion: $0.1) } }
  }

  static let summary = "A place of the tests."
  static let example = "{}"
  static func decode(_ fields: inout Fields, secrets: Bool) -> [any Notifier] { [] }

  func deliver(
    _ notice: Notice, _ occasion: Occasion, _ sent: inout SentMessage,
    _ memory: inout NotifierMemory,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    if kept.isAway.withLock({ $0 }) { throw DeliveryError(.unreachable, name, "no route") }
    kept.notices.withLock { $0.append((notice, occasion)) }
    sent = SentMessage("sent")
  }

  func close() {}
}

/// Messages about incidents: the whole way from points to what a contact is sent.
@Suite(.timeLimit(.minutes(2))) struct AlertMessageTests {
  /// Passes whose points are set by hand, with a contact whose place is an inbox.
  private final class Team {
    let range: Range
    let site: Site
    let store: Store
    let inbox = Inbox()
    var states: [String: [String: CheckState]] = [:]
    var now = Timestamp(seconds: Timestamp.now.seconds - 3000)

    init(rules: String, hosts: String = "gpu1: {}, web1: {}, web2: {}, esx: {}") throws {
      range = Range(
        hosts: "all: {hosts: {\(hosts)}}\n",
        settings: "contacts: {team: {exec: {command: [/bin/true]}}}\n\(rules)\n")
      site = try Site(
        Arguments(["--inventory", range.inventory, "--store", range.store], options: Site.options))
      store = site.store()
    }

    /// One pass that begins now and reads a second later.
    func pass(
      _ points: [String: [Point]], down: [String] = [], services: [String: Severity] = [:],
      network: Severity? = nil
    ) async throws {
      var results: [HostResult] = []
      if let network {
        var own = HostResult(batch: PointBatch(host: Pseudo.scraper, tags: [], time: now))
        own.outcomes = [TargetOutcome(target: "network", up: network == .ok, severity: network)]
        results.append(own)
      }
      for host in site.inventory.hosts {
        var result = HostResult(
          batch: PointBatch(
            host: host.name, tags: host.pointTags, time: Timestamp(seconds: now.seconds + 1),
            points: points[host.name] ?? []))
        let isDown = down.contains(host.name)
        result.outcomes = [
          TargetOutcome(
            target: "ssh", up: !isDown, severity: isDown ? .critical : .ok,
            reason: isDown ? .timeout : nil, message: isDown ? "no answer within 5 s" : nil)
        ]
        for (name, severity) in services where name.hasPrefix("\(host.name)/") {
          result.outcomes.append(
            TargetOutcome(
              target: "service \(name.drop { $0 != "/" }.dropFirst())", up: severity == .ok,
              severity: severity))
        }
        results.append(result)
      }
      var evaluator = Evaluator(site, store, CheckList(site), states: states)
      for index in results.indices { await evaluator.evaluate(&results[index]) }
      states = evaluator.states
      let contact = Contact(
        name: "team", notifiers: [inbox], sections: [:],
        mark: Mark(source: Source("t", text: ""), line: 1, column: 1))
      var alerting = Alerting(site.alerting, store, contacts: [contact], at: now)
      let kept = await alerting.update(
        states,
        changes: Dictionary(
          results.map { ($0.batch.host, $0.transitions) }, uniquingKeysWith: { $0 + $1 }))
      let summary = PassSummary(
        start: now, end: now, hosts: results.count, up: results.count, failed: 0, points: 0)
      try await store.finish(summary, results, incidents: kept)
      await alerting.send(on: Reactor(), by: .after(.seconds(10)))
      now = Timestamp(seconds: now.seconds + 60)
    }

    var loud: [Notice] {
      inbox.notices.filter { $0.occasion != .change && !$0.notice.isSilent }.map(\.notice)
    }
  }

  private func gpu(_ index: Int, _ temperature: Int64, pstate: String) -> Point {
    var point = Point(
      "nvidia_smi",
      tags: [
        Tag("index", "\(index)"), Tag("name", "NVIDIA H100"), Tag("uuid", "GPU-\(index)"),
        Tag("pstate", pstate),
      ])
    point.integer("temperature_gpu", temperature)
    return point
  }

  @Test func `the picture ends with the reading that fired, whatever the GPU's power state`()
    async throws
  {
    let team = try Team(
      rules: "rules: {gpu hot: {when: nvidia_smi.temperature_gpu, critical: \"> 95\"}}")
    for temperature in [60, 61, 62, 63, 64] as [Int64] {
      try await team.pass(
        ["gpu1": [gpu(0, temperature, pstate: "P8"), gpu(1, 40, pstate: "P8")]])
    }
    // The reading is a second later than the beginning of its pass, and its `pstate` is another.
    let last = Timestamp(seconds: team.now.seconds + 1)
    try await team.pass(["gpu1": [gpu(0, 96, pstate: "P0"), gpu(1, 41, pstate: "P8")]])
    let notice = try #require(team.loud.first)
    let chart = try #require(notice.chart)
    #expect(chart.series[0].values.map(\.value) == [60, 61, 62, 63, 64, 96])
    #expect(chart.series[0].values.last?.time == last && chart.to >= last)
    #expect(chart.title == "gpu1: gpu hot GPU 0" && chart.unit == "°C")
    #expect(notice.subject == "🔴 gpu1 gpu hot GPU 0", "\(notice.subject)")
    let text = notice.text.plain
    #expect(text.contains("nvidia_smi.temperature_gpu 96 °C, threshold > 95"), "\(text)")
    #expect(!text.contains("uuid") && !text.contains("NVIDIA H100"), "\(text)")
  }

  @Test func `a critical alert is sent with sound while a minor one lingers elsewhere`()
    async throws
  {
    let team = try Team(
      rules: """
        rules:
          busy: {when: cpu.usage_active, minor: "> 90", critical: "> 98"}
        """)
    func cpu(_ value: Double) -> [Point] {
      var point = Point("cpu", tags: [Tag("cpu", "cpu-total")])
      point.float("usage_active", value)
      return [point]
    }
    // web1 was critical, which was sent with sound, and is minor now.
    try await team.pass(["web1": cpu(99), "web2": cpu(1)])
    try await team.pass(["web1": cpu(95), "web2": cpu(1)])
    #expect(team.loud.count == 1)
    try await team.pass(["web1": cpu(95), "web2": cpu(99)])
    #expect(team.loud.count == 2, "\(team.loud.map(\.subject))")
    #expect(team.loud.last?.subject == "🔴 web2 busy cpu-total")
    #expect(Set(team.loud.map(\.incident)).count == 2)
  }

  @Test func `a headline names the worst, and counts the rest`() async throws {
    let team = try Team(
      rules: "rules: {full: {when: disk.used_percent, minor: \"> 85\"}}")
    func disk(_ value: Double) -> [Point] {
      var point = Point("disk", tags: [Tag("path", "/"), Tag("device", "vda1")])
      point.float("used_percent", value)
      return [point]
    }
    try await team.pass(
      ["web1": disk(86), "web2": disk(87), "gpu1": disk(88)], down: ["esx"])
    let notice = try #require(team.loud.first)
    #expect(
      notice.subject == "🔴 esx ssh down, and 3 more alerts on 3 hosts", "\(notice.subject)")
    let lines = notice.text.plain.split(separator: "\n").map(String.init)
    #expect(lines[0].hasPrefix("🔴 esx ssh down, and 3 more alerts on 3 hosts · since "))
    #expect(lines[2].contains("full /: ") && lines[2].contains("disk.used_percent"), "\(lines)")
  }

  @Test func `what is unknown is sent where it was ok before`() async throws {
    let team = try Team(rules: "", hosts: "w: {probes: [\"tcp:80\", \"tcp:81\"]}")
    try await team.pass([:], services: ["w/tcp:80": .ok, "w/tcp:81": .unknown])
    try await team.pass([:], services: ["w/tcp:80": .ok, "w/tcp:81": .unknown])
    #expect(team.inbox.notices.isEmpty)
    try await team.pass([:], services: ["w/tcp:80": .unknown, "w/tcp:81": .unknown])
    let notices = team.inbox.notices.map(\.notice)
    #expect(notices.map(\.subject) == ["⚪ w tcp:80"] && notices.allSatisfy(\.isSilent))
    try await team.pass([:], services: ["w/tcp:80": .ok, "w/tcp:81": .unknown])
    #expect(team.inbox.notices.last?.notice.subject.hasPrefix("🟢 w tcp:80 resolved") == true)
  }

  @Test func `what an outage takes with it and what to check first are said`() async throws {
    let team = try Team(
      rules: "",
      hosts: """
        esx: {}, "vm[1:3]": {on: esx, probes: ["tcp:80"]}, web1: {}
        """)
    let probes = ["vm1/tcp:80", "vm2/tcp:80"]
    try await team.pass(
      [:], down: ["esx", "vm1", "vm2", "vm3"],
      services: Dictionary(uniqueKeysWithValues: probes.map { ($0, .critical) }))
    let text = try #require(team.loud.first).text.plain
    #expect(text.contains("affects 3 hosts, 2 services: vm[1-3]"), "\(text)")
    #expect(text.contains("first check: power and uplink of esx; scrape host esx"), "\(text)")
    #expect(team.loud.count == 1)
  }

  @Test func `that the scraper was cut off is sent with sound also where it has resolved`()
    async throws
  {
    let team = try Team(rules: "rules: {full: {when: disk.used_percent, minor: \"> 85\"}}")
    var point = Point("disk", tags: [Tag("path", "/")])
    point.float("used_percent", 90)
    try await team.pass([:], network: .ok)
    team.inbox.isAway(true)
    try await team.pass(["web1": [point]], network: .critical)
    try await team.pass(["web1": [point]], network: .ok)
    team.inbox.isAway(false)
    try await team.pass(["web1": [point]], network: .ok)
    #expect(team.loud.map(\.subject) == ["🟢 scraper network resolved after 1 min 0 s"])
    #expect(team.inbox.notices.count == 2, "\(team.inbox.notices.map(\.notice.subject))")
    try await team.pass([:], network: .ok)
    #expect(team.loud.count == 1)
  }

  @Test(arguments: [
    ("path=/", "/"), ("index=0", "GPU 0"), ("interface=eth0", "eth0"), ("path=/a,b", "/a,b"),
    ("entity_id=7.1,name=inlet_temp", "inlet_temp 7.1"), ("path=/x,=y", "/x,=y"),
    ("compute_index=0,gpu_index=1,uuid=GPU-1", "0 1 GPU-1"), ("odd", "odd"), ("", ""),
  ])
  func `a series is named by what distinguishes it`(name: String, label: String) {
    #expect(SeriesName.label(name) == label)
  }

  @Test(
    arguments: [
      ("°C", 96, "96 °C"), ("%", 97.24, "97.2 %"), ("B", 1_288_490_189, "1.2 GiB"), ("", 3, "3"),
      ("s", 12, "12 s"), ("s", 7200, "2 h 0 min"), ("s", -5, "-5 s"), ("ms", 12.5, "12.5 ms"),
    ] as [(String, Double, String)])
  func `a reading has its unit`(unit: String, value: Double, text: String) {
    #expect(Format.measured(value, unit) == text)
  }
}
