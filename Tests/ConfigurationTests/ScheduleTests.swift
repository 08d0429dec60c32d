import Foundation
import Metrics
import Testing

@testable import Configuration

/// Times of a schedule. The zone is that of the process: each test sets the one that it is about.
@Suite(.serialized) struct ScheduleTests {
  private func schedule(_ text: String) throws -> Schedule {
    try Schedule(try YAML.read(Source("scrape.yml", text: text)), "every")
  }

  private func time(_ text: String) throws -> Timestamp {
    let parser = DateFormatter()
    parser.locale = Locale(identifier: "en_US_POSIX")
    parser.timeZone = TimeZone(identifier: "Europe/Prague")
    parser.dateFormat = "yyyy-MM-dd HH:mm:ss"
    return Timestamp(seconds: Int64(try #require(parser.date(from: text)).timeIntervalSince1970))
  }

  private func inPrague(_ body: () throws -> Void) rethrows {
    let before = ProcessInfo.processInfo.environment["TZ"]
    setenv("TZ", "Europe/Prague", 1)
    tzset()
    defer {
      if let before { setenv("TZ", before, 1) } else { unsetenv("TZ") }
      tzset()
    }
    try body()
  }

  @Test func `an interval counts from the last time`() throws {
    let every = try schedule("15s")
    #expect(every.isPlain && every.shortest == .seconds(15))
    let now = Timestamp(seconds: 1_000_003)
    #expect(every.next(after: now) == Timestamp(seconds: 1_000_018))
  }

  @Test func `a phase is the same each time and spreads hosts`() throws {
    let every = try schedule("15s")
    let phase: UInt64 = 1_234_567_890_123
    var now = Timestamp(seconds: 1_000_003)
    var times: [Timestamp] = []
    for _ in 0..<100 {
      now = every.next(after: now, phase: phase)
      times.append(now)
    }
    #expect(zip(times, times.dropFirst()).allSatisfy { $1.since($0) == .seconds(15) })
    // A longer interval of the same host meets the shorter one.
    let minute = try schedule("1m").next(after: times[0], phase: phase)
    #expect(times.contains(minute))
  }

  @Test func `of several intervals the shortest that holds counts`() throws {
    try inPrague {
      let every = try schedule(
        "[{every: 5s, from: \"08:00\", until: \"18:00\", days: mon-fri}, {every: 1m}]")
      #expect(!every.isPlain && every.shortest == .seconds(5))
      // A Wednesday.
      #expect(every.interval(at: try time("2026-07-15 12:00:00")) == .seconds(5))
      #expect(every.interval(at: try time("2026-07-15 18:00:00")) == .seconds(60))
      #expect(every.interval(at: try time("2026-07-18 12:00:00")) == .seconds(60))
      let evening = try time("2026-07-15 17:59:58")
      #expect(every.next(after: evening) == evening.after(.seconds(60)))
      // Before the hours begin nobody waits longer than until then.
      let morning = try time("2026-07-15 07:59:30")
      #expect(every.next(after: morning) == (try time("2026-07-15 08:00:00")))
    }
  }

  @Test func `outside of its hours nothing is due`() throws {
    try inPrague {
      let every = try schedule("[{every: 5s, from: \"22:00\", until: \"06:00\", days: [fri, sat]}]")
      #expect(every.interval(at: try time("2026-07-17 23:00:00")) == .seconds(5))
      #expect(every.interval(at: try time("2026-07-19 05:59:59")) == .seconds(5))
      #expect(every.interval(at: try time("2026-07-19 06:00:00")) == nil)
      let sunday = try time("2026-07-19 06:00:00")
      #expect(every.next(after: sunday) == (try time("2026-07-24 22:00:00")))
    }
  }

  @Test func `times of the day, also when the clock is changed`() throws {
    try inPrague {
      let every = try schedule("[{at: [\"02:30\", \"14:00\"]}]")
      #expect(try every.next(after: time("2026-07-15 03:00:00")) == time("2026-07-15 14:00:00"))
      #expect(try every.next(after: time("2026-07-15 14:00:00")) == time("2026-07-16 02:30:00"))
      // On 29 March 02:30 does not exist, on 25 October it is there twice: once each.
      for (day, length) in [("2026-03-28", 23), ("2026-10-24", 25)] {
        var now = try time("\(day) 15:00:00")
        let end = now.after(.seconds(Int64(length) * 3600))
        var count = 0
        while true {
          now = every.next(after: now)
          if now > end { break }
          count += 1
        }
        #expect(count == 2, "\(day)")
      }
      let sundays = try schedule("[{at: \"02:00\", days: sun}]")
      #expect(try sundays.next(after: time("2026-07-15 03:00:00")) == time("2026-07-19 02:00:00"))
    }
  }

  @Test func `an interval over a day of 23 hours is not late`() throws {
    try inPrague {
      let every = try schedule("[{every: 10m, from: \"01:00\", until: \"04:00\"}]")
      var now = try time("2026-03-29 00:00:00")
      let end = try time("2026-03-29 12:00:00")
      var count = 0
      while true {
        now = every.next(after: now, phase: 0)
        if now > end { break }
        count += 1
      }
      // From 01:00 to 04:00 there were two hours.
      #expect(count == 12)
    }
  }

  @Test(arguments: [
    ("[]", "list"), ("{from: \"08:00\"}", "neither `every` nor `at`"),
    ("{every: 5s, at: \"08:00\"}", "both `every` and `at`"),
    ("{every: 5s, from: \"08:00\", until: \"08:00\"}", "same time"),
    ("{every: 5s, days: mondy-xx}", "unknown day"), ("{every: 5s, from: 8}", "time of the day"),
    ("{at: \"08:00\", from: \"07:00\"}", "say nothing about `at`"),
    ("{evry: 5s}", "unknown key"), ("5x", "length of time"),
  ])
  func `a fault is named`(text: String, words: String) throws {
    let error = #expect(throws: ConfigurationError.self) { try schedule(text) }
    #expect(error?.description.contains(words) == true, "\(error.map(\.description) ?? "")")
  }
}
