import Configuration
import Metrics
import Testing

@testable import Passes

/// The schedule of the watch, with a clock of the test.
struct TickerTests {
  private func every(_ seconds: Int64) -> Set<Schedule> { [Schedule(every: .seconds(seconds))] }
  private let start = Timestamp(seconds: 1_800_000_000)

  /// Walks through a span in steps; returns what was due, with its time.
  private func walk(
    _ ticker: inout Ticker, for length: Duration, step: Duration
  ) -> [(key: Ticker.Key, at: Timestamp, missed: Int)] {
    var taken: [(key: Ticker.Key, at: Timestamp, missed: Int)] = []
    var now = start
    let end = start.after(length)
    while now < end {
      now = now.after(step)
      taken += ticker.take(at: now).map { ($0.key, $0.due, $0.missed) }
    }
    return taken
  }

  @Test func `400 hosts at 15 s over 24 hours: none too often, none too seldom`() {
    var ticker = Ticker()
    for index in 0..<400 {
      let name = "host\(index)"
      ticker.add(.host(name), every(15), phase: Pace.phase(name), at: start)
    }
    var counts: [Ticker.Key: Int] = [:]
    var now = start
    let end = start.after(.seconds(86_400))
    var steps = 0
    while let next = ticker.next, next <= end {
      now = next
      steps += 1
      for item in ticker.take(at: now) {
        counts[item.key, default: 0] += 1
        #expect(item.missed == 0)
      }
    }
    #expect(counts.count == 400)
    #expect(counts.values.allSatisfy { $0 == 5760 })
    #expect(steps <= 400 * 5760)
  }

  @Test func `hosts are spread evenly over their interval`() {
    for names in [(0..<400).map { "web\($0)" }, (0..<400).map { "10.0.\($0 / 256).\($0 % 256)" }] {
      var ticker = Ticker()
      for name in names {
        ticker.add(.host(name), every(10), phase: Pace.phase(name), at: start)
      }
      var seconds = [Int](repeating: 0, count: 10)
      for item in ticker.take(at: start.after(.seconds(10))) {
        seconds[Int(item.due.since(start).components.seconds) % 10] += 1
      }
      // Forty each; a spread by chance has a standard deviation of six.
      #expect(seconds.allSatisfy { (18...62).contains($0) }, "\(seconds)")
    }
  }

  @Test func `what was missed is counted and not piled up`() {
    var ticker = Ticker()
    ticker.add(.host("a"), every(2), phase: 0, at: start)
    #expect(ticker.take(at: start.after(.seconds(2))).count == 1)
    let late = ticker.take(at: start.after(.seconds(13)))
    #expect(late.count == 1 && late[0].missed == 4)
    #expect(late[0].due == start.after(.seconds(4)))
    #expect(ticker.take(at: start.after(.seconds(13))).isEmpty)
    // And it is back at its phase.
    #expect(ticker.next == start.after(.seconds(14)))
  }

  @Test func `a clock that is set makes no burst`() {
    var ticker = Ticker()
    for index in 0..<100 {
      ticker.add(.host("h\(index)"), every(60), phase: Pace.phase("h\(index)"), at: start)
    }
    for jump in [Duration.seconds(7200), .seconds(-7200)] {
      let now = start.after(jump)
      ticker.restart(at: now)
      #expect(ticker.take(at: now).isEmpty)
      let due = ticker.take(at: now.after(.seconds(60)))
      #expect(due.count == 100 && due.allSatisfy { $0.missed == 0 })
    }
  }

  @Test func `intervals of one host meet`() {
    var ticker = Ticker()
    let schedules = every(15).union(every(60)).union(every(300))
    ticker.add(.host("a"), schedules, phase: Pace.phase("a"), at: start)
    let taken = walk(&ticker, for: .seconds(3600), step: .milliseconds(250))
    #expect(taken.count == 240)
  }
}
