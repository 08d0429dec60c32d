import Metrics
import Testing

@testable import Sinks
@testable import Store

struct BudgetTests {
  private func host(_ name: String, _ points: [Point]) -> HostResult {
    HostResult(batch: batch(points, host: name))
  }

  private func mounts(_ count: Int) -> [Point] {
    (0..<count).map { number in
      var point = Point("disk", tags: [Tag("path", "/mnt/\(number)")])
      point.integer("free", Int64(number))
      return point
    }
  }

  private var scrape: Point {
    var point = Point("scrape", tags: [Tag("target", "ssh")])
    point.integer("up", Int64(1))
    return point
  }

  @Test func `a host's surplus of series goes, the last first, and its scrape point stays`() {
    // Two of the host's three batches, as a pass has them; the other host is not touched.
    var results = [
      host("bad", mounts(30) + [scrape]), host("good", mounts(20)), host("bad", mounts(40)),
    ]
    let good = results[1]
    let excesses = Budget(series: 25).apply(to: &results)
    #expect(excesses == [Budget.Excess(host: "bad", dropped: 22, measurement: "disk")])
    #expect(results[1] == good)
    // The first 24 mounts are also the first of the second batch: they are the same series.
    for index in [0, 2] {
      let kept = results[index].batch.points.filter { $0.measurement == "disk" }
      #expect(kept == Array(mounts(24)))
    }
    #expect(results[0].batch.points.last?[field: "dropped"] == .integer(22))
    #expect(Budget(series: 25).apply(to: &results).isEmpty)
  }

  @Test func `points of one series may be as many as their bytes allow`() {
    let events = (0..<5_000).map { number in
      var point = Point("event", time: Timestamp(nanoseconds: Int64(number)))
      point.string("text", String(repeating: "x", count: 100))
      return point
    }
    var results = [host("a", events)]
    #expect(Budget().apply(to: &results).isEmpty)
    #expect(results[0].batch.points.count == 5_000)
    let excess = Budget(bytes: 64 << 10).apply(to: &results).first
    let kept = results[0].batch.points
    #expect(kept.count > 300 && kept.count < 600)
    #expect(kept == Array(events.prefix(kept.count)))
    #expect(excess?.dropped == 5_000 - kept.count)
  }

  @Test func `the same surplus is dropped each time`() {
    let points = (0..<300).map { number in
      var point = Point("m\(number % 7)", tags: [Tag("n", "\(number % 211)")])
      point.integer("v", Int64(number))
      return point
    }
    var first = [host("a", points + [scrape])]
    var second = first
    #expect(
      Budget(series: 100).apply(to: &first) == Budget(series: 100).apply(to: &second))
    #expect(first == second)
    let series = Set(first[0].batch.points.map { "\($0.measurement) \($0.tags)" })
    #expect(series.count == 100)
  }
}
