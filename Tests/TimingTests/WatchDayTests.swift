import Engine
import Foundation
import Lab
import Synchronization
import Testing

@testable import Metrics
@testable import Passes
@testable import Store

private typealias Tag = Metrics.Tag

/// A running watch on a simulated clock: a day, the days on which the clock is changed, and the minute that a
/// session with a BMC may last.
@Suite(.serialized) struct WatchDayTests {
  private static func date(_ text: String) throws -> Date {
    let parser = ISO8601DateFormatter()
    return try #require(parser.date(from: text))
  }

  /// How many hours; `make watch-day` has 24.
  private static let hours =
    ProcessInfo.processInfo.environment["SCRAPE_HOURS"].flatMap { Int($0) } ?? 2

  @Test func `nothing grows from the first hour to the last`() async throws {
    let server = try Sshd()
    let closed = freePort()
    let watch = try await SimulatedWatch(
      hosts: """
        all:
          vars: {user: \(NSUserName()), every: 1m}
          hosts:
            me: {connection: local, probes: [{tcp: {port: \(server.port), every: 1m, name: door}}]}
            far: {address: 127.0.0.1, port: \(server.port), key: \(server.key), known_hosts: \(server.knownHosts)}
            dead: {address: 127.0.0.1, port: \(closed)}
        """,
      settings: """
        watch: {every: 1m}
        connect_timeout: 30s
        store: {keep: 30m}
        profiles: {linux: {collectors: {system: , mem: , cpu: , net: , disk: , processes: }}}
        contacts: {ops: {exec: {command: [/bin/true]}}}
        """, at: Self.date("2026-11-16T06:00:00Z"))
    let seen = Mutex<[(hours: Int, holdings: Holdings)]>([])
    let end = await watch.run(for: .seconds(Self.hours * 3600), step: .seconds(15)) { passed in
      if passed.components.seconds % 3600 == 0 {
        seen.withLock { $0.append((Int(passed.components.seconds / 3600), Holdings())) }
      }
    }
    withExtendedLifetime(server) {}
    #expect(end.storeFailure == nil)
    let all = seen.withLock { $0 }
    for (hour, holdings) in all { print("hour \(hour): \(holdings)") }
    let first = try #require(all.first?.holdings)
    let last = try #require(all.last?.holdings)
    #expect(all.count == Self.hours)
    // The watch did what it should: each minute once, one host of three in vain.
    let times = try await watch.store.history(
      host: "me", measurement: "scrape", field: "up", tags: [Tag("target", "ssh")],
      from: Timestamp(seconds: 0), to: Timestamp(nanoseconds: .max)
    ).map(\.0)
    #expect((27...33).contains(times.count), "\(times.count) in the 30 min that are kept")
    let steps = zip(times, times.dropFirst()).map { $1.since($0) }
    #expect(steps.allSatisfy { $0 > .seconds(40) && $0 < .seconds(80) }, "\(steps)")
    #expect(watch.lines.contains { $0.hasPrefix("trouble dead") }, "\(watch.lines)")
    #expect(watch.lines.count < 30, "\(watch.lines)")
    // What is kept for an hour, a store of 30 min and the sessions are there after one hour. What malloc(3)
    // holds at that moment varies by 200 kB.
    #expect(last.heap <= first.heap + 512 << 10, "\(first) … \(last)")
    #expect(last.descriptors <= first.descriptors + 2, "\(first) … \(last)")
    #expect(last.threads <= first.threads + 2 && last.children <= first.children + 1, "\(last)")
  }

  private static func inPrague(_ body: () async throws -> Void) async rethrows {
    let before = ProcessInfo.processInfo.environment["TZ"]
    setenv("TZ", "Europe/Prague", 1)
    tzset()
    defer {
      if let before { setenv("TZ", before, 1) } else { unsetenv("TZ") }
      tzset()
    }
    try await body()
  }

  /// An hour that the clock leaves out, and one that it shows twice.
  @Test(arguments: [
    // From 01:15 to 04:45: 02:00 to 03:00 does not exist. What holds from 01:30 to 03:30 holds for an hour.
    ("2026-03-29T00:15:00Z", 150, "2026-03-29T01:30:00Z", 60),
    // From 01:15 to 04:15: it is there twice, and holds for three hours.
    ("2026-10-24T23:15:00Z", 240, "2026-10-25T00:30:00Z", 180),
  ])
  func `on the days on which the clock is changed nothing is left out, and nothing done twice`(
    start: String, minutes: Int, once: String, window: Int
  ) async throws {
    try await Self.inPrague {
      let watch = try await SimulatedWatch(
        hosts: "all: {hosts: {me: {connection: local}}}\n",
        settings: """
          watch: {every: 1m}
          store: {keep: 1d}
          profiles:
            linux:
              collectors:
                system: 1m
                mem: [{at: "02:30"}]
                net: [{every: 1m, from: "01:30", until: "03:30"}]
          """, at: Self.date(start))
      let begin = Timestamp.now
      _ = await watch.run(for: .seconds(minutes * 60), step: .seconds(15))
      func times(_ measurement: String, _ field: String) async throws -> [Timestamp] {
        Array(
          Set(
            try await watch.store.history(
              host: "me", measurement: measurement, field: field, from: begin,
              to: Timestamp(nanoseconds: .max)
            ).map(\.0))
        ).sorted()
      }
      // Each minute, also in the hour that is there twice: no gap, nothing twice.
      let always = try await times("system", "uptime")
      #expect((minutes - 3...minutes + 2).contains(always.count), "\(always.count)")
      let steps = zip(always, always.dropFirst()).map { $1.since($0) }
      #expect(steps.allSatisfy { $0 > .seconds(40) && $0 < .seconds(80) }, "\(steps)")
      let daily = try await times("mem", "used_percent")
      #expect(daily.count == 1, "\(daily)")
      let due = Timestamp(seconds: Int64(try Self.date(once).timeIntervalSince1970))
      // At times of the day hosts are spread over half a minute; a step is 15 s.
      #expect(daily.allSatisfy { $0 >= due && $0.since(due) < .seconds(60) }, "\(daily) \(due)")
      let hours = try await times("net", "bytes_recv")
      #expect((window - 3...window + 2).contains(hours.count), "\(hours.count) of \(window)")
    }
  }

  @Test func `a session with a BMC lasts for a minute, and no longer than its polls`() async throws
  {
    var configuration = BMC.Configuration()
    // This one would keep them for hours.
    configuration.idleSeconds = 86_400
    let bmc = try BMC(configuration)
    let secrets = Scratch()
    let password = secrets.write("password", "secret", mode: 0o600)
    let watch = try await SimulatedWatch(
      hosts: """
        all:
          hosts:
            me:
              connection: local
              bmc: {address: \(bmc.address), port: \(bmc.port), user: admin, password: "file:\(password)", every: 10s}
        """,
      settings: """
        watch: {every: 1m}
        profiles: {linux: {collectors: {system: 1m}}}
        """, at: Self.date("2026-11-16T06:00:00Z"))
    let open = Mutex<(longest: Duration, since: Duration?, sessions: Int)>((.zero, nil, 0))
    _ = await watch.run(for: .seconds(900), step: .seconds(5)) { passed in
      open.withLock { state in
        let number = bmc.sessionsOpenedInAll
        if number != state.sessions || bmc.openSessions == 0 {
          (state.sessions, state.since) = (number, passed)
        }
        if bmc.openSessions > 0, let since = state.since {
          state.longest = max(state.longest, passed - since)
        }
      }
    }
    withExtendedLifetime(secrets) {}
    let (longest, _, sessions) = open.withLock { $0 }
    let polls = try await watch.store.history(
      host: "me", measurement: "scrape", field: "up", tags: [Tag("target", "bmc")],
      from: Timestamp(seconds: 0), to: Timestamp(nanoseconds: .max))
    #expect((80...92).contains(polls.count), "\(polls.count)")
    #expect(polls.allSatisfy { $0.1 == .integer(1) })
    #expect(longest >= .seconds(30) && longest <= .seconds(60), "\(longest)")
    // A minute has six polls: one session for most of them.
    #expect((13...24).contains(sessions), "\(sessions)")
    #expect(bmc.maxConcurrentSessions == 1)
    #expect(bmc.openSessions == 0)
  }
}
