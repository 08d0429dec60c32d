import Metrics
import Testing

@Suite struct RestTests {
  private let start: UInt64 = 1_700_000_000

  /// Refuses each log-in that is allowed, one attempt each half minute; returns the minutes of them.
  private func attempts(_ rule: Rest.Rule, hours: UInt64) -> [UInt64] {
    var rest: Rest?
    var minutes: [UInt64] = []
    for second in stride(from: start, to: start + hours * 3600, by: 30) {
      let now = Timestamp(seconds: Int64(second))
      if rest?.end(mark: 7, at: now) != nil { continue }
      rest = Rest.after(rest, mark: 7, by: rule, at: now)
      minutes.append((second - start) / 60)
    }
    return minutes
  }

  @Test func `an account rests after three refusals, for 5 to 60 minutes`() {
    // 960 attempts in 8 hours without it.
    #expect(attempts(.logIn, hours: 8) == [0, 0, 1, 6, 16, 36, 76, 136, 196, 256, 316, 376, 436])
    #expect(attempts(.bmcLogIn, hours: 4) == [0, 5, 15, 35, 75, 135, 195])
    #expect(attempts(.bmcSession, hours: 1) == [0, 0, 1, 3, 7, 15, 25, 35, 45, 55])
  }

  @Test(
    arguments: [
      // At, with what, and whether the rest still holds.
      (0, UInt64(7), true), (299, 7, true), (300, 7, false), (10, 8, false), (-86_400, 7, false),
      (-3000, 7, true),
    ])
  func `a rest ends in time, by another key, or by a clock that was set back far`(
    after: Int64, mark: UInt64, rests: Bool
  ) {
    let begun = Timestamp(seconds: Int64(start))
    var rest: Rest?
    for _ in 1...3 { rest = Rest.after(rest, mark: 7, by: .logIn, at: begun) }
    let now = Timestamp(seconds: Int64(start) + after)
    #expect((rest?.end(mark: mark, at: now) != nil) == rests)
  }

  @Test func `refusals of another key are not counted together`() {
    let now = Timestamp(seconds: Int64(start))
    var rest: Rest?
    for mark: UInt64 in [1, 1, 2, 2] { rest = Rest.after(rest, mark: mark, by: .logIn, at: now) }
    #expect(rest == Rest(refusals: 2, until: 0, mark: 2))
    #expect(rest?.end(mark: 2, at: now) == nil)
    // A record without a mark, of an earlier version, counts for any.
    let old = Rest(refusals: 2, until: 0, mark: nil)
    #expect(Rest.after(old, mark: 2, by: .logIn, at: now).refusals == 3)
  }

  @Test func `marks differ where any text does`() {
    #expect(Rest.mark(of: ["a", "bc"]) != Rest.mark(of: ["ab", "c"]))
    #expect(Rest.mark(of: ["a", "bc"]) == Rest.mark(of: ["a", "bc"]))
  }
}
