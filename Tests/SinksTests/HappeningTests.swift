import Metrics
import Testing

@testable import Store

/// What the store keeps for pages beside the history: log-ins and other events, scores of policies, days.
struct HappeningTests {
  private func point(
    _ measurement: String, _ tags: [Metrics.Tag], _ second: Int?, _ fields: [(String, String)]
  )
    -> Point
  {
    var point = Point(measurement, tags: tags, time: second.map(time))
    for (name, text) in fields { point.string(name, text) }
    return point
  }

  private func login(_ action: String, _ user: String, _ second: Int) -> Point {
    point(
      "login", [Tag("action", action)], second,
      [("user", user), ("from", "10.8.0.12"), ("tty", "pts/0")])
  }

  private func batch(_ number: Int, _ points: [Point], host: String = "web1") -> HostResult {
    HostResult(
      batch: PointBatch(
        host: host, tags: [Tag("host", host)], time: time(100 * number), points: points))
  }

  @Test func `log-ins and events of hosts are listed, the newest first`() async throws {
    try await withStore { store in
      try await store.finish(
        pass(1),
        [
          batch(
            1,
            [
              login("login", "alice", 40), login("boot", "reboot", 30),
              point(
                "event", [Tag("source", "host"), Tag("severity", "minor")], 30,
                [("subject", "reboot"), ("text", "up again after 12 d")]),
              // Changes of checks are kept as such.
              point(
                "event", [Tag("source", "check"), Tag("severity", "critical")], 31,
                [("subject", "ssh"), ("text", "timeout")]),
            ])
        ])
      var failed = (0..<40).map { login("failed", $0 < 30 ? "root" : "admin", 150 + $0) }
      failed.append(login("logout", "alice", 1_000_000))
      try await store.finish(pass(2), [batch(2, failed), batch(2, [], host: "web2")])
      let all = try await store.happenings()
      #expect(
        all.map(\.happening.text) == [
          "alice logged out on pts/0",
          "40 log-ins failed: root (30), admin (10) from 10.8.0.12 (40)",
          "alice logged in on pts/0 from 10.8.0.12", "reboot: up again after 12 d",
        ])
      // A host's clock runs ahead: nothing is later than its pass.
      #expect(all.first?.happening.time == time(200))
      #expect(all.last?.happening.severity == .minor && all.first?.happening.severity == nil)
      #expect(try await store.happenings(kinds: [.host]).count == 1)
      #expect(try await store.happenings(of: "web2").isEmpty)
      #expect(try await store.happenings(of: "web1", limit: 2).count == 2)
    }
  }

  @Test func `a host that has ever new ones does not displace the others`() async throws {
    try await withStore(.init(changesOfHost: 10)) { store in
      try await store.finish(pass(1), [batch(1, [login("login", "alice", 40)], host: "web2")])
      for number in 2..<8 {
        let points = (0..<3).map { login("login", "u\($0)", 100 * number - 9 + $0) }
        try await store.finish(pass(number), [batch(number, points)])
      }
      #expect(try await store.happenings(of: "web1").count == 10)
      #expect(try await store.happenings(of: "web2").count == 1)
    }
  }

  private func record(_ second: Int, failed: Int) -> Store.PolicyRecord {
    var counts = Store.PolicyCounts()
    counts.passed = 10 - failed
    counts.failed = failed
    return Store.PolicyRecord(
      host: "web1", policy: "sshd", time: time(second), body: Array("{}".utf8), counts: counts,
      findings: (0..<failed).map {
        Store.PolicyFinding(id: "\($0)", title: "title", verdict: "failed", why: "why")
      })
  }

  @Test func `scores of policies are kept when they change`() async throws {
    try await withStore { store in
      for (number, failed) in [2, 2, 3, 3, 0].enumerated() {
        let record = record(100 * number, failed: failed)
        try await store.finish(pass(number + 1), [], policies: [record])
      }
      let scores = try await store.policyScores()
      #expect(scores.map(\.counts.failed) == [2, 3, 0])
      #expect(scores.map(\.time) == [time(0), time(200), time(400)])
      #expect(try await store.policyScores(of: "web1", latest: true).map(\.counts.passed) == [10])
      #expect(try await store.policyScores(of: "web2").isEmpty)
      #expect(try await store.policyFindings().isEmpty)
      #expect(try await store.policyTimes() == ["web1": ["sshd": time(400)]])
      try await store.finish(pass(6), [], policies: [record(500, failed: 1)])
      #expect(try await store.policyFindings(of: "web1")["web1"]?["sshd"]?.map(\.id) == ["0"])
    }
  }

  @Test func `days are kept for known hosts, and not by a reader`() async throws {
    try await withFolder { folder in
      let store = Store(path: folder + "/db")
      try await store.finish(pass(1), [batch(1, [])])
      try await store.keep(days: [("web1", [1, 2, 3]), ("nowhere", [4])])
      #expect(try await store.day(of: "web1") == [1, 2, 3])
      #expect(try await store.day(of: "nowhere") == nil)
      let reader = Store(path: folder + "/db", read: true)
      try await reader.keep(days: [("web1", [9])])
      #expect(try await reader.day(of: "web1") == [1, 2, 3])
    }
  }
}
