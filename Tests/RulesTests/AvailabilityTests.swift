import Configuration
import Metrics
import Testing

@testable import Rules

@Suite struct AvailabilityTests {
  private func time(_ seconds: Int) -> Timestamp {
    Timestamp(seconds: 1_700_000_000 + Int64(seconds))
  }
  private let hour = SLA(window: .seconds(3600))

  @Test(
    arguments: [
      ([.ok: 3], 100), ([.ok: 3, .critical: 1], 75), ([.ok: 1, .minor: 1], 100),
      ([.ok: 1, .major: 1], 50), ([.ok: 1, .unknown: 9], 100), ([.unknown: 9], nil), ([:], nil),
    ] as [([Severity: Int], Double?)])
  func `what is unknown does not count`(counts: [Severity: Int], percent: Double?) {
    var availability = Availability(hour)
    availability.add("all", at: time(0), counts)
    #expect(availability.percent("all", at: time(0)) == percent)
  }

  @Test func `what is good is the operator's choice`() {
    var availability = Availability(SLA(window: .seconds(3600), counting: [.ok]))
    availability.add("all", at: time(0), [.ok: 1, .minor: 1])
    #expect(availability.percent("all", at: time(0)) == 50)
  }

  @Test func `what is older than the window counts no more`() {
    var availability = Availability(hour)
    // A quarter of an hour of outage, then all is well.
    for pass in 0..<480 {
      availability.add("all", at: time(pass * 15), pass < 60 ? [.critical: 1] : [.ok: 1])
      if pass == 119 { #expect(availability.percent("all", at: time(pass * 15)) == 50) }
    }
    #expect(availability.percent("all", at: time(480 * 15)) == 100)
    #expect(availability.percent("other", at: time(0)) == nil)
    #expect(availability.percent("all", at: time(100_000)) == nil)
  }

  @Test func `it is what a count over all passes would be, but for one stretch`() {
    var availability = Availability(hour)
    var all: [(time: Int, isGood: Bool)] = []
    var state: UInt64 = 7
    for pass in 0..<2000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let isGood = (pass / 100) % 3 != 0 || state >> 60 > 12
      all.append((pass * 15, isGood))
      availability.add("all", at: time(pass * 15), isGood ? [.ok: 1] : [.major: 1])
      guard pass > 240 else { continue }
      let now = pass * 15
      let window = all.filter { $0.time > now - 3600 }
      let exact = 100 * Double(window.count { $0.isGood }) / Double(window.count)
      let percent = availability.percent("all", at: time(now)) ?? -1
      // A stretch of 75 s holds five of 240 passes.
      #expect(abs(percent - exact) < 2.2, "\(percent) for \(exact)")
    }
  }

  @Test func `a clock that was set back, and a long silence, begin anew`() {
    var availability = Availability(hour)
    availability.add("all", at: time(0), [.critical: 1])
    availability.add("all", at: time(-86_400), [.ok: 1])
    #expect(availability.percent("all", at: time(-86_400)) == 100)
    availability.add("all", at: time(86_400 * 365), [.critical: 1])
    #expect(availability.percent("all", at: time(86_400 * 365)) == 0)
    availability.add("all", at: Timestamp(nanoseconds: .max), [.ok: 1])
    availability.add("all", at: Timestamp(nanoseconds: .min), [.ok: 1])
  }

  @Test func `it comes back from the store as it was, and not for another window`() {
    var availability = Availability(hour)
    for pass in 0..<300 {
      availability.add("scope=all", at: time(pass * 15), [.ok: pass % 7, .critical: 1])
    }
    let values = availability.values
    #expect(Availability(hour, values: values) == availability)
    #expect(Availability(SLA(window: .seconds(7200)), values: values) == nil)
    #expect(Availability(SLA(window: .seconds(3600), counting: [.ok]), values: values) == nil)
    #expect(Availability(hour, values: [:]) == nil)
    var damaged = values
    damaged["scope=all"] = [1, 2]
    #expect(Availability(hour, values: damaged) == nil)
    availability.prune(at: time(300 * 15))
    #expect(availability.values.count == 2)
    availability.prune(at: time(300 * 15 + 7200))
    #expect(availability.values.count == 1)
  }

  @Test(
    arguments: [
      ("{window: 24h}", nil), ("{window: 24h, count: [ok, major]}", nil),
      ("{}", "no window"), ("{window: 24h, count: [fine]}", "fine"), ("{window: 1s}", "from 1m"),
    ] as [(String, String?)])
  func `the window of an SLA is read`(text: String, problem: String?) throws {
    var findings = Findings()
    let node = try YAML.read(Source("scrape.yml", text: text))
    let sla = findings.decode("sla", node) { SLA(&$0) }
    let problems = findings.errors.map(\.problem).joined()
    if let problem {
      #expect(problems.contains(problem), "\(problems)")
    } else {
      #expect(sla?.window == .seconds(86_400) && problems.isEmpty)
      #expect(sla?.counted.contains(.major) == text.contains("major"))
    }
  }
}
