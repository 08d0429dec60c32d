import Metrics
import Testing

@testable import Pages

/// The history of a service from its transitions: what is not known is neither up nor down.
@Suite struct StateHistoryTests {
  private let now = Timestamp(nanoseconds: 1_795_000_000_000_000_000)
  private func ago(_ minutes: Int64) -> Timestamp { now.before(.seconds(60 * minutes)) }
  private func history(
    _ severity: Severity, since: Timestamp? = nil, _ changes: [StateHistory.Change]
  ) -> StateHistory {
    StateHistory(now: severity, since: since, changes: changes, at: now) { $0 == .ok ? 1 : 0 }
  }

  @Test func `half an hour down of two hours that are known`() throws {
    let one = history(
      .ok,
      [
        .init(time: ago(30), from: .critical, since: ago(60)),
        .init(time: ago(60), from: .ok, since: ago(120)),
      ])
    #expect(try #require(one.uptime) == 0.75)
    #expect(one.uptimeOfWeek == one.uptime)
    // A slot has 16 minutes: two hours are its last 7.5.
    #expect(one.slots.count { $0 != nil } == 8)
    #expect(one.slots.prefix(82).allSatisfy { $0 == nil })
    #expect(one.slots.last == .ok)
    #expect(one.slots[87] == .critical)
    let worth = one.worth.compactMap { $0 }
    #expect(worth.count == 8 && worth.contains(0) && worth.contains(1))
    #expect(one.worth.prefix(82).allSatisfy { $0 == nil })
  }

  @Test func `without a change the state holds since it began`() {
    #expect(history(.ok, since: ago(10), []).slots.count { $0 == .ok } == 1)
    #expect(history(.ok, since: ago(60 * 24 * 30), []).slots.allSatisfy { $0 == .ok })
    #expect(history(.ok, since: ago(60 * 24 * 30), []).uptimeOfWeek == 1)
    #expect(history(.ok, since: nil, []).uptime == nil)
  }

  @Test func `unknown is neither up nor down`() {
    let one = history(
      .ok,
      [
        .init(time: ago(60), from: .unknown, since: ago(120)),
        .init(time: ago(120), from: .critical, since: ago(180)),
      ])
    #expect(one.uptime == 0.5)
    #expect(one.slots.contains(.unknown))
  }

  @Test func `a clock that was set back does no harm`() {
    let one = history(
      .ok,
      [
        .init(time: now.after(.seconds(600)), from: .critical, since: nil),
        .init(time: Timestamp(nanoseconds: .min), from: .critical, since: nil),
      ])
    #expect(one.slots.last == .ok)
  }
}
